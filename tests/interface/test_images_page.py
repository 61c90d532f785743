"""Pictures in Chromium: chosen, dropped, pasted, removed, refused; shown in the chat and opened large; two sizes."""

import base64
import io
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from accounts.models import User
from chats import conversation as conversations
from chats import presentation
from chats.images import taking_in
from chats.images.models import Picture
from chats.images.tasks import read_text
from chats.models import Conversation, Message
from tests.chats.conftest import sealed_in
from tests.chats.images.test_drawing import bomb, with_place
from tests.interface.accessibility import complaints
from tests.interface.conftest import PHONE, WIDE
from tests.ollama_server import OllamaServer
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SEEING, BLIND = "ollama/qwen2.5vl:7b", "ollama/llama3.2:3b"
COLOURS = ["#2f6f73", "#c9803a", "#5b5ea6", "#7a9a4d"]


def scene(number: int = 0, size: tuple[int, int] = (800, 500)) -> bytes:
    """Something to look at: hills before a sky."""
    picture = Image.new("RGB", size, "#dfe9ee")
    draw = ImageDraw.Draw(picture)
    width, height = size
    draw.ellipse((width * 0.7, height * 0.1, width * 0.8, height * 0.1 + width * 0.1), fill="#f2c14e")
    draw.polygon([(0, height), (width * 0.35, height * 0.3), (width * 0.8, height)], fill=COLOURS[number % 4])
    draw.polygon([(width * 0.3, height), (width * 0.7, height * 0.45), (width, height)], fill=COLOURS[(number + 1) % 4])
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def as_file(name: str, content: bytes, kind: str = "image/png") -> Any:
    return {"name": name, "mimeType": kind, "buffer": content}


def choose(tab: Page, *files: Any) -> None:
    tab.locator("#pictures-file").set_input_files(list(files))


def waiting(tab: Page) -> Any:
    return tab.locator("#waiting .waiting[data-picture]")


def look(tab: Page, name: str) -> None:
    """Kept where somebody wants to look at the pages: PICTURES=folder."""
    if folder := os.environ.get("PICTURES"):
        size = tab.viewport_size or WIDE
        tab.wait_for_timeout(350)
        for theme in ("light", "dark"):
            tab.evaluate("name => { document.documentElement.dataset.theme = name; }", theme)
            tab.screenshot(path=Path(folder) / f"{name}-{size['width']}-{theme}.png")
        tab.evaluate("document.documentElement.dataset.theme = 'light'")


@pytest.fixture(autouse=True)
def _socket(tab: Page) -> None:
    """The pages' sockets open, and say nothing."""
    tab.route_web_socket("**/ws/**", lambda _socket: None)


@pytest.fixture
def chat(owner: User, ollama: OllamaServer) -> Conversation:
    return conversations.start(owner, model=SEEING, use_documents=False)


def asked(chat: Conversation, count: int, text: str = "What is in these pictures?") -> Message:
    pictures = [taking_in.add(chat.owner, io.BytesIO(scene(n)), f"hills {n + 1}.png") for n in range(count)]
    exchange = conversations.post_message(chat, text, pictures=pictures)
    words = "Hills in front of a pale sky, with a low sun to the right."
    sealed = sealed_in(exchange.answer, content=words, html=f"<p>{words}</p>")
    Message.objects.filter(pk=exchange.answer.pk).update(status="done", answered_by=SEEING, **sealed)
    return exchange.question


@pytest.fixture(params=[PHONE, WIDE], ids=["phone", "wide"])
def sized(request: pytest.FixtureRequest, tab: Page) -> Page:
    tab.set_viewport_size(request.param)
    return tab


def give(tab: Page, selector: str, kind: str, files: list[tuple[str, str, bytes]], words: str = "") -> None:
    """What a browser does with files that are dropped or pasted."""
    tab.evaluate(
        """([selector, kind, files, words]) => {
          const data = new DataTransfer();
          for (const [name, type, base64] of files) {
            const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
            data.items.add(new File([bytes], name, { type }));
          }
          if (words) data.setData("text/plain", words);
          const target = document.querySelector(selector);
          const event = kind === "paste"
            ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
            : new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
          target.dispatchEvent(event);
        }""",
        [selector, kind, [(name, type_, base64.b64encode(c).decode()) for name, type_, c in files], words],
    )


