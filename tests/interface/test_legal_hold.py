"""In Chromium: whatever a person asks to delete under a legal hold, the page says in words that it stays."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from accounts.rights.models import LegalHold
from chats import conversation as conversations
from chats.images.models import Picture
from documents.collections import keeping
from documents.models import Collection, Document
from tests.interface.test_images_page import as_file, choose, scene, waiting
from tests.library.conftest import MakeDocument

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WORDS = "there is a legal hold on your account"


@pytest.fixture(autouse=True)
def _socket(tab: Page) -> None:
    """The pages' sockets open, and say nothing."""
    tab.route_web_socket("**/ws/**", lambda _socket: None)


@pytest.fixture(autouse=True)
def _held(owner: User) -> None:
    LegalHold.objects.create(user=owner, reason="17")


def test_a_picture_that_waits(tab: Page, owner: User) -> None:
    chat = conversations.start(owner, use_documents=False)
    tab.goto(f"/chats/{chat.pk}")
    choose(tab, as_file("hills.png", scene()))
    tab.get_by_role("button", name="Remove hills.png").click()
    expect(tab.locator("#composer-note")).to_contain_text(WORDS)
    expect(tab.locator("#composer-note")).to_contain_text("It is not in your question any more.")
    expect(waiting(tab)).to_have_count(0)
    assert Picture.objects.filter(owner=owner).exists()


def test_a_document_of_the_list(tab: Page, make_document: MakeDocument) -> None:
    document = make_document(name="walls.txt", pages=("The walls are of granite.",))
    tab.goto("/documents/")
    tab.get_by_label("Actions for walls.txt").click()
    tab.get_by_role("link", name="Delete", exact=True).click()
    tab.locator("#confirm").get_by_role("button", name="Delete").click()
    expect(tab.locator("#toasts")).to_contain_text(WORDS)
    assert Document.objects.filter(pk=document.pk).exists()


def test_marked_documents(tab: Page, make_document: MakeDocument) -> None:
    make_document(name="walls.txt", pages=("The walls are of granite.",))
    tab.goto("/documents/")
    tab.get_by_label("Mark walls.txt").check()
    tab.locator("#several").get_by_role("button", name="Delete").click()
    tab.locator("#confirm").get_by_role("button", name="Delete").click()
    expect(tab.locator("#toasts")).to_contain_text(WORDS)
    expect(tab.get_by_role("link", name="walls.txt")).to_be_visible()
    assert Document.objects.exists()


def test_a_collection_but_what_is_in_it_may_change(tab: Page, owner: User, make_document: MakeDocument) -> None:
    make_document(name="walls.txt", pages=("The walls are of granite.",))
    collection = keeping.create(owner, "The harbour")
    tab.goto(f"/documents/collections/{collection.pk}")
    tab.get_by_label("walls.txt").check()
    tab.get_by_role("button", name="Put the marked ones in").click()
    expect(tab.get_by_text("1 document was put in.")).to_be_visible()
    tab.get_by_label("walls.txt").check()
    tab.get_by_role("button", name="Take the marked ones out").click()
    expect(tab.get_by_text("1 document was taken out.")).to_be_visible()
    tab.get_by_role("button", name="Delete").click()
    tab.locator("#confirm").get_by_role("button", name="Delete").click()
    expect(tab.locator("#toasts")).to_contain_text(WORDS)
    assert Collection.objects.filter(pk=collection.pk).exists()
