"""Searching in Chromium, on a phone and a wide window: words in, marks out, and to the very message."""

import os
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from accounts.models import User
from chats import conversation as conversations
from chats.models import Conversation, ConversationTag, Folder, Message, Tag
from chats.searching import indexing
from tests.interface.accessibility import complaints
from tests.interface.conftest import PHONE, WIDE

pytestmark = pytest.mark.browser

FILLING = "A word about the weather, which was mild, and about the way to the lake, which was long. " * 4
ANSWER = f"## At the lake\n\n{FILLING}\n\nA **grey heron** builds its nest in [tall trees](https://example.org).\n\n{FILLING}"


@pytest.fixture(params=[PHONE, WIDE], ids=["phone", "wide"])
def page(request: pytest.FixtureRequest, tab: Page) -> Page:
    tab.set_viewport_size(request.param)
    tab.route_web_socket("**/ws/chats/*", lambda _socket: None)
    return tab


def look(page: Page, name: str) -> None:
    """For whoever wants to see them: PICTURES=folder."""
    if folder := os.environ.get("PICTURES"):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.screenshot(path=f"{folder}/{name}-{page.viewport_size['width']}-{scheme}.png")  # type: ignore[index]


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def chat_of(owner: User, title: str, *texts: str, parent: Message | None = None) -> Conversation:
    chat = conversations.start(owner)
    conversations.rename(chat, title)
    grow(chat, *texts, parent=parent)
    return chat


def grow(chat: Conversation, *texts: str, parent: Message | None = None) -> list[Message]:
    messages = []
    for number, text in enumerate(texts):
        role = Message.Role.ASSISTANT if number % 2 else Message.Role.USER
        parent = Message(conversation=chat, owner=chat.owner, parent=parent, role=role, content=text)
        parent.answered_by = "ollama/llama3.2:3b" if number % 2 else ""
        messages.append(parent)
    Message.objects.bulk_create(messages)
    indexing.add_conversation(chat, messages)
    Conversation.objects.filter(pk=chat.pk).update(active_leaf=parent)
    return messages


def search(page: Page, words: str) -> None:
    field = page.get_by_role("searchbox", name="Words in your chats")
    field.fill(words)
    field.press("Enter")


def test_from_a_word_to_the_message(page: Page, owner: User) -> None:
    chat = chat_of(owner, "Birds of the lake", "Where do herons build?", ANSWER)
    answer = Message.objects.get(conversation=chat, role="assistant")
    page.goto("/search")
    look(page, "search-before")
    search(page, "heron nests")
    expect(page.locator(".hit").first).to_contain_text("grey heron builds its nest in tall trees")
    expect(page.locator(".hit").first.locator("mark")).to_have_text(["heron", "nest"])
    assert fits(page)
    assert complaints(page) == []
    look(page, "search-found")
    assert "heron" not in page.url
    page.locator(".hit-title").first.click()
    page.wait_for_url(f"**/chats/{chat.pk}?at={answer.pk}#m-{answer.pk}")
    expect(page.locator(f"#m-{answer.pk}")).to_be_in_viewport()
    look(page, "search-there")
    page.go_back()
    expect(page.get_by_role("searchbox", name="Words in your chats")).to_have_value("heron nests")
    expect(page.locator(".hit").first).to_be_visible()


@pytest.mark.parametrize("place", [0, 40, 399], ids=["first", "far above", "last"])
def test_a_message_in_a_long_chat_is_shown_in_its_place(page: Page, owner: User, place: int) -> None:
    chat = chat_of(owner, "Long")
    texts = [f"Message {number}. {FILLING}" for number in range(400)]
    texts[place] += " The heron came."
    wanted = grow(chat, *texts)[place]
    page.goto("/search")
    search(page, "heron")
    page.locator(".hit-title").first.click()
    page.wait_for_url("**/chats/*")
    expect(page.locator(f"#m-{wanted.pk}")).to_be_in_viewport()
    page.wait_for_load_state("networkidle")
    expect(page.locator(f"#m-{wanted.pk}")).to_be_in_viewport()


def test_a_message_on_another_branch_is_shown_on_it(page: Page, owner: User) -> None:
    chat = chat_of(owner, "Branches")
    first = grow(chat, "Start", "Begun", "What of the heron?", "It flew.")
    grow(chat, "What of the stork?", "It stayed.", parent=first[1])
    page.goto("/search")
    search(page, "heron")
    page.locator(".hit-title").first.click()
    page.wait_for_url("**/chats/*")
    expect(page.get_by_text("What of the heron?")).to_be_in_viewport()
    expect(page.get_by_text("It stayed.")).to_have_count(0)


