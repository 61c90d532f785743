"""Whatever stands in a file: it ends, it is told, and nothing breaks."""

import io
import json
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from accounts.tenancy import acting_as
from chats.exchange import formats, reading, storing
from chats.exchange.formats.portable import Unreadable
from chats.models import Message
from tests.chats.exchange.samples import as_file, chatgpt, openwebui
from tests.chats.exchange.test_what_answers_hold import everything_of_chatgpt, everything_of_openwebui

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
KEYS = st.sampled_from(
    "id title mapping message messages parent parentId children childrenIds history chat author role content parts "
    "content_type metadata create_time timestamp current_node currentId shown_up_to sources document tokens rating "
    "annotation created thoughts meta tags params models files url name recipient attachments content_references "
    "matched_text alt citations start_ix end_ix items updates pattern replacement canvas asset_pointer".split()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=25
)
SAMPLES: list[Any] = [
    chatgpt(),
    openwebui(),
    everything_of_chatgpt(),
    everything_of_openwebui(),
    {
        "id": "x",
        "title": "t",
        "shown_up_to": "b",
        "messages": [
            {"id": "a", "parent": None, "role": "user", "content": "q", "created": "2026-01-01T00:00:00+00:00"},
            {"id": "b", "parent": "a", "role": "assistant", "content": "r", "tokens": {}, "sources": [{"number": 1}]},
        ],
    },
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [place for key, below in inner for place in places(below, (*path, key))]


@st.composite
def spoilt(draw: st.DrawFn) -> Any:
    """A good entry in which one to three places hold something else."""
    entry = json.loads(json.dumps(draw(st.sampled_from(SAMPLES))))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(entry)))
        holder = entry
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = draw(VALUES)
    return entry


def told(words: str) -> None:
    assert len(words.split()) > 2


def readable(entry: Any) -> formats.Chat | None:
    try:
        return formats.read(entry)
    except Unreadable as problem:
        return told(problem.why)


@given(VALUES)
def test_any_entry_is_a_chat_or_told(entry: Any) -> None:
    readable(entry)


@given(spoilt())
@settings(max_examples=400)
def test_a_spoilt_entry_is_a_whole_tree_or_told(entry: Any) -> None:
    chat = readable(entry)
    if chat is None:
        return
    known: set[str] = set()
    for turn in chat.turns:
        assert turn.parent is None or turn.parent in known
        assert turn.id not in known
        known.add(turn.id)
    assert chat.shown is None or chat.shown in known


@given(spoilt())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.django_db
def test_what_was_read_can_be_stored(owner: User, entry: Any) -> None:
    chat = readable(entry)
    with acting_as(owner):
        if chat is not None and chat.turns and storing.store(chat, owner) is storing.Outcome.IMPORTED:
            assert Message.objects.filter(conversation__origin__isnull=False).count() >= len(chat.turns)


@given(st.binary(max_size=300))
def test_any_bytes_end(content: bytes) -> None:
    try:
        list(reading.entries(io.BytesIO(content)))
    except reading.BadFile as bad:
        told(bad.text)


@given(st.data())
def test_a_file_that_was_cut_or_changed_ends(data: st.DataObject) -> None:
    content = bytearray(as_file([chatgpt(), openwebui()]))
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        for entry in reading.entries(io.BytesIO(bytes(content))):
            readable(entry.value)
    except reading.BadFile as bad:
        told(bad.text)


def memory(value: Any) -> int:
    inner = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return sys.getsizeof(value) + sum(map(memory, inner))


@pytest.mark.parametrize("part", ["[]", "{}", "1.5", '"é"', '"🚀🚀🚀🚀🚀🚀🚀🚀"', '{"a": 1, "b": 2}'])
@pytest.mark.parametrize("form", ['[{"title": "A", "mapping": [%s]}]', '{"title": "A", "mapping": [%s]}'])
def test_an_entry_takes_no_more_memory_than_is_allowed(monkeypatch: pytest.MonkeyPatch, part: str, form: str) -> None:
    """However little room it takes in the file."""
    most = 400_000
    monkeypatch.setattr(reading, "_LARGEST", most)
    each = memory(json.loads(part)) + 8
    for share, is_taken in ((0.25, True), (1.1, False)):
        content = form % ",".join([part] * int(most * share / each))
        (entry,) = reading.entries(io.BytesIO(content.encode()))
        assert bool(entry.problem) is not is_taken
        assert memory(entry.value) <= most


def test_a_text_without_an_end_is_not_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_LARGEST", 1_000_000)
    content = b'[{"title": "A"}, {"title": "' + b"a" * 5_000_000 + b'"}]'
    found = reading.entries(io.BytesIO(content))
    assert next(found).value == {"title": "A"}
    with pytest.raises(reading.BadFile, match="larger than can be taken in"):
        next(found)
