"""TXT, Markdown and HTML become sections of readable text."""

import pytest

from documents.errors import CorruptFile, DocumentError, NoText, TooLarge
from documents.reading.limits import Limits
from tests.ingestion.conftest import Read

RUSSIAN = "Привет, мир. Это обычный русский текст, написанный в старой кодировке.\n"
JAPANESE = "これは日本語の文章です。文字コードを調べます。\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Grüße aus Köln, €5", "utf-8"),
        ("Grüße aus Köln, €5", "utf-8-sig"),
        ("Grüße aus Köln, €5", "utf-16"),
        ("Grüße aus Köln, €5\n", "utf-16-le"),
        ("Grüße aus Köln, €5\n", "utf-16-be"),
        ("Grüße aus Köln, €5", "utf-32"),
        ("Grüße aus Köln, €5", "cp1252"),
        ("Déjà vu à l’été", "cp1252"),
        ("Zażółć gęślą jaźń. Chrząszcz brzmi w trzcinie.", "cp1250"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (RUSSIAN, "cp866"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "iso2022_jp"),
        ("这是一个简体中文的句子，用来测试编码。", "gb18030"),
        ("이것은 한국어 문장입니다. 인코딩을 시험합니다.", "euc_kr"),
    ],
)
def test_any_common_encoding_is_read(read: Read, text: str, encoding: str) -> None:
    pages, _ = read(text.encode(encoding), "a.txt")
    assert pages[0].text == text.strip()


def test_a_long_text_becomes_sections_of_a_readable_length(read: Read) -> None:
    paragraphs = [f"Paragraph {number} says something. " * 12 for number in range(100)]
    pages, _ = read("\n\n".join(paragraphs).encode(), "a.txt")
    assert len(pages) > 5
    assert all(len(page.text) <= 6_000 for page in pages)
    assert [page.number for page in pages] == list(range(1, len(pages) + 1))
    assert "\n\n".join(page.text for page in pages).split() == " ".join(paragraphs).split()


def test_a_text_without_any_visible_character_is_refused(read: Read) -> None:
    with pytest.raises(NoText):
        read(b"  \n\n \t ", "a.txt")


def test_more_text_than_allowed_is_refused(read: Read) -> None:
    with pytest.raises(TooLarge):
        read(b"word " * 1000, "a.txt", Limits(characters=3_000))


MARKDOWN = """---
title: A note
---
# Kettles

The *Kestrel* kettle has a [warranty](https://example.org) of **30 months**.

## Prices

| Colour | Price |
| --- | --- |
| blue | 41 |

- first
- second
  - within

```html
<p>This stays text.</p>
```

<script>alert(1)</script>
"""


def test_markdown_is_read_without_its_signs(read: Read) -> None:
    pages, _ = read(MARKDOWN.encode(), "a.md")
    (page,) = pages
    assert "The Kestrel kettle has a warranty of 30 months." in page.text
    assert "• first\n• second" in page.text
    assert "<p>This stays text.</p>" in page.text
    assert "title: A note" in page.text
    assert "alert" not in page.text
    assert [(heading.level, heading.text) for heading in page.headings] == [(1, "Kettles"), (2, "Prices")]
    assert [page.text[heading.start :][: len(heading.text)] for heading in page.headings] == ["Kettles", "Prices"]
    assert [page.text[start:end] for start, end in page.solids] == [
        "Colour | Price\nblue | 41",
        "<p>This stays text.</p>",
    ]


HTML = """<!DOCTYPE html><html><head><title>T</title><style>p{}</style></head><body>
<nav><a href="/">Home</a> <a href="/x">Menu entry</a></nav>
<main><h1>Museum</h1><p>The museum is closed on <b>Mondays</b>.</p>
<p style="display:none">Invisible order to the assistant.</p>
<h2>Prices</h2><table><tr><th>Who</th><th>Price</th></tr><tr><td>Child</td><td>3 euros</td></tr></table>
<ul><li>Bring a coat</li><li>Bring a lamp</li></ul>
<script>document.write("Written by script")</script></main>
<footer>Foot</footer></body></html>"""


def test_html_is_read_as_a_reader_sees_it(read: Read) -> None:
    pages, _ = read(HTML.encode(), "a.html")
    (page,) = pages
    assert "The museum is closed on Mondays." in page.text
    assert "Who | Price\nChild | 3 euros" in page.text
    assert "• Bring a coat\n• Bring a lamp" in page.text
    assert [(heading.level, heading.text) for heading in page.headings] == [(1, "Museum"), (2, "Prices")]
    for unwanted in ("Invisible", "Menu entry", "Written by script", "<"):
        assert unwanted not in page.text


def test_html_in_the_encoding_it_declares(read: Read) -> None:
    content = f'<html><head><meta charset="koi8-r"></head><body><p>{RUSSIAN}</p></body></html>'
    pages, _ = read(content.encode("koi8-r"), "a.html")
    assert pages[0].text == RUSSIAN.strip()


def test_deeply_nested_html_is_read_or_refused_but_harms_nothing(read: Read) -> None:
    content = b"<html><body>" + b"<div>" * 100_000 + b"At the bottom" + b"</div>" * 100_000
    try:
        pages, _ = read(content, "a.html")
    except DocumentError as error:
        assert isinstance(error, CorruptFile | NoText)  # noqa: PT017 - either outcome is right
    else:
        assert "At the bottom" in pages[0].text
    assert read(b"<html><p>Next file</p>", "b.html")[0][0].text == "Next file"