def test_four_pictures_are_chosen_looked_at_and_sent(sized: Page, chat: Conversation) -> None:
    asked(chat, 1, "And this one?")
    sized.goto(f"/chats/{chat.pk}")
    choose(sized, *(as_file(f"hills {n}.png", scene(n)) for n in range(1, 5)))
    expect(waiting(sized)).to_have_count(4)
    expect(sized.locator("#announcer")).to_have_text(re.compile("was added"))
    sized.get_by_label("Your question").fill("Which of them is the highest?")
    look(sized, "four-waiting")
    sized.get_by_role("button", name="Send", exact=True).click()
    shown = sized.locator(".question").last.locator(".picture img")
    expect(shown).to_have_count(4)
    expect(waiting(sized)).to_have_count(0)
    expect(sized.locator("#waiting")).to_be_hidden()
    question = Message.objects.filter(role="user").latest("created_at")
    assert [p.name for p in question.pictures.order_by("number")] == [f"hills {n}.png" for n in range(1, 5)]
    for place in range(4):
        shown.nth(place).scroll_into_view_if_needed()
        sized.wait_for_function(
            "image => image.complete && image.naturalWidth > 0", arg=shown.nth(place).element_handle()
        )
    look(sized, "four-sent")
    assert sized.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_picture_opens_large_by_keyboard_and_gives_the_focus_back(sized: Page, chat: Conversation) -> None:
    asked(chat, 3)
    sized.goto(f"/chats/{chat.pk}")
    second = sized.locator(".picture").nth(1)
    second.focus()
    sized.keyboard.press("Enter")
    viewer = sized.get_by_role("dialog", name="Picture hills 2.png, 2 of 3")
    expect(viewer).to_be_visible()
    expect(viewer.get_by_role("button", name="Close")).to_be_focused()
    look(sized, "viewer")
    sized.keyboard.press("ArrowRight")
    expect(sized.get_by_role("dialog", name="Picture hills 3.png, 3 of 3")).to_be_visible()
    expect(sized.get_by_role("button", name="Next picture")).to_be_hidden()
    sized.keyboard.press("ArrowRight")
    sized.keyboard.press("ArrowLeft")
    expect(sized.get_by_role("dialog", name="Picture hills 2.png, 2 of 3")).to_be_visible()
    sized.keyboard.press("Escape")
    expect(sized.locator("dialog.viewer")).to_be_hidden()
    expect(second).to_be_focused()


def test_one_picture_keeps_its_shape_and_moves_nothing(sized: Page, chat: Conversation) -> None:
    asked(chat, 1, "What is in this picture?")
    sized.goto(f"/chats/{chat.pk}")
    image = sized.locator(".picture img")
    sized.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=image.element_handle())
    box = image.bounding_box()
    assert box
    assert abs(box["width"] / box["height"] - 800 / 500) < 0.02
    look(sized, "one-sent")


def test_dropping_and_pasting(sized: Page, chat: Conversation) -> None:
    tab = sized
    tab.goto(f"/chats/{chat.pk}")
    give(tab, "#messages", "dragover", [("a.png", "image/png", scene())])
    expect(tab.locator("#composer[data-dropping]")).to_be_visible()
    give(tab, "#messages", "drop", [("a.png", "image/png", scene()), ("b.png", "image/png", scene(1))])
    expect(waiting(tab)).to_have_count(2)
    expect(tab.locator("#composer[data-dropping]")).to_have_count(0)
    give(tab, "#question", "paste", [("image.png", "image/png", scene(2))])
    expect(waiting(tab)).to_have_count(3)
    # A table from a spreadsheet has a picture of itself beside its words.
    give(tab, "#question", "paste", [("image.png", "image/png", scene(3))], words="1\t2")
    tab.get_by_role("button", name="Remove b.png").click()
    expect(waiting(tab)).to_have_count(2)
    expect(tab.get_by_role("button", name="Remove image.png")).to_be_focused()
    expect(tab.locator("#announcer")).to_have_text("The picture was removed")


