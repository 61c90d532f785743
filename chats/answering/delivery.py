"""From tokens to pages: gathers what all answers of this process have to say and sends it in one round trip.

Rendering, Redis and sockets cost per batch, not per token, so tokens are gathered for 40 to 100 ms, longer when many
answers are being written. The first words of an answer do not wait.
"""

import asyncio
import html
import logging
from dataclasses import dataclass, field, replace
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError

from chats import live
from chats.live import LiveState, Place
from chats.markdown import Citations
from chats.markdown_stream import Change, MarkdownStream, PlainStream

logger = logging.getLogger(__name__)

SHORTEST_TICK = 0.04
LONGEST_TICK = 0.1
_TICK_PER_ANSWER = 0.0006
_REDIS_AWAY = 0.5


@dataclass(eq=False)
class LiveAnswer:
    """One answer being written: what was said so far, and what Redis and the pages know of it."""

    place: Place
    seq: int
    citations: Citations = field(default_factory=dict)
    text: str = ""
    thinking: str = ""

    def __post_init__(self) -> None:
        self._stream: MarkdownStream | PlainStream = self._new_stream()
        self._finished: list[str] = []
        self._pending = [self.text] if self.text else []
        self._thoughts: list[str] = []
        self._state = ""
        self._status = ""
        self._state_is_new = True
        # Until Redis holds it all: at the beginning, and again after Redis lost it.
        self.needs_whole = True
        self._published = False
        self._sizes: live.Sizes = {"done": 0, "open": 0, "text": 0, "thoughts": 0}

    def _new_stream(self) -> MarkdownStream:
        return MarkdownStream(code_id=f"m-{self.place.message_id}-code", citations=self.citations)

    def cite(self, citations: Citations) -> None:
        """Passages are known now. Only called before the first token."""
        self.citations = citations
        self._stream = self._new_stream()
        if self.text:
            self._finished, self._pending, self.needs_whole = [], [self.text], True

    def say(self, text: str) -> None:
        self.text += text
        self._pending.append(text)

    def think(self, text: str) -> None:
        self.thinking += text
        self._thoughts.append(text)

    def forget_thoughts(self) -> None:
        """They led to nothing that was kept."""
        if self.thinking:
            self.thinking, self.needs_whole = "", True

    def show_state(self, status: str, line: str) -> None:
        """The quiet line above the text: what is being done before and while writing."""
        self._status, self._state = status, line
        self._state_is_new = True

    @property
    def is_dirty(self) -> bool:
        return bool(self._pending or self._thoughts) or self._state_is_new or self.needs_whole

    @property
    def is_urgent(self) -> bool:
        """Nothing of the answer was on the page yet, so its first words go out at once."""
        return not self._published and (bool(self._pending) or self._state_is_new or self.needs_whole)

    def write_to(self, pipe: Pipeline) -> dict[str, int]:
        """Add this answer's changes to the pipeline. Returns where in it the new length of each part is answered."""
        text = "".join(self._pending)
        self._pending.clear()
        thoughts = html.escape("".join(self._thoughts), quote=False) if self._thoughts else ""
        self._thoughts.clear()
        change = self._render(text) if text else Change()
        if change.finished:
            self._finished.append(change.finished)
        self._published = self._published or bool(text)
        if self.needs_whole:
            self._write_whole(pipe)
            return {}
        return self._write_change(pipe, change, text, thoughts)

    def _render(self, text: str) -> Change:
        try:
            return self._stream.feed(text)
        except Exception:
            # One strange text must not silence the other answers of this process.
            logger.exception("An answer could not be rendered while it was written; it is shown as plain text.")
            self._stream = PlainStream(code_id=f"m-{self.place.message_id}-code")
            self._finished, self.needs_whole = [], True
            return self._stream.feed(self.text)

    def _write_change(self, pipe: Pipeline, change: Change, text: str, thoughts: str) -> dict[str, int]:
        state, status = (self._state, self._status) if self._state_is_new else (None, None)
        self._state_is_new = False
        if change or thoughts or state is not None:
            self.seq += 1
            event = live.delta_event(
                self.place.message_id, change, seq=self.seq, state=state, status=status, thoughts=thoughts
            )
            live.publish(pipe, self.place.conversation_id, event)
        head: dict[Any, Any] = {"seq": self.seq, "suffix": self._stream.open_suffix}
        if state is not None and status is not None:
            head |= {"state": state, "status": status}
        return live.write_change(pipe, self.place, change, text, head, self._sizes, thoughts)

    def _write_whole(self, pipe: Pipeline) -> None:
        self.seq += 1
        self.needs_whole = self._state_is_new = False
        done, block, suffix = "".join(self._finished), self._stream.open_html, self._stream.open_suffix
        thoughts = html.escape(self.thinking, quote=False)
        held = LiveState(self.seq, done, block, self._state, self._status, self.text, thoughts)
        self._sizes = live.write_whole(pipe, self.place, held, suffix)
        live.publish(pipe, self.place.conversation_id, replace(held, open=block + suffix).event(self.place.message_id))

    def is_held(self, lengths: dict[str, int]) -> bool:
        """Whether Redis holds all of the answer; it does not after it restarted empty."""
        return all(self._sizes[part] == length for part, length in lengths.items())


class Delivery:
    """One per process and event loop."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._answers: set[LiveAnswer] = set()
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._sending = asyncio.Lock()

    def add(self, answer: LiveAnswer) -> None:
        self._answers.add(answer)
        self.wake(answer)

    async def remove(self, answer: LiveAnswer) -> None:
        """Once this returns, nothing more of the answer is sent or on its way."""
        self._answers.discard(answer)
        async with self._sending:
            pass

    def wake(self, answer: LiveAnswer) -> None:
        """It has something new to say."""
        self._wake.set()
        if answer.is_urgent:
            self._hurry.set()

    async def run(self) -> None:
        """Send for as long as the process lives."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._hurry.clear()
            sent = await self.send()
            await self._pause(self._tick() if sent else _REDIS_AWAY, send_urgent=sent)
            if any(answer.is_dirty for answer in self._answers):
                self._wake.set()

    async def _pause(self, seconds: float, *, send_urgent: bool) -> None:
        """Let tokens gather. Within the pause only the first words of an answer may go out."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (left := deadline - loop.time()) > 0:
            try:
                await asyncio.wait_for(self._hurry.wait(), left)
            except TimeoutError:
                return
            self._hurry.clear()
            if send_urgent and (urgent := [answer for answer in self._answers if answer.is_urgent]):
                await self.send(urgent)

    def _tick(self) -> float:
        return min(LONGEST_TICK, SHORTEST_TICK + _TICK_PER_ANSWER * len(self._answers))

    async def send(self, answers: "list[LiveAnswer] | None" = None) -> bool:
        """One round trip for all that is new. False: Redis is away; nothing is lost, the whole goes out later."""
        async with self._sending:
            return await self._send([a for a in (answers or list(self._answers)) if a.is_dirty])

    async def _send(self, dirty: list[LiveAnswer]) -> bool:
        if not dirty:
            return True
        pipe = self._redis.pipeline(transaction=False)
        expected = [(answer, answer.write_to(pipe)) for answer in dirty]
        try:
            replies = await pipe.execute()
        except (RedisError, OSError) as error:
            logger.warning("Redis is away; %d live answers are kept in memory: %s", len(dirty), type(error).__name__)
            for answer in dirty:
                answer.needs_whole = True
            return False
        for answer, positions in expected:
            if not answer.is_held({part: replies[at] for part, at in positions.items()}):
                answer.needs_whole = True
                self._wake.set()
        return True
