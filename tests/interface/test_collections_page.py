"""Collections in Chromium: made, filled, shared and read; and the panel where a chat is kept to some of them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from chats import conversation as conversations
from documents.collections import giving, keeping
from documents.collections.models import CollectionShare
from documents.models import Collection, Document
from tests.interface.accessibility import complaints
from tests.interface.conftest import WIDE, _note
from tests.interface.test_accessibility import _page, looks, visit
from tests.library.conftest import MakeDocument
from tests.routes import signed_in

__all__ = ["visit"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
HOME = "/documents/collections"


@pytest.fixture
def open_as(chromium: Browser, live_server: LiveServer) -> Iterator[Callable[[User], Page]]:
    """A browser of this person. Whatever a page complains of in the console fails the test."""
    contexts, said = [], []

    def opened(user: User) -> Page:
        context = chromium.new_context(viewport=WIDE, base_url=live_server.url)
        cookie = signed_in(user).cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: _note(message, said))
        page.route_web_socket("**/ws/**", lambda _socket: None)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


def test_from_making_one_to_reading_it_and_its_end(
    open_as: Callable[[User], Page], owner: User, stranger: User, make_document: MakeDocument
) -> None:
    make_document(name="walls.txt", pages=("The walls are of granite.",))
    make_document(name="diary.txt", pages=("A diary.",))
    own, theirs = open_as(owner), open_as(stranger)

    own.goto("/documents/")
    own.get_by_role("link", name="Collections", exact=True).click()
    own.get_by_label("Name of a new collection").fill("The harbour")
    own.get_by_role("button", name="Make").click()
    own.get_by_label("walls.txt").check()
    own.get_by_role("button", name="Put the marked ones in").click()
    expect(own.get_by_text("1 document was put in.")).to_be_visible()
    own.get_by_role("link", name="Share", exact=True).click()
    own.get_by_label("With a person").fill(stranger.email)
    own.get_by_role("button", name="Share", exact=True).click()
    expect(own.locator(".share-label")).to_have_text(stranger.email)

    theirs.goto("/shared")
    theirs.get_by_role("link", name="The harbour").click()
    theirs.get_by_role("link", name="walls.txt").click()
    expect(theirs.get_by_text("The walls are of granite.")).to_be_visible()
    expect(theirs.get_by_text("For reading only")).to_be_visible()
    expect(theirs.get_by_role("link", name="Download")).to_have_count(0)

    own.get_by_role("button", name="End the share").click()
    expect(own.get_by_text("Nobody yet")).to_be_visible()
    theirs.reload()
    expect(theirs.get_by_text("who may have stopped sharing it")).to_be_visible()


def test_a_chat_is_kept_to_a_collection(
    open_as: Callable[[User], Page], owner: User, stranger: User, make_document: MakeDocument
) -> None:
    make_document(name="diary.txt", pages=("A diary.",))
    shelf = keeping.create(stranger, "Their harbour")
    giving.with_role(shelf, "user")
    chat = conversations.start(owner)
    page = open_as(owner)

    page.goto(f"/chats/{chat.pk}")
    page.get_by_role("link", name="Documents this chat searches").click()
    panel = page.locator("#panel")
    panel.get_by_label("Only these").check()
    panel.get_by_role("button", name="Save").click()
    expect(panel.get_by_text("Mark at least one")).to_be_visible()
    panel.get_by_label("Only these").check()
    panel.get_by_label("Their harbour").check()
    panel.get_by_role("button", name="Save").click()
    expect(panel.get_by_text("Saved.")).to_be_visible()

    chat.refresh_from_db()
    assert chat.search_in == {"collections": [str(shelf.pk)], "documents": []}


@looks
def test_axe_finds_nothing(
    visit: object, live_server: LiveServer, owner: User, stranger: User, make_document: MakeDocument, theme: str,
    width: int, tmp_path: Path,
) -> None:  # fmt: skip
    long = make_document(name=f"{'A very long name of a report ' * 4}.pdf", pages=("Granite.",))
    make_document(name="diary.txt", pages=("A diary.",))
    shelf = keeping.create(owner, "Everything there is to know about the harbour and its walls")
    keeping.put(owner, [long.pk], shelf)
    giving.with_role(shelf, "viewer")
    giving.with_person(shelf, stranger.email, days=7)
    theirs = Collection.objects.create(owner=stranger, name="Theirs")
    CollectionShare.objects.create(collection=theirs, kind="role", role="user")
    chat = conversations.start(owner)
    wanted = [
        (owner, HOME),
        (owner, f"{HOME}/{shelf.pk}"),
        (owner, f"{HOME}/{shelf.pk}/shares"),
        (owner, f"/chats/{chat.pk}/documents"),
        (owner, f"/documents/{long.pk}"),
        (stranger, "/shared"),
        (stranger, f"{HOME}/{shelf.pk}"),
        (stranger, f"/documents/{long.pk}"),
    ]
    for place, (user, address) in enumerate(wanted):
        page = _page(visit, live_server, user, theme, width)  # type: ignore[arg-type]
        page.goto(address)
        said = complaints(page)
        page.screenshot(path=tmp_path / f"{place}-{theme}-{width}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), address
        assert not said, f"{address}: {said}"
        page.close()
    assert Document.objects.filter(collection=shelf).count() == 1
