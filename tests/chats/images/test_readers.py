"""Who else sees pictures: those a conversation is shared with, while it is; and their owner, in the copy of all."""

import json
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.rights import archive, holdings
from chats import conversation as conversations
from chats.holding import ChatsHolding
from chats.images.holding import ImagesHolding
from chats.images.models import Picture
from chats.models import Conversation, Message
from chats.sharing import giving

from .conftest import Add

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def question(add: Add, seeing: Conversation) -> Message:
    exchange = conversations.post_message(seeing, "Where is this?", pictures=[add(name="pier.png")])
    conversations.stop(exchange.answer)
    return exchange.question


@pytest.fixture(params=["name", "link", "guest"])
def viewing(
    request: pytest.FixtureRequest, seeing: Conversation, stranger: User, settings: Any
) -> Iterator[tuple[Client, str, Any]]:
    browser = Client()
    if request.param != "guest":
        browser.force_login(stranger)
    if request.param == "name":
        yield browser, f"/shared/{seeing.pk}", giving.with_person(seeing, stranger.email)
        return
    settings.SHARE_LINKS = "anybody" if request.param == "guest" else "accounts"
    share, token = giving.by_link(seeing)
    yield browser, f"/shared/link/{token}", share


def test_viewers_see_the_pictures_while_it_is_shared(question: Message, viewing: tuple[Client, str, Any]) -> None:
    browser, address, share = viewing
    own = f"{address}/messages/{question.pk}/images/1"
    html = browser.get(address).content.decode()
    assert f'src="{own}?small" alt="pier.png"' in html
    assert "/chats/" not in html.partition('id="main"')[2].partition('id="panel"')[0]
    for picture in (browser.get(own), browser.get(f"{own}?small")):
        assert picture.status_code == 200
        assert picture["Content-Type"].startswith("image/")
        assert picture["Cache-Control"] == "private, no-store"
    assert browser.get(f"{address}/messages/{question.pk}/images/2").status_code == 404
    giving.end(share)
    assert browser.get(own).status_code in {302, 404, 410}


def test_viewers_see_nothing_that_was_not_sent_and_nothing_of_other_chats(
    question: Message, viewing: tuple[Client, str, Any], add: Add, owner: User
) -> None:
    browser, address, _ = viewing
    other = conversations.post_message(
        conversations.start(owner, model=question.conversation.model), "Other", pictures=[add()]
    ).question
    waiting = add()
    assert browser.get(f"{address}/messages/{other.pk}/images/1").status_code == 404
    assert browser.get(f"/images/{waiting.pk}").status_code in {302, 404}
    assert browser.get(f"/chats/{question.conversation_id}/messages/{question.pk}/images/1").status_code in {302, 404}


def test_a_deleted_chat_shows_no_picture_until_it_is_back(question: Message, page: Client) -> None:
    address = f"/chats/{question.conversation_id}/messages/{question.pk}/images/1"
    conversations.delete(question.conversation)
    assert page.get(address).status_code == 404
    conversations.restore(question.conversation)
    assert page.get(address).status_code == 200


# --- The owner's rights -------------------------------------------------------------------------------------------


def test_the_copy_of_everything_has_the_pictures(question: Message, add: Add, owner: User) -> None:
    waiting = add(name="waiting.png")
    key, _ = archive.store(
        (entry for holding in (ChatsHolding(), ImagesHolding()) for entry in holding.export(owner)), owner_id=owner.pk
    )
    with closing(archive.open_archive(key, owner_id=owner.pk)) as file, zipfile.ZipFile(file) as zipped:
        sent = Picture.objects.get(message=question)
        for picture in (sent, waiting):
            assert zipped.read(f"chats/pictures/{picture.pk}.png").startswith(b"\x89PNG")
        about = {row["id"]: row for row in json.loads(zipped.read("pictures.json"))}
        assert about[str(sent.pk)]["name"] == "pier.png"
        assert about[str(sent.pk)]["message"] == str(question.pk)
        markdown = next(name for name in zipped.namelist() if name.endswith(".md"))
        assert f"![pier.png](pictures/{sent.pk}.png)" in zipped.read(markdown).decode()


def test_erasing_leaves_neither_rows_nor_files(question: Message, add: Add, owner: User) -> None:
    add()
    folders = [Path(default_storage.path(picture.blob)) for picture in Picture.objects.all()]
    assert all(folder.exists() for folder in folders)
    steps: list[None] = []
    ImagesHolding().erase(owner.pk, lambda: steps.append(None))
    assert len(steps) == 2
    assert not Picture.objects.exists()
    assert not any(folder.exists() for folder in folders)


def test_pictures_are_erased_before_the_chats_they_hang_on() -> None:
    names = [holding.name for holding in holdings.every()]
    assert names.index("images") < names.index("chats")


def test_a_chat_that_expires_takes_its_pictures_along(question: Message, owner: User, add: Add) -> None:
    waiting = add()
    folder = Path(default_storage.path(Picture.objects.get(message=question).blob))
    Conversation.objects.update(deleted_at=timezone.now() - timedelta(days=40))
    assert ChatsHolding().expire("deleted_chats", owner.pk, 30) == 1
    assert Picture.objects.get() == waiting
    assert not folder.exists()
