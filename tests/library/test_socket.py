"""Rows are pushed to the pages of their owner, and to nobody else's."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser

from accounts.models import User
from documents import library, progress
from documents.consumers import LibraryConsumer
from documents.models import Document
from tests.library.conftest import MakeDocument

Act = Callable[..., Coroutine[Any, Any, None]]


def page_of(user: User | AnonymousUser) -> WebsocketCommunicator:
    communicator = WebsocketCommunicator(LibraryConsumer.as_asgi(), "/ws/documents")
    communicator.scope["user"] = user
    return communicator


@pytest.fixture
def act(django_capture_on_commit_callbacks: Callable) -> Act:
    """Does something that ends in a commit."""

    def synchronously(verb: Callable[..., object], *args: object) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            verb(*args)

    return sync_to_async(synchronously)


def test_a_change_reaches_every_page_of_the_owner(owner: User, make_document: MakeDocument, act: Act) -> None:
    document = make_document(status="parsing", media_type="application/pdf", progress_done=11, progress_total=80)

    async def scenario() -> list[str]:
        pages = [page_of(owner), page_of(owner)]
        for page in pages:
            assert (await page.connect())[0]
        await act(progress.publish, document.pk)
        texts = [await page.receive_from(timeout=5) for page in pages]
        for page in pages:
            await page.disconnect()
        return texts

    for html in async_to_sync(scenario)():
        assert html.lstrip().startswith(f'<tr id="document-{document.pk}"')
        assert 'hx-swap-oob="outerMorph"' in html
        assert "Reading page 12 of 80" in html


def test_a_strangers_page_never_hears_of_it(owner: User, stranger: User, make_document: MakeDocument, act: Act) -> None:
    mine, theirs = make_document(name="mine.txt"), make_document(user=stranger, name="theirs.txt")

    async def scenario() -> str:
        page = page_of(stranger)
        await page.connect()
        await act(progress.publish, mine.pk)
        # Messages keep their order, so after the second has come the first is known to have gone elsewhere.
        await act(progress.publish, theirs.pk)
        first: str = await page.receive_from(timeout=5)
        await page.disconnect()
        return first

    assert "theirs.txt" in async_to_sync(scenario)()


@pytest.mark.parametrize("verb", [library.retry, library.delete], ids=["retry", "delete"])
def test_what_a_person_does_reaches_their_other_pages(
    owner: User, make_document: MakeDocument, act: Act, verb: Callable[[Document], object]
) -> None:
    document = make_document(status="failed")
    key = document.pk

    async def scenario() -> str:
        page = page_of(owner)
        await page.connect()
        await act(verb, document)
        html: str = await page.receive_from(timeout=5)
        await page.disconnect()
        return html

    html = async_to_sync(scenario)()
    assert f'id="document-{key}"' in html
    assert ("Waiting" in html) if verb is library.retry else ('hx-swap-oob="delete"' in html)


def test_an_anonymous_visitor_is_not_connected() -> None:
    async def scenario() -> bool:
        connected, _ = await page_of(AnonymousUser()).connect()
        return bool(connected)

    assert async_to_sync(scenario)() is False


def test_what_a_page_sends_is_ignored(owner: User, make_document: MakeDocument, act: Act) -> None:
    document = make_document()

    async def scenario() -> str:
        page = page_of(owner)
        await page.connect()
        await page.send_to(text_data="anything")
        await act(progress.publish, document.pk)
        html: str = await page.receive_from(timeout=5)
        await page.disconnect()
        return html

    assert "report.txt" in async_to_sync(scenario)()


def test_a_closed_page_leaves_its_group(owner: User) -> None:
    async def scenario() -> int:
        page = page_of(owner)
        await page.connect()
        await page.disconnect()
        await asyncio.sleep(0)
        return len(get_channel_layer().groups.get(f"chatsite__group__{progress.group_of(owner.pk)}", ()))

    assert async_to_sync(scenario)() == 0


def test_a_document_that_is_gone_is_not_announced(owner: User, act: Act) -> None:
    async_to_sync(act)(progress.publish, "00000000-0000-0000-0000-000000000000")


def test_no_redis_is_no_harm(make_document: MakeDocument, act: Act, settings: Any, caplog: Any) -> None:
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": ["unix:///nowhere/redis.sock"]},
        }
    }
    async_to_sync(act)(progress.publish, make_document().pk)
    assert "Progress was not delivered" in caplog.text