def test_where_a_photograph_was_taken_never_leaves_and_a_bomb_is_refused(sized: Page, chat: Conversation) -> None:
    sized.goto(f"/chats/{chat.pk}")
    photograph = with_place()
    choose(sized, as_file("beach.jpg", photograph, "image/jpeg"), as_file("bomb.png", bomb(30_000, 30_000)))
    expect(waiting(sized)).to_have_count(1)
    expect(sized.locator(".waiting-problem")).to_contain_text("bomb.png: ")
    sized.get_by_label("Your question").fill("Where is this?")
    sized.keyboard.press("Enter")
    shown = sized.locator(".question .picture")
    expect(shown).to_have_count(1)
    kept = sized.request.get(str(shown.get_attribute("href"))).body()
    assert Image.open(io.BytesIO(photograph)).getexif()
    assert not Image.open(io.BytesIO(kept)).getexif()
    assert b"CameraOfMine" not in kept


def test_a_refused_picture_leaves_the_question_and_the_others(sized: Page, chat: Conversation) -> None:
    sized.goto(f"/chats/{chat.pk}")
    sized.get_by_label("Your question").fill("What do you see here?")
    choose(
        sized,
        as_file("hills.png", scene()),
        as_file("broken.png", scene()[:400]),
        as_file("notes.pdf", b"%PDF-1.7", "application/pdf"),
        as_file("more hills.png", scene(1)),
    )
    expect(waiting(sized)).to_have_count(2)
    problems = sized.locator(".waiting-problem")
    expect(problems).to_have_count(2)
    expect(problems.filter(has_text="broken.png: This picture is damaged")).to_be_visible()
    expect(problems.filter(has_text="notes.pdf: This is no picture.")).to_be_visible()
    expect(sized.get_by_label("Your question")).to_have_value("What do you see here?")
    look(sized, "refused")
    problems.first.get_by_role("button", name="Dismiss").click()
    expect(problems).to_have_count(1)
    sized.keyboard.press("Enter")
    expect(sized.locator(".question .picture")).to_have_count(2)


def test_a_model_that_cannot_see_offers_one_that_can(sized: Page, owner: User, ollama: OllamaServer) -> None:
    chat = conversations.start(owner, model=BLIND, use_documents=False)
    sized.goto(f"/chats/{chat.pk}")
    choose(sized, as_file("hills.png", scene()))
    expect(waiting(sized)).to_have_count(1)
    sized.get_by_label("Your question").fill("What is this?")
    expect(sized.locator(".waiting-note")).to_contain_text("llama3.2:3b cannot see pictures.")
    sized.keyboard.press("Enter")
    expect(sized.locator("#composer-note")).to_contain_text("cannot see pictures, so nothing was asked.")
    look(sized, "blind")
    expect(waiting(sized)).to_have_count(1)
    expect(sized.get_by_label("Your question")).to_have_value("What is this?")
    sized.get_by_role("button", name="Use qwen2.5vl:7b").click()
    expect(sized.locator(".waiting-note")).to_be_empty()
    sized.keyboard.press("Enter")
    expect(sized.locator(".question .picture")).to_have_count(1)
    chat.refresh_from_db()
    assert chat.model == SEEING


def test_pictures_wait_through_a_reload_and_start_a_chat_without_words(
    tab: Page, owner: User, ollama: Any, settings: Any
) -> None:
    settings.DEFAULT_MODEL = "qwen2.5vl:7b"
    tab.goto("/")
    assert not tab.evaluate("performance.getEntriesByType('resource').some(e => e.name.includes('images'))")
    choose(tab, as_file("hills.png", scene()))
    expect(waiting(tab)).to_have_count(1)
    tab.reload()
    expect(waiting(tab)).to_have_count(1)
    look(tab, "home")
    tab.get_by_label("Your question").press("Enter")
    expect(tab.locator(".question .picture")).to_have_count(1)
    expect(tab.locator(".question .bubble")).to_have_text("What is in this picture?")
    tab.goto("/")
    expect(waiting(tab)).to_have_count(0)