def test_many_are_shown_bit_by_bit_and_the_focus_goes_on(page: Page, owner: User) -> None:
    folder = Folder.objects.create(owner=owner, name="Observations at the water")
    for number in range(15):
        chat = chat_of(
            owner, f"Day {number} at the lake with a title that is as long as titles are", FILLING + " heron.", ANSWER
        )
        Conversation.objects.filter(pk=chat.pk).update(folder=folder)
    page.goto("/search")
    search(page, "heron")
    expect(page.locator(".hit")).to_have_count(20)
    look(page, "search-many")
    page.get_by_role("button", name="Show more").press("Enter")
    expect(page.locator(".hit")).to_have_count(30)
    expect(page.locator(".hit-title").nth(20)).to_be_focused()
    assert fits(page)


def test_filters_narrow_what_is_found(page: Page, owner: User) -> None:
    old = chat_of(owner, "Old", "A heron long ago")
    Message.objects.filter(conversation=old).update(created_at=timezone.now() - timedelta(days=400))
    new = chat_of(owner, "New", "A heron today")
    for chat in (old, new):
        indexing.forget(chat.pk)
        indexing.add_conversation(chat, list(Message.objects.filter(conversation=chat)))
    new.folder = Folder.objects.create(owner=owner, name="Birds")
    new.save()
    ConversationTag.objects.create(conversation=old, tag=Tag.objects.create(owner=owner, name="history"))
    page.goto("/search")
    search(page, "heron")
    expect(page.locator(".hit")).to_have_count(2)
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("Folder", exact=True).select_option("Birds")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator(".hit-snippet")).to_have_text(["A heron today"])
    look(page, "search-filters")
    page.get_by_label("Folder", exact=True).select_option("All")
    page.get_by_label("Tag", exact=True).select_option("history")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator(".hit-snippet")).to_have_text(["A heron long ago"])
    page.get_by_label("Tag", exact=True).select_option("All")
    page.get_by_label("To", exact=True).fill("2000-01-01")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_text("Try again without filters")).to_be_visible()
    page.get_by_label("From", exact=True).fill("2001-01-01")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_role("alert").get_by_text("The last day lies before the first")).to_be_visible()
    assert complaints(page) == []
    look(page, "search-refused")


def test_what_is_chosen_in_a_filter_is_read_whole(page: Page, owner: User) -> None:
    chat_of(owner, "Heating", "What is old?", "The boiler is old.")
    Message.objects.filter(role="assistant").update(status="done", answered_by="ollama/llama3.2:3b")
    page.goto("/search")
    page.get_by_text("Filters").click()
    choice = page.get_by_label("Answered by")
    expect(choice).to_be_visible()
    room, wanted = choice.evaluate(
        """one => {
            const room = one.offsetWidth;
            one.style.width = "max-content";
            return [room, one.offsetWidth];
        }"""
    )
    assert room >= wanted
    assert fits(page)


def test_of_searches_in_a_row_the_last_is_shown(page: Page, owner: User) -> None:
    for bird in ("heron", "stork", "crane"):
        chat_of(owner, bird, f"A {bird} came")
    page.goto("/search")
    page.evaluate(
        """birds => {
            const form = document.getElementById("search-form");
            for (const bird of birds) { form.elements.q.value = bird; form.requestSubmit(); }
        }""",
        ["heron", "stork", "crane"],
    )
    expect(page.locator(".hit-snippet")).to_have_text(["A crane came"])
    page.wait_for_load_state("networkidle")
    expect(page.locator(".hit-snippet")).to_have_text(["A crane came"])


def test_nothing_and_some_words_are_told_apart(page: Page, owner: User) -> None:
    chat_of(owner, "Birds", "A heron came", "東京の鳥について")
    page.goto("/search")
    search(page, "kettle")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    assert complaints(page) == []
    look(page, "search-nothing")
    search(page, "heron kettle")
    expect(
        page.get_by_role("status").get_by_text("Nothing has all of these words. 1 result with some of them.")
    ).to_be_visible()
    search(page, "東京")
    expect(page.locator(".hit mark")).to_have_text(["東京"])


def test_a_search_that_fails_says_so_and_keeps_the_words(page: Page, owner: User) -> None:
    chat_of(owner, "Birds", "A heron came")
    page.goto("/search")
    page.route("**/search", lambda route: route.abort())
    search(page, "heron")
    expect(page.get_by_role("alert")).to_contain_text("could not be searched for just now")
    expect(page.get_by_role("searchbox", name="Words in your chats")).to_have_value("heron")
    look(page, "search-failed")
    page.unroute("**/search")

    def broken(route: Route) -> None:
        route.fulfill(status=500, body="broken")

    page.route("**/search", broken)
    search(page, "heron")
    expect(page.get_by_role("alert")).to_contain_text("could not be searched for just now")
    page.unroute("**/search")
    search(page, "heron")
    expect(page.locator(".hit")).to_have_count(1)
    expect(page.get_by_role("alert")).to_be_hidden()


def test_keys_lead_to_it(page: Page, owner: User) -> None:
    page.goto("/settings")
    page.locator("#main").focus()
    page.keyboard.press("/")
    page.wait_for_url("**/search")
    expect(page.get_by_role("searchbox", name="Words in your chats")).to_be_focused()
    page.goto("/settings")
    page.keyboard.press("Control+k")
    page.keyboard.type("search all")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search")
