"""What every page stands in: its size, its menus, its dialog, and what an empty installation offers."""

import pytest
from django.template.loader import render_to_string
from django.test import Client
from playwright.sync_api import Page, Route, expect

from accounts.models import User
from chats import conversation as conversations
from chats.models import Citation, Message, Tag
from chats.organising import arranging, labels
from chats.templatetags.model_names import model_label, provider_label
from documents.models import Chunk
from tests.chats.conftest import sealed_in
from tests.interface.conftest import PHONE, in_both_windows
from tests.library.conftest import MakeDocument

browser = pytest.mark.browser
stored = pytest.mark.django_db(transaction=True)


@browser
@stored
@pytest.mark.parametrize("width", [320, 1280])
def test_no_page_scrolls_the_frame_away(tab: Page, owner: User, width: int, make_document: MakeDocument) -> None:
    tab.route_web_socket("**/ws/**", lambda socket: None)
    chat = conversations.start(owner)
    for number in range(12):
        answer = conversations.post_message(chat, f"Question {number}. " * 20).answer
        Message.objects.filter(pk=answer.pk).update(
            status="done", **sealed_in(answer, content="So.", html="<p>So.</p>" * 9)
        )
    for number in range(12):
        document = make_document(name=f"Notes {number}.txt", pages=("Words that fill a page. " * 200,))
    tab.set_viewport_size({"width": width, "height": 500})
    for path in ("/", f"/chats/{chat.pk}", "/documents/", f"/documents/{document.pk}", "/settings"):
        tab.goto(path)
        height, visible = tab.evaluate("[document.documentElement.scrollHeight, innerHeight]")
        assert height <= visible, path
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, path
        assert tab.evaluate("document.querySelector('main').scrollWidth") <= width, path


@browser
@stored
@in_both_windows
def test_a_heading_in_a_menu_stands_above_what_it_heads(tab: Page, owner: User) -> None:
    tab.route_web_socket("**/ws/**", lambda socket: None)
    tab.goto(f"/chats/{conversations.start(owner).pk}")
    tab.get_by_label("Rename, export or delete this chat").click()
    export = tab.locator(".menu-list .caps", has_text="Export")
    begins = """one => {
        const range = document.createRange();
        range.selectNodeContents(one);
        return Math.min(...[...range.getClientRects()].map((part) => part.left));
    }"""
    assert abs(export.evaluate(begins) - tab.get_by_role("link", name="Markdown").evaluate(begins)) < 2


# The ring around what has the focus, where a part of the page that scrolls cuts it off.
CUT = """() => {
    const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
    const out = parseFloat(style.outlineWidth) + parseFloat(style.outlineOffset);
    for (let around = one.parentElement; around !== document.body; around = around.parentElement) {
        if (getComputedStyle(around).overflow === "visible") continue;
        const { left, right, top, bottom } = around.getBoundingClientRect();
        if (box.left - out < left || box.right + out > right || box.top - out < top || box.bottom + out > bottom)
            return `${one.textContent.trim()} in ${around.className}`;
    }
    return style.outlineStyle === "none" ? "no ring" : "";
}"""


@browser
@stored
@in_both_windows
def test_the_ring_of_the_focus_is_whole(tab: Page, owner: User) -> None:
    chat = conversations.start(owner)
    for name in ("later", "urgent"):
        arranging.tag([chat], labels.create(owner, Tag, name))
    tab.goto("/chats/all")
    if tab.viewport_size == PHONE:
        tab.get_by_role("button", name="Chats and pages").click()
    tab.locator(".list-tags a").first.focus()
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Tab")
    assert tab.evaluate(CUT) == ""
    tab.keyboard.press("Escape")
    for number in range(3):
        tab.locator(".tabs a").nth(number).focus()
        assert tab.evaluate(CUT) == ""
    tab.locator("#chats").get_by_role("link", name="Options").focus()
    tab.keyboard.press("Enter")
    menu = tab.get_by_role("dialog", name="Options")
    expect(menu.get_by_role("button", name="Pin to the top")).to_be_focused()
    menu.locator("summary", has_text="Tags").press("Enter")
    expect(menu.get_by_role("button", name="later")).to_be_focused()
    assert tab.evaluate(CUT) == ""


@browser
@stored
def test_escape_closes_the_dialog_and_the_focus_returns_to_the_menu(tab: Page, make_document: MakeDocument) -> None:
    tab.route_web_socket("**/ws/**", lambda socket: None)
    make_document(name="Notes.md")
    tab.goto("/documents/")
    menu = tab.get_by_label("Actions for Notes.md")
    menu.click()
    tab.get_by_role("link", name="Delete").click()
    dialog = tab.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Delete")).to_be_visible()
    expect(tab.locator(".menu-list").filter(has_text="Download")).to_be_hidden()
    tab.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(menu).to_be_focused()
    expect(tab.get_by_role("link", name="Notes.md")).to_be_visible()