def test_sending_waits_for_a_picture_on_its_way(tab: Page, chat: Conversation) -> None:
    tab.goto(f"/chats/{chat.pk}")
    held: list[Any] = []
    tab.route("**/images", lambda route: held.append(route))  # noqa: PLW0108 - Playwright wraps a function
    choose(tab, as_file("hills.png", scene()))
    expect(tab.locator(".waiting.adding")).to_have_count(1)
    tab.get_by_label("Your question").fill("What is this?")
    tab.keyboard.press("Enter")
    expect(tab.locator("#composer-note")).to_contain_text("A picture is still being added.")
    expect(tab.locator(".question")).to_have_count(0)
    held[0].continue_()
    expect(tab.locator(".question .picture")).to_have_count(1)
    expect(tab.get_by_label("Your question")).to_have_value("")


def test_the_text_in_a_picture_comes_into_the_question(
    tab: Page, chat: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab.goto(f"/chats/{chat.pk}")
    tab.get_by_label("Your question").fill("What does it say?")
    choose(tab, as_file("sign.png", scene()))
    expect(waiting(tab)).to_have_count(1)
    picture = Picture.objects.get()
    Picture.objects.filter(pk=picture.pk).update(
        reading="done", **Picture.sealed(picture.pk, owner_id=picture.owner_id, text="To the ferry")
    )
    tab.get_by_role("button", name="Put the text in sign.png into the question").click()
    expect(tab.get_by_label("Your question")).to_have_value("What does it say?\n\nText in sign.png:\nTo the ferry\n")
    expect(tab.get_by_label("Your question")).to_be_focused()


def test_where_nothing_can_read_text_the_page_says_what_is_missing(
    tab: Page, chat: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    tab.goto(f"/chats/{chat.pk}")
    choose(tab, as_file("sign.png", scene()))
    expect(waiting(tab)).to_have_count(1)
    tab.get_by_role("button", name="Put the text in sign.png into the question").click()
    expect(tab.locator(".waiting.busy")).to_have_count(1)
    # The page says so before the server has heard of it.
    until(lambda: Picture.objects.get().reading == Picture.Reading.ASKED)
    read_text(str(Picture.objects.get().pk))
    expect(tab.locator("#composer-note")).to_contain_text("Tesseract is not installed.", timeout=15_000)
    expect(waiting(tab)).to_have_count(1)


def test_a_picture_that_does_not_come_says_what_it_would_be(sized: Page, chat: Conversation) -> None:
    asked(chat, 2)
    sized.route("**/images/1?small", lambda route: route.abort())
    sized.goto(f"/chats/{chat.pk}")
    expect(sized.locator(".picture.broken")).to_have_count(1)
    look(sized, "broken")


def edited(tab: Page) -> Any:
    tab.locator(".question").first.hover()
    tab.get_by_role("link", name="Edit the question").first.click()
    form = tab.locator("form.edit")
    expect(form.get_by_role("textbox")).to_be_focused()
    return form


def test_pictures_are_dropped_and_added_while_a_question_is_edited(sized: Page, chat: Conversation) -> None:
    asked(chat, 3)
    sized.goto(f"/chats/{chat.pk}")
    form = edited(sized)
    there = form.locator("[data-picture]")
    expect(there).to_have_count(3)
    form.get_by_role("button", name="Remove hills 2.png").click()
    expect(form.get_by_role("button", name="Remove hills 3.png")).to_be_focused()
    form.locator("[data-pictures-file]").set_input_files([as_file("more.png", scene(3))])
    expect(there).to_have_count(3)
    give(sized, "form.edit textarea", "paste", [("pasted.png", "image/png", scene(1))])
    expect(there).to_have_count(4)
    give(sized, "form.edit", "dragover", [("a.png", "image/png", scene())])
    expect(sized.locator("form.edit[data-dropping]")).to_be_visible()
    expect(sized.locator("#composer[data-dropping]")).to_have_count(0)
    give(sized, "form.edit", "drop", [("dropped.png", "image/png", scene())])
    expect(there).to_have_count(5)
    expect(waiting(sized)).to_have_count(0)
    look(sized, "editing")
    assert complaints(sized) == []
    assert sized.evaluate("document.documentElement.scrollWidth <= innerWidth")
    form.get_by_role("textbox").fill("And these?")
    sized.keyboard.press("Control+Enter")
    expect(sized.locator(".bubble")).to_have_text(["And these?"])
    shown = sized.locator(".question .picture img")
    names = ["hills 1.png", "hills 3.png", "more.png", "pasted.png", "dropped.png"]
    assert shown.evaluate_all("all => all.map(one => one.alt)") == names
    assert sized.evaluate("Object.keys(localStorage).filter(key => /^(edit|pictures):/.test(key))") == []
    sized.get_by_role("button", name="Previous version").click()
    expect(shown).to_have_count(3)


def test_pictures_of_an_edited_question_wait_through_a_reload_until_it_is_given_up(
    sized: Page, chat: Conversation
) -> None:
    asked(chat, 2)
    sized.goto(f"/chats/{chat.pk}")
    form = edited(sized)
    form.get_by_role("button", name="Remove hills 1.png").click()
    form.locator("[data-pictures-file]").set_input_files([as_file("more.png", scene(3))])
    names = "all => all.map(one => one.alt)"
    expect(form.locator("[data-picture]")).to_have_count(2)
    sized.reload()
    expect(form.get_by_alt_text("more.png")).to_be_visible()
    assert form.locator("[data-picture] img").evaluate_all(names) == ["hills 2.png", "more.png"]
    sized.keyboard.press("Escape")
    expect(form).to_have_count(0)
    form = edited(sized)
    expect(form.locator("[data-picture]")).to_have_count(2)
    assert form.locator("[data-picture] img").evaluate_all(names) == ["hills 1.png", "hills 2.png"]


def test_a_question_without_pictures_gets_one_while_it_is_edited(sized: Page, chat: Conversation) -> None:
    asked(chat, 0, "What is this?")
    sized.goto(f"/chats/{chat.pk}")
    form = edited(sized)
    with sized.expect_file_chooser() as chooser:
        form.get_by_role("button", name="Add pictures to this question").click()
    chooser.value.set_files([as_file("hills.png", scene())])
    expect(form.locator("[data-picture]")).to_have_count(1)
    form.get_by_role("button", name="Send").click()
    expect(sized.locator(".question .picture")).to_have_count(1)


def test_a_viewer_opens_pictures_large_too(tab: Page, chat: Conversation) -> None:
    asked(chat, 2)
    tab.goto(f"/shared/{chat.pk}")
    tab.locator(".picture").first.click()
    expect(tab.get_by_role("dialog", name="Picture hills 1.png, 1 of 2")).to_be_visible()
    tab.keyboard.press("Escape")
    expect(tab.locator(".picture").first).to_be_focused()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_any_state(sized: Page, owner: User, ollama: OllamaServer, theme: Any) -> None:
    chat = conversations.start(owner, model=SEEING, use_documents=False)
    asked(chat, 4)
    conversations.configure(chat, model=BLIND)
    sized.emulate_media(color_scheme=theme, reduced_motion="reduce")
    sized.goto(f"/chats/{chat.pk}")
    choose(sized, as_file("hills.png", scene()), as_file("more.png", scene(1)), as_file("broken.png", scene()[:400]))
    expect(waiting(sized)).to_have_count(2)
    expect(sized.locator(".waiting-problem")).to_have_count(1)
    expect(sized.locator(".waiting-note")).to_contain_text("cannot see pictures.")
    assert complaints(sized) == []
    sized.locator(".picture").first.click()
    expect(sized.locator("dialog.viewer")).to_be_visible()
    assert complaints(sized) == []


def test_a_picture_from_another_tab_opens_large(tab: Page, chat: Conversation) -> None:
    """What comes through the socket brings its style and module along."""
    asked(chat, 0, "First?")
    sockets: list[Any] = []
    tab.route_web_socket("**/ws/**", lambda socket: sockets.append(socket))  # noqa: PLW0108 - as above
    tab.goto(f"/chats/{chat.pk}")
    expect(tab.locator("#scroll")).to_be_attached()
    question = asked(chat, 2)
    answer = question.children.get()
    html = presentation.append_messages(presentation.exchange(question, [answer], chat))
    expect(tab.locator(".question")).to_have_count(1)
    tab.wait_for_timeout(300)
    sockets[-1].send(json.dumps({"m": str(answer.pk), "kind": "exchange", "seq": 0, "content": html}))
    tab.locator(".picture").first.click()
    expect(tab.get_by_role("dialog", name="Picture hills 1.png, 1 of 2")).to_be_visible()
