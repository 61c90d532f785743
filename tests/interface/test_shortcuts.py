"""Keys do what the list of keys says, and the palette is used without a pointer."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import User
from chats import conversation as conversations
from chats.models import Conversation, Message
from tests.chats.conftest import sealed_in
from tests.interface.conftest import PHONE, WIDE, in_both_windows

browser = pytest.mark.browser
stored = pytest.mark.django_db(transaction=True)


def _chat(owner: User, title: str, *, answer: str = "It rains.") -> Conversation:
    chat = conversations.start(owner)
    written = conversations.post_message(chat, "What is the weather?").answer
    Message.objects.filter(pk=written.pk).update(
        status="done", **sealed_in(written, content=answer, html=f"<p>{answer}</p>")
    )
    conversations.rename(chat, title)
    return chat


@pytest.fixture
def chat(tab: Page, owner: User) -> Conversation:
    tab.route_web_socket("**/ws/**", lambda _socket: None)
    return _chat(owner, "The weather")


@pytest.fixture
def page(tab: Page, chat: Conversation) -> Page:
    tab.goto(f"/chats/{chat.pk}")
    tab.wait_for_load_state("load")
    return tab


@browser
@stored
@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "wide"])
def test_the_palette_finds_a_chat_by_its_title(page: Page, owner: User, size: dict[str, int]) -> None:
    page.set_viewport_size({"width": size["width"], "height": size["height"]})
    other = _chat(owner, "Größe der Häuser in Łódź")
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Find a chat or a command")
    expect(field).to_be_focused()
    expect(page.locator("#palette").get_by_role("option", name="Größe")).to_be_visible()
    page.keyboard.type("hauser grosse")
    expect(page.locator("#palette").get_by_role("option")).to_have_count(1)
    expect(page.get_by_role("status").filter(has_text="1 found")).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/chats/{other.pk}")


@browser
@stored
def test_the_palette_knows_a_chat_by_its_newest_name(page: Page, chat: Conversation) -> None:
    options = page.locator("#palette").get_by_role("option")
    page.keyboard.press("Control+k")
    expect(options.filter(has_text="The weather")).to_be_visible()
    page.keyboard.press("Escape")
    conversations.rename(chat, "Zebras")
    page.keyboard.press("Control+k")
    expect(options.filter(has_text="Zebras")).to_be_visible()


@browser
@stored
def test_the_palette_tells_a_screen_reader_what_is_chosen(page: Page) -> None:
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Find a chat or a command")
    chosen = page.locator("#palette [aria-selected=true]")
    expect(chosen).to_have_text("New chat")
    expect(page.locator("#palette").get_by_role("option", name="The weather")).to_be_visible()
    page.keyboard.press("ArrowUp")
    expect(chosen).to_have_text("The weather")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(chosen).to_have_count(1)
    assert field.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_label("Your question")).to_be_focused()


@browser
@stored
def test_the_palette_does_what_its_commands_say(page: Page) -> None:
    def command(name: str) -> None:
        page.keyboard.press("Control+k")
        page.keyboard.type(name)
        page.keyboard.press("Enter")

    command("dark colours")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    command("show or hide")
    expect(page.locator("#sidebar")).to_be_hidden()
    command("keyboard short")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_hidden()
    page.keyboard.type("no chat is called so")
    expect(page.get_by_text("Nothing has this name.")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Find a chat or a command")).to_be_focused()


LEADS_TO = {
    "New chat": "chats:home",
    "Search all chats": "searching:search",
    "Search documents": "passage_search:search",
    "All chats": "organising:all",
    "Archived chats": "organising:archived",
    "Documents": "documents:library",
    "Prompt templates": "prompting:templates",
    "Personas": "prompting:personas",
    "Settings": "accounts:settings",
    "Import and export": "exchange:home",
}


@browser
@stored
@in_both_windows
def test_every_command_of_the_palette_leads_where_it_says(page: Page, chat: Conversation) -> None:
    leading = page.locator("#palette-list [data-href]:not([id*=chat-]) .clip")
    assert set(leading.all_text_contents()) == set(LEADS_TO)
    for name, view in LEADS_TO.items():
        page.goto(f"/chats/{chat.pk}")
        page.keyboard.press("Control+k")
        expect(page.get_by_role("combobox", name="Find a chat or a command")).to_be_focused()
        page.keyboard.type(name)
        # A word of one may be in others too: arrows go on to the one that is meant.
        chosen = page.locator("#palette [aria-selected=true]")
        for _ in range(len(LEADS_TO)):
            if chosen.inner_text() == name:
                break
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url, view=view: url.partition("?")[0].endswith(reverse(view)))


@browser
@stored
@in_both_windows
def test_every_command_of_the_palette_does_what_it_says_by_keyboard(page: Page, chat: Conversation) -> None:
    page.locator("#scroll").focus()
    wide = page.viewport_size == WIDE
    root, sidebar = page.locator("html"), page.locator("#sidebar")
    does = {
        "Light colours": lambda: expect(root).to_have_attribute("data-theme", "light"),
        "Dark colours": lambda: expect(root).to_have_attribute("data-theme", "dark"),
        "Colours as the system": lambda: expect(root).to_have_attribute("data-theme", "system"),
        "Go to the question field": lambda: expect(page.get_by_label("Your question", exact=True)).to_be_focused(),
        "Copy the last answer": lambda: expect(page.locator("#announcer")).to_have_text("Copied"),
        "Show or hide the sidebar": lambda: expect(sidebar).to_be_visible(visible=not wide),
        "Edit the last question": lambda: expect(page.locator(".editing textarea")).to_be_focused(),
        "Keyboard shortcuts": lambda: expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible(),
        "Stop the answer": lambda: None,  # only while there is one: below
    }
    assert set(page.locator("#palette-list [data-command] .clip").all_text_contents()) == set(does)
    for name, done in does.items():
        page.keyboard.press("Control+k")
        page.keyboard.type(name)
        option = page.locator("#palette").get_by_role("option", name=name)
        if name == "Stop the answer":
            expect(option).to_have_count(0)
            continue
        expect(option).to_have_attribute("aria-selected", "true")
        page.keyboard.press("Enter")
        expect(page.locator("#palette")).to_be_hidden()
        done()
        if name == "Show or hide the sidebar" and not wide:
            page.keyboard.press("Control+b")
            expect(sidebar).to_be_hidden()
    page.keyboard.press("Escape")
    answer = conversations.post_message(chat, "And tomorrow?").answer
    page.goto(f"/chats/{chat.pk}")
    page.keyboard.press("Control+k")
    page.keyboard.type("Stop the answer")
    expect(page.locator("#palette").get_by_role("option", name="Stop the answer")).to_be_visible()
    with page.expect_response("**/stop"):
        page.keyboard.press("Enter")
    answer.refresh_from_db()
    assert not answer.is_live


@browser
@stored
@in_both_windows
def test_a_key_shows_and_hides_the_sidebar_and_another_leads_to_the_search(page: Page) -> None:
    begin = page.viewport_size == WIDE
    sidebar = page.locator("#sidebar")
    expect(sidebar).to_be_visible(visible=begin)
    page.locator("#scroll").focus()
    for is_shown in (not begin, begin):
        page.keyboard.press("Control+b")
        expect(sidebar).to_be_visible(visible=is_shown)
    page.locator("#scroll").focus()
    page.keyboard.press("/")
    page.wait_for_url("**/search")
    field = page.get_by_role("searchbox")
    expect(field).to_be_focused()
    page.get_by_role("heading", name="Search").click()
    page.keyboard.press("/")
    expect(field).to_be_focused()
    expect(field).to_have_value("")


@browser
@stored
@in_both_windows
def test_ctrl_enter_sends_from_anywhere_on_the_page(page: Page, chat: Conversation) -> None:
    page.get_by_label("Your question").fill("And tomorrow?")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".question")).to_have_count(2)
    page.get_by_label("Your question").fill("And later?")
    page.locator("#chat-title").evaluate("title => { title.tabIndex = -1; title.focus(); }")
    page.evaluate("document.getElementById('composer').removeAttribute('data-busy')")
    Message.objects.filter(conversation=chat, role="assistant").update(status="done")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".question")).to_have_count(3)


@browser
@stored
@in_both_windows
@pytest.mark.parametrize("key", ["Control+Shift+N", "Control+Shift+O"])
def test_a_key_begins_a_new_chat(page: Page, key: str) -> None:
    page.keyboard.press(key)
    page.wait_for_url(lambda url: url.endswith("/"))


@browser
@stored
@in_both_windows
def test_the_last_answer_is_copied(page: Page) -> None:
    page.keyboard.press("Control+Shift+C")
    expect(page.locator("#announcer")).to_have_text("Copied")


@browser
@stored
def test_keys_show_and_hide_the_sidebar_and_find_the_field(page: Page) -> None:
    page.keyboard.press("Control+b")
    expect(page.locator("#sidebar")).to_be_hidden()
    page.keyboard.press("Control+b")
    expect(page.locator("#sidebar")).to_be_visible()
    page.locator("#chat-title").click()
    page.keyboard.press("Shift+Escape")
    expect(page.get_by_label("Your question")).to_be_focused()


@browser
@stored
@in_both_windows
def test_the_list_of_keys_opens_outside_of_fields_only_and_single_keys_can_be_switched_off(page: Page) -> None:
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    page.get_by_label("Your question").press("?")
    expect(page.get_by_label("Your question")).to_have_value("?")
    expect(keys).to_be_hidden()
    page.locator("#scroll").focus()
    page.keyboard.press("?")
    expect(keys).to_be_visible()
    page.get_by_label("Single keys").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.wait_for_load_state("load")
    page.locator("#scroll").focus()
    page.keyboard.press("?")
    expect(keys).to_be_hidden()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Find a chat or a command")).to_be_focused()


@pytest.mark.django_db
def test_the_titles_are_ones_own_newest_first_and_kept_by_no_cache(client: Client, owner: User, stranger: User) -> None:
    _chat(owner, "Older")
    newest = _chat(owner, "Newer")
    conversations.delete(_chat(owner, "Deleted"))
    _chat(stranger, "Strange")
    client.force_login(owner)
    response = client.get(reverse("shortcuts:titles"))
    found = response.json()["chats"]
    assert [chat["title"] for chat in found] == ["Newer", "Older"]
    assert found[0]["url"] == f"/chats/{newest.pk}"
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_the_titles_cost_no_more_queries_the_more_there_are(client: Client, owner: User) -> None:
    client.force_login(owner)
    client.get(reverse("shortcuts:titles"))
    counts = []
    for _ in range(2):
        _chat(owner, "One")
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("shortcuts:titles"))
        counts.append(len(queries))
    assert counts[0] == counts[1]