@browser
@stored
def test_the_open_source_is_marked_and_its_passage_is_in_view(
    tab: Page, owner: User, make_document: MakeDocument
) -> None:
    tab.route_web_socket("**/ws/**", lambda socket: None)
    passage = "The kettle stands in the kitchen."
    document = make_document(pages=("Words before it.\n" * 20 + passage + "\nWords after it." * 60,))
    chat = conversations.start(owner)
    answer = conversations.post_message(chat, "Where is the kettle?").answer
    Message.objects.filter(pk=answer.pk).update(
        status="done", **sealed_in(answer, content="There.", html="<p>There.</p>")
    )
    for number in (1, 2):
        Citation.objects.create(
            message=answer,
            number=number,
            version_id=document.current_version_id,
            chunk=Chunk.objects.filter(version_id=document.current_version_id).first(),
            document_name=document.name,
            page=1,
            quoted=passage,
            score=0.9,
        )
    tab.set_viewport_size({"width": 1280, "height": 400})

    def arrive_late(route: Route) -> None:
        tab.wait_for_timeout(200)
        route.continue_()

    tab.route("**/passage*.css", arrive_late)
    tab.goto(f"/chats/{chat.pk}")
    with tab.expect_event("requestfinished", lambda request: "/passage" in request.url and ".css" in request.url):
        tab.locator(".source").nth(1).click()
    tab.wait_for_function("getComputedStyle(document.querySelector('.sheet-text')).whiteSpace !== 'normal'")
    expect(tab.locator(".source[aria-current=true]")).to_have_attribute("data-source", "2")
    expect(tab.locator("#panel mark")).to_be_in_viewport()
    head = tab.locator("#panel .panel-head").bounding_box()
    assert head is not None
    assert head["y"] == 0
    tab.keyboard.press("Escape")
    expect(tab.locator("#panel")).to_be_hidden()
    expect(tab.locator(".source[aria-current]")).to_have_count(0)
    expect(tab.locator(".source").nth(1)).to_be_focused()


@browser
@stored
def test_a_chosen_example_fills_the_composer(tab: Page) -> None:
    tab.goto("/")
    tab.evaluate(
        "html => document.querySelector('.home-more').outerHTML = html",
        render_to_string("chats/_examples.html", {"document_count": 1}),
    )
    tab.locator("[data-example]").first.click()
    expect(tab.get_by_label("Your question")).to_have_value("Summarise my newest document in five points.")


@browser
@stored
def test_enter_while_an_answer_is_written_says_what_to_do(tab: Page, owner: User) -> None:
    tab.route_web_socket("**/ws/**", lambda socket: None)
    chat = conversations.start(owner)
    conversations.post_message(chat, "Why is the sky blue?")
    tab.goto(f"/chats/{chat.pk}")
    field = tab.get_by_label("Your question")
    field.fill("And the sea?")
    field.press("Enter")
    expect(tab.locator("#composer-note")).to_have_text("Wait for the answer, or stop it with Esc.")
    expect(field).to_have_value("And the sea?")


def test_without_a_language_model_nothing_is_offered_that_needs_one() -> None:
    def offered(**context: object) -> str:
        return render_to_string("chats/_examples.html", context)

    nothing = offered(document_count=0, provider_note="No language model is connected.")
    assert "data-example" not in nothing
    assert "Add your first document" in nothing
    searching = offered(document_count=2, provider_note="No language model is connected.")
    assert searching.count("data-example") == 3
    assert "Summarise" not in searching
    assert "Summarise" in offered(document_count=2, provider_note="")
    assert "heat pump" in offered(document_count=0, provider_note="")


def test_models_are_named_as_people_know_them() -> None:
    assert model_label("builtin/quote") == "Search and quote"
    assert model_label("ollama/llama3.2:3b") == "llama3.2:3b"
    assert model_label("ollama/team/model:latest") == "team/model"
    assert provider_label("builtin") == "Built in"


@pytest.mark.django_db
def test_before_the_set_up_nobody_is_asked_to_sign_in(client: Client) -> None:
    page = client.get("/", follow=True).content.decode()
    assert "not set up yet" in page
    assert "password" not in page
    User.objects.create_user("first@example.org", "correct horse battery")
    assert 'type="password"' in client.get("/", follow=True).content.decode()
