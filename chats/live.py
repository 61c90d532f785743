"""Answers while they are being written: a replayable state in Redis and frames to the pages that show it.

For each live answer Redis holds what a page needs to catch up at any moment: the finished HTML, the open block, the
text, and a sequence number. Every change adds one to the number and goes to the conversation's channel group as a
frame. Group delivery may drop; whoever sees a gap, or connects, reads the state and then takes only what is newer.

A frame is JSON for static/js/live.js:

    {m, seq, kind: "delta", done, open, code, state, status, thoughts}   each field optional: append to #m-ID-done,
        replace #m-ID-open, append to #m-ID-code, replace #m-ID-state, set data-status, append to the thoughts
    {m, seq, kind: "state", …}   the same for an answer that is behind; `done` and `thoughts` replace what stands
    {m, seq, kind: "final" | "exchange" | "title", content}   rare; htmx swaps the out-of-band elements in `content`. An
        exchange goes below the message `after`: a page that ends with another fetches the newest part
    {m, kind: "path"}   the message the conversation ends with; a page that ends with another fetches the newest part
    {kind: "gone"}   the conversation was deleted, or is not shared any more

Swapped by htmx (a new document, clones, events) a frame costs a page 0.7 ms, written straight to its elements 0.01 ms.
A :has() about the finished text in a style sheet made every frame restyle it, 24 ms at 10,000 tokens.

Nothing that anybody wrote stands in Redis in plain: the channel layer seals frames, and the parts of a state are rows
of sealed records, one for each change, so that appending is still one short command.
"""

import asyncio
import json
import logging
import uuid
from dataclasses import dataclass
from functools import cache
from struct import Struct
from typing import Any, Literal
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer
from django.conf import settings
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from accounts.encryption.daily import DailyCipher
from accounts.encryption.errors import Forged
from chats.markdown_stream import Change

logger = logging.getLogger(__name__)

FrameKind = Literal["delta", "state", "final", "exchange", "path", "title", "gone"]

# Long enough for any answer and any pause of a page; a live answer renews it with its lease.
KEEP_FOR = 3600
# For how long a worker tries to tell the pages of an answer's end. After that they ask the database.
ANNOUNCE_FOR = 60

STOP_CHANNEL = "chatsite:stop"


def connect() -> Redis:
    """No hidden retries: a command that silently ran on a restarted, empty server would corrupt the state."""
    return Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 0), socket_timeout=5, socket_connect_timeout=2)


def group_name(conversation_id: uuid.UUID | str) -> str:
    return f"chat.{conversation_id}"


def publish(pipe: Pipeline | Redis | SyncRedis, conversation_id: uuid.UUID | str, message: dict[str, Any]) -> Any:
    """`channel_layer.group_send` as a Redis command, so that many frames and their states travel in one round trip."""
    return pipe.publish(*get_channel_layer().group_frame(group_name(conversation_id), message))


def event(
    message_id: uuid.UUID | str, kind: FrameKind, *, seq: int = 0, origin: str = "", **fields: Any
) -> dict[str, Any]:
    """What travels through the group. `frame` is what the browser gets, made once for all its readers.

    A delta appends `done`, `code` and `thoughts` and replaces `open`, `state` and `status`; a state replaces them all;
    both are applied by live.js to elements it knows. The other kinds are rare and carry `content`, which htmx swaps.
    `origin` names the tab that caused it and already has the content in its HTTP answer.
    """
    frame = {"m": str(message_id), "kind": kind, "seq": seq, **fields}
    return {
        "type": "live.frame",
        "m": str(message_id),
        "kind": kind,
        "seq": seq,
        "origin": origin,
        "frame": json.dumps(frame, ensure_ascii=False, separators=(",", ":")),
    }


def delta_event(
    message_id: uuid.UUID, change: Change, *, seq: int, state: str | None, status: str | None, thoughts: str = ""
) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if thoughts:
        fields["thoughts"] = thoughts
    if change.finished:
        fields["done"] = change.finished
    if change.open is not None:
        fields["open"] = change.open
    if change.code:
        fields["code"] = change.code
    if state is not None:
        fields["state"] = state
    if status is not None:
        fields["status"] = status
    return event(message_id, "delta", seq=seq, **fields)


