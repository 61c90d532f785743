"""A chat as PDF: what its page shows, with fonts that are embedded, set in a process of its own."""

import io
import re
from typing import Any

import pypdf
import pytest
from django.test import Client

from accounts.models import User
from accounts.tenancy import acting_as
from chats import conversation as conversations
from chats.exchange import working, writing
from chats.exchange.models import ExchangeJob
from chats.exchange.pdf import faces, making
from chats.models import Citation, Conversation, Message
from tests.chats.conftest import answered

pytestmark = pytest.mark.django_db

RICH = r"""# Heading

1. First
   - nested **bold** and *italic*

> quoted words

| Name | Value |
|------|------:|
| Ärger | 1,234 |

```python
def heron(nest):
    return 42
```

$$\int_0^\infty e^{-x^2}\,dx = \frac{\sqrt{\pi}}{2}$$

Inline $a^2 + b^2$. Съешь ещё этих булок. Γαζέες καὶ μυρτιὲς. 天地玄黄。いろは。한국어 [1].
"""


def made(chat: Conversation) -> pypdf.PdfReader:
    content = making.pdf(chat, list(Message.objects.filter(conversation=chat).prefetch_related("citations")))
    return pypdf.PdfReader(io.BytesIO(content))


def words(pdf: pypdf.PdfReader) -> str:
    return "\n".join(page.extract_text() for page in pdf.pages).replace("\u00a0", " ")


def fonts(pdf: pypdf.PdfReader) -> dict[str, bool]:
    """Those that some text is set in, and whether each is in the file."""
    found: dict[str, bool] = {}
    for page in pdf.pages:
        for name, font in page["/Resources"]["/Font"].items():
            if f"{name} ".encode() in page.get_contents().get_data():
                descriptor = font.get("/FontDescriptor", {})
                found[font["/BaseFont"].rpartition("+")[2]] = "/FontFile2" in descriptor
    return found


@pytest.fixture
def chat(owner: User) -> Conversation:
    with acting_as(owner):
        chat = conversations.start(owner)
        answer = answered(chat, "What is <b>there</b>?\nTwo lines.", RICH)
        Citation.objects.create(message=answer, number=1, document_name="отчёт.pdf", page=3, quoted="цитата", score=1)
        chat.refresh_from_db()
        return chat


def test_everything_that_the_page_shows_is_in_it(chat: Conversation) -> None:
    text = words(made(chat))
    for part in (
        "What is <b>there</b>?", "Heading", "nested bold", "quoted words", "1,234", "def heron(nest):", "    return 42",
        "Съешь ещё", "Γαζέες καὶ", "天地玄黄", "いろは", "한국어", "[1] отчёт.pdf, page 3: цитата",
    ):  # fmt: skip
        assert part in text
    assert r"\frac" not in text


def test_whoever_answered_has_the_name_that_the_page_shows(chat: Conversation, owner: User) -> None:
    Message.objects.filter(conversation=chat, role="assistant").update(answered_by="ollama/llama3.2:latest")
    text = words(made(chat))
    with acting_as(owner):
        told = writing.markdown(chat, writing.messages_of(chat))
    assert re.search(r"^llama3\.2 +· +20", text, re.MULTILINE)
    assert "\n## llama3.2\n" in told
    assert "ollama/" not in text + told


def test_every_font_is_embedded(chat: Conversation) -> None:
    found = fonts(made(chat))
    assert {"DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DroidSansFallback"} <= set(found)
    assert all(found.values()), found


EMOJI = "✅ ❌ 🚀 👍🏽 🎉 👉 💡 📌 ⚠️ ❤️‍🔥 🤷‍♂️ 👩‍💻 🧑🏿‍🚀 1️⃣ ☺︎ 🇩🇪 ⭐ 🔥 🤖 📝 🔒 🫠 ✔️ ℹ️"


def test_emoji_are_pictograms_and_not_boxes(owner: User) -> None:
    with acting_as(owner):
        chat = conversations.start(owner)
        answered(
            chat,
            f"Ready? {EMOJI}",
            f"# ✅ Done\n\n{EMOJI}\n\n- 🚀 **go 🎉**\n\n| 👍 |\n|---|\n| ❌ |\n\n```\n# 💡\n```",
        )
        chat.refresh_from_db()
        pdf = made(chat)
    text = words(pdf)
    assert "\u25a1" not in text
    for part in ("✅", "❌", "🚀", "👍", "👩💻", "🤷", "🧑🚀", "❤🔥", "🇩", "🫠", "💡"):
        assert part in text
    # What joins or colours them has no place of its own.
    assert not set("\ufe0f\ufe0e\u200d\u20e3\u2642🏽🏿") & set(text)
    assert fonts(pdf)["NotoEmoji-Regular"] is True


def test_a_line_of_pictograms_breaks_between_words(owner: User) -> None:
    assert not faces.is_asian("Ship it 🚀🚀🚀🚀🚀")
    assert faces.is_asian("天地玄黄")


@pytest.mark.parametrize(
    "text",
    [
        "x" * 200_000,
        ">" * 3_000 + " deep",
        "\n".join("  " * depth + "- deep" for depth in range(200)),
        "|" + "a|" * 60 + "\n|" + "-|" * 60 + "\n|" + "b|" * 60,
        "| a |\n|---|\n| " + "long " * 4_000 + " |",
        r"$\frac{$ and $$\begin{matrix} a$$ and $" + "x^" * 800 + "2$",
        "\ud800 \x00 \u202e \u0300" * 50,
        "```python\n" + "(" * 5_000 + "\n```",
        "![a](http://example.org/a.png) <script>alert(1)</script> [x](javascript:alert(1))",
        "",
    ],
    ids=[
        "long word",
        "quotes",
        "lists",
        "wide table",
        "tall cell",
        "formulas",
        "odd characters",
        "code",
        "links",
        "nothing",
    ],
)
def test_hostile_texts_are_set_too(owner: User, text: str) -> None:
    with acting_as(owner):
        chat = conversations.start(owner)
        answered(chat, "Why?", text)
        chat.refresh_from_db()
        pdf = made(chat)
    assert len(pdf.pages) >= 1
    links = [a.get_object()["/A"].get("/URI") for page in pdf.pages for a in page.get("/Annots", [])]
    assert not [link for link in links if link and not link.startswith("http")]


def test_by_the_menu(client: Client, owner: User, chat: Conversation, transactional_db: None) -> None:
    client.force_login(owner)
    answer: Any = client.post("/settings/exchange/export", {"form": "pdf", "chat": chat.pk})
    assert (answer.status_code, answer["Location"]) == (302, "/settings/exchange#latest")
    page = client.get(answer["Location"]).content.decode()
    assert page.count('id="latest" tabindex="-1"') == page.count('id="latest"') == 1
    job = ExchangeJob.objects.get()
    working.do(job.pk)
    got = client.get(f"/settings/exchange/{job.pk}/file")
    assert got["Content-Type"] == "application/pdf"
    assert got.getvalue().startswith(b"%PDF-")


def test_a_script_that_asks_for_it_is_led_to_the_new_job_too(client: Client, owner: User, chat: Conversation) -> None:
    client.force_login(owner)
    answer = client.post("/settings/exchange/export", {"form": "pdf", "chat": chat.pk}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (204, "/settings/exchange#latest")


def test_where_nothing_was_asked_for_the_page_says_so_in_the_same_place(client: Client, owner: User) -> None:
    client.force_login(owner)
    page = client.get("/settings/exchange").content.decode()
    assert '<p class="muted" id="latest" tabindex="-1">Nothing yet.' in page
