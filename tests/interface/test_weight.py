"""Everything that the first page of a conversation loads, compressed as the server compresses it."""

import gzip
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from accounts.models import User
from chats import conversation as conversations
from chats.models import Message

LIMIT = 60 * 1024


def compressed(content: bytes) -> int:
    return len(gzip.compress(content, 9))


def static_files(page: str) -> set[str]:
    return set(re.findall(r'(?:href|src)="/static/([^"#?]+)', page))


def weight(page: bytes) -> dict[str, int]:
    parts = {"the page": compressed(page)}
    waiting = static_files(page.decode())
    while waiting:
        path = waiting.pop()
        found = finders.find(path)
        assert found, f"{path} does not exist"
        content = Path(str(found)).read_bytes()
        parts[path] = compressed(content)
        # What a module begins with importing comes with it.
        names = re.findall(rb'^import .* from "\./([^"]+)";', content, re.MULTILINE) if path.endswith(".js") else []
        imported = {f"js/{name.decode()}" for name in names}
        waiting |= imported - parts.keys()
    return parts


@pytest.fixture
def signed_in(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


@pytest.mark.django_db
def test_the_empty_page_is_light(signed_in: Client) -> None:
    parts = weight(signed_in.get("/").content)
    assert "django_htmx/htmx-4.min.js" in parts
    assert sum(parts.values()) < LIMIT, parts


@pytest.mark.django_db
def test_a_conversation_is_light(signed_in: Client, owner: User) -> None:
    chat = conversations.start(owner)
    words = "The quick brown fox jumps over the lazy dog. " * 20
    for number in range(5):
        exchange = conversations.post_message(chat, f"Question {number}: {words[:200]}")
        Message.objects.filter(pk=exchange.answer.pk).update(
            status=Message.Status.DONE,
            **Message.sealed(
                exchange.answer.pk, owner_id=owner.pk, content=words, html=f"<p>{words}</p><p>{words[::-1]}</p>"
            ),
        )
    parts = weight(signed_in.get(f"/chats/{chat.pk}").content)
    assert {"js/live.js", "js/composer.js", "js/refusals.js", "css/chat.css"} <= set(parts)
    assert sum(parts.values()) < LIMIT, parts