# --- The replayable state -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LiveState:
    seq: int
    done: str
    open: str
    state: str
    status: str
    text: str
    # Escaped, as they go into the page.
    thoughts: str = ""

    def event(self, message_id: uuid.UUID | str) -> dict[str, Any]:
        """The frame that brings a page up to date."""
        return event(
            message_id,
            "state",
            seq=self.seq,
            done=self.done,
            open=self.open,
            state=self.state,
            status=self.status,
            thoughts=self.thoughts,
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer's state is kept. The conversation is part of it, so that a socket, which was let into one
    conversation, cannot name an answer of another."""

    conversation_id: uuid.UUID
    message_id: uuid.UUID

    def key(self, part: str = "") -> str:
        # The braces keep the keys of one answer together on a Redis cluster.
        return f"chatsite:live:{{{self.conversation_id}:{self.message_id}}}{part}"


_PARTS = ("", ":done", ":open", ":text", ":thoughts")
_HEAD = {b"seq", b"suffix", b"state", b"status"}
# Before each sealed record of a part: how long it is.
_LENGTH = Struct(">I")
_cipher = DailyCipher("live")
# Bytes in Redis of each part of a state.
Sizes = dict[str, int]


async def read(redis: Redis, place: Place, *, with_text: bool = False) -> LiveState | None:
    """The state at one moment, or None when nobody writes this answer any more."""
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hgetall(place.key())
        parts = ("done", "open", "thoughts", *(["text"] if with_text else []))
        pipe.mget(place.key(f":{part}") for part in parts)
        head, (done, open_block, thoughts, *text) = await pipe.execute()
    if not head.keys() >= _HEAD:
        return None  # Nobody writes it, or Redis has just lost its memory and the worker has not noticed yet.
    try:
        return LiveState(
            seq=int(head[b"seq"]),
            done=_opened(place, "done", done or b""),
            open=_opened(place, "open", open_block or b"") + head[b"suffix"].decode(),
            state=_opened(place, "state", head[b"state"]),
            status=head[b"status"].decode(),
            text=_opened(place, "text", text[0] or b"") if with_text else "",
            thoughts=_opened(place, "thoughts", thoughts or b""),
        )
    except Forged:
        logger.warning("The live state of answer %s is not what was written there; it is left alone.", place.message_id)
        return None


def write_whole(pipe: Pipeline, place: Place, state: LiveState, suffix: str) -> Sizes:
    """`state.open` without `suffix`, which stands apart so that code can be appended before it."""
    line = _sealed(place, "state", state.state)
    pipe.hset(place.key(), mapping={"seq": state.seq, "suffix": suffix, "state": line, "status": state.status})
    parts = {"done": state.done, "open": state.open, "text": state.text, "thoughts": state.thoughts}
    sealed = {part: _sealed(place, part, content) for part, content in parts.items()}
    for part, record in sealed.items():
        pipe.set(place.key(f":{part}"), record)
    expire(pipe, place, KEEP_FOR)
    return {part: len(record) for part, record in sealed.items()}


def write_change(
    pipe: Pipeline, place: Place, change: Change, text: str, head: dict[Any, Any], sizes: Sizes, thoughts: str = ""
) -> dict[str, int]:
    """Apply one change, also to `sizes`. Returns where in the pipeline the length of each part will be answered, to be
    compared to them."""
    if "state" in head:
        head = {**head, "state": _sealed(place, "state", head["state"])}
    pipe.hset(place.key(), mapping=head)
    lengths: dict[str, int] = {}

    def append(part: str, content: str) -> None:
        record = _sealed(place, part, content)
        lengths[part] = len(pipe)
        sizes[part] += len(record)
        pipe.append(place.key(f":{part}"), record)

    if change.finished:
        append("done", change.finished)
    if change.open is not None:
        suffix = str(head["suffix"])
        record = _sealed(place, "open", change.open.removesuffix(suffix) if suffix else change.open)
        sizes["open"] = len(record)
        pipe.set(place.key(":open"), record, ex=KEEP_FOR)
    if change.code:
        append("open", change.code)
    if text:
        append("text", text)
    if thoughts:
        append("thoughts", thoughts)
    return lengths


def _sealed(place: Place, part: str, content: str) -> bytes:
    """One record; nothing for nothing."""
    if not content:
        return b""
    record = _cipher.seal(content.encode("utf-8", "replace"), place.key(part).encode())
    return _LENGTH.pack(len(record)) + record


def _opened(place: Place, part: str, records: bytes) -> str:
    where, at, found = place.key(part).encode(), 0, []
    while at < len(records):
        begin = at + _LENGTH.size
        if begin > len(records):
            raise Forged
        at = begin + _LENGTH.unpack_from(records, at)[0]
        found.append(_cipher.unseal(records[begin:at], where))
    return b"".join(found).decode()


def expire(pipe: Pipeline, place: Place, seconds: int) -> None:
    for part in _PARTS:
        pipe.expire(place.key(part), seconds)


def forget(pipe: Pipeline, place: Place) -> None:
    """The answer is settled: the database has it."""
    pipe.delete(*(place.key(part) for part in _PARTS))


def forget_now(conversation_id: uuid.UUID, message_ids: list[uuid.UUID]) -> None:
    """Whatever is still there of these answers. Raises RedisError."""
    if message_ids:
        places = [Place(conversation_id, pk) for pk in message_ids]
        _sync_redis().delete(*(place.key(part) for place in places for part in _PARTS))


_connections: "WeakKeyDictionary[asyncio.AbstractEventLoop, Redis]" = WeakKeyDictionary()


def shared_connection() -> Redis:
    """One pool for all sockets of the process's event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _connections:
        _connections[loop] = connect()
    return _connections[loop]


@cache
def _sync_redis() -> SyncRedis:
    """For views, which run in threads. The client is made for sharing among them."""
    return SyncRedis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=1)


def publish_now(conversation_id: uuid.UUID | str, message: dict[str, Any]) -> None:
    """From a view, after commit. A Redis that is away costs other tabs an update, never the request."""
    tell_now(group_name(conversation_id), message)


def tell_now(group: str, message: dict[str, Any]) -> None:
    try:
        _sync_redis().publish(*get_channel_layer().group_frame(group, message))
    except (RedisError, OSError):
        logger.warning("Redis is away; other tabs learn of this with their next page.")


def ask_to_stop(message_id: uuid.UUID) -> None:
    """Tell the worker at once; should this be lost, it reads the row with its next lease."""
    try:
        _sync_redis().publish(STOP_CHANNEL, str(message_id))
    except (RedisError, OSError):
        logger.warning("Redis is away; the worker sees the stop with its next lease.")
