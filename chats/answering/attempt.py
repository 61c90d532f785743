"""One worker's attempt at one answer, from the claim to the settled row."""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from django.db import InterfaceError, OperationalError
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError

from accounts.encryption.errors import KeyErased
from accounts.tenancy import acting_as
from chats import live, presentation
from chats.answering import checking, prompt, records, seeking, sources, title
from chats.answering.delivery import LiveAnswer
from chats.answering.incoming import Cleaner, Continuation
from chats.answering.records import Checkpoint, Job, Source
from chats.models import Message
from jobs import leases
from llms import catalogue, chat
from llms.catalogue import ModelInfo
from llms.errors import AnswerCut, CannotSee, ModelError
from llms.requests import Delta, Finish
from llms.tokens import estimate

if TYPE_CHECKING:
    from chats.answering.runner import Runner

logger = logging.getLogger(__name__)

R = TypeVar("R")

_SUMMARY_TIMEOUT = 60.0
_AWAY = 0.5


class _Failure(NamedTuple):
    code: str
    text: str


_WORKER_DIED = _Failure(
    "worker_died", "Writing this answer was interrupted several times. What was written is kept: try again."
)
_OUR_FAULT = _Failure(
    "internal", "Something went wrong on our side. Your question and what was written are kept: try again."
)

_NOT_ALLOWED = _Failure(
    "not_allowed", "Your account may not have answers written any more. Your question is kept. Ask an administrator."
)
_OUT_OF_TOKENS = _Failure(
    "quota_reached",
    "Other answers used up today's tokens of your account before this one began. Your question is kept: "
    "try again tomorrow.",
)


class Attempt:
    def __init__(self, runner: "Runner", message_id: uuid.UUID, stop: asyncio.Event) -> None:
        self._runner = runner
        self.message_id = message_id
        self._stop = stop
        self._lost = asyncio.Event()
        self._worker = leases.worker_name()
        self._sources: list[Source] = []
        self._trace: dict[str, Any] = {}
        self._steps: list[str] = []
        self._timings: dict[str, float] = {}
        self._answered_by = ""
        # Tokens of the prompt that a language model was asked with, and what stood there before.
        self._asked = 0
        self._before = ""
        self._status: str = Message.Status.SEARCHING
        self._began = time.monotonic()
        self._thinking_since: float | None = None
        self._live: LiveAnswer
        self._job: Job

    async def run(self) -> None:
        try:
            job = await self._in_database(records.claim, self.message_id, self._worker)
            if job is None:
                return
            with acting_as(job.owner_id):
                await self._run(job)
        except KeyErased:
            # The account is being deleted. Nothing can be read or kept, and nobody waits for the answer.
            logger.info("The account of an answer was deleted meanwhile; the answer ends.")

    async def _run(self, job: Job) -> None:
        self._job = job
        self._timings["queued"] = round(job.waited, 3)
        place = live.Place(job.conversation_id, job.message_id)
        self._live = LiveAnswer(place, seq=job.first_seq, thinking=job.thinking)
        self._live.text = await self._text_so_far()
        if self._live.text and job.thought_for:
            self._timings["thinking"] = job.thought_for
        self._sources, self._trace, self._steps = list(job.passages), job.trace, list(job.steps)
        self._live.cite(self._citations())
        self._show()
        if job.is_unwanted:
            await self._finish(Message.Status.STOPPED)
            return
        if job.is_hopeless:
            await self._finish_failed(_WORKER_DIED)
            return
        if job.is_not_allowed:
            await self._finish_failed(_NOT_ALLOWED)
            return
        if job.is_out_of_tokens:
            await self._finish_failed(_OUT_OF_TOKENS)
            return
        self._runner.delivery.add(self._live)
        self._runner.keep(self)
        try:
            await self._run_claimed()
        finally:
            self._runner.let_go(self)
            await self._runner.delivery.remove(self._live)
        if job.names_conversation and self._status == Message.Status.DONE:
            self._runner.after_end(
                title.name_conversation(self._runner, job, self._live.text, answered_by=self._answered_by)
            )

    async def _run_claimed(self) -> None:
        writing = asyncio.ensure_future(self._write())
        stopping = asyncio.ensure_future(self._stop.wait())
        losing = asyncio.ensure_future(self._lost.wait())
        tasks: list[asyncio.Future[Any]] = [writing, stopping, losing]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            # The process is going down (Runner.release_all); nothing else cancels an attempt.
            await _cancel(tasks)
            await self._hand_over()
            return
        if writing.done():
            await _cancel([stopping, losing])
            await self._finish_written(writing)
            return
        stopped = stopping.done()
        await _cancel(tasks)
        if stopped:
            await self._finish(Message.Status.STOPPED)

    # --- writing -------------------------------------------------------------------------------------------------

    async def _write(self) -> Finish:
        if self._job.searchable_documents and not self._live.text:
            await self._find_passages()
        return await self._stream_with_fallback()

    async def _find_passages(self) -> None:
        began = time.monotonic()
        found = await seeking.seek(self._job, self._in_database, show=self._show)
        self._timings["search"] = round(time.monotonic() - began, 3)
        self._sources, self._trace = found.sources, found.trace
        passages = len(found.sources)
        count = found.documents
        self._steps = [
            f"Searched {count} document{'s' if count != 1 else ''}",
            f"Read {passages} passage{'s' if passages != 1 else ''}" if passages else "Found nothing that fits",
        ]
        if not count and self._job.choice.is_narrow:
            self._steps = ["None of the documents chosen for this chat can be read any more"]
        if note := sources.suspicion_note(found.suspicious):
            self._steps.append(note)
        kept = await self._in_database(
            records.remember_sources, self._job, self._worker, self._sources, found.trace, self._steps
        )
        if not kept:
            raise asyncio.CancelledError
        self._live.cite(self._citations())

    async def _stream_with_fallback(self) -> Finish:
        """The wanted model, then its fallbacks, as long as nothing was written yet."""
        before = len(self._live.text)
        try:
            wanted = catalogue.known(self._job.model)
            if wanted is None:
                # The server has to be asked, which may take a while.
                wanted = await self._runner.in_thread(catalogue.resolve, self._job.model)
            return await self._stream(wanted)
        except ModelError as failure:
            error = failure
        if len(self._live.text) == before:
            for model in await self._runner.in_thread(catalogue.fallbacks, self._job.model):
                if self._job.pictures and not model.sees:
                    continue
                self._steps.append(f"{error.text.split('.')[0]}, so another model answers")
                try:
                    return await self._stream(model)
                except ModelError as failure:
                    logger.warning("A fallback model failed too: %s", failure)
                    if len(self._live.text) > before:
                        raise
        # What the person asked for is what they are told about.
        raise error

    async def _stream(self, model: ModelInfo) -> Finish:
        if self._job.pictures and not model.sees:
            # Refused before the question was kept; but models change, and a default may be another one now.
            raise CannotSee
        self._answered_by = model.key
        self._show("Reading the question")
        before = self._live.text
        built = await self._in_database(prompt.build, self._job, model, self._sources, before)
        if built.to_summarise:
            built = await self._with_summary(built, model, before)
        if built.left_out:
            fate = "summarised" if built.is_summarised else "left out"
            self._note(f"{built.left_out} earlier messages did not fit and were {fate}")
        if len(built.sources) < len(self._sources):
            self._sources = built.sources
            self._note(f"Only {len(built.sources)} of the passages fitted")
        if not before:
            # Thoughts of an earlier attempt, or of a model that then failed.
            self._live.forget_thoughts()
            self._timings.pop("thinking", None)
        self._thinking_since = None
        self._asked, self._before = (0 if model.provider == "builtin" else prompt.tokens(built.request)), before
        cleaner, continuation = Cleaner(), Continuation(before)
        stream = chat.stream(built.request)
        try:
            async for item in stream:
                if isinstance(item, Finish):
                    self._say(continuation.take(cleaner.rest()) + continuation.rest())
                    return item
                self._take(item, cleaner, continuation)
        finally:
            # Closing ends the request, so that the model server frees its place at once.
            await stream.aclose()
        raise AnswerCut

    def _take(self, delta: Delta, cleaner: Cleaner, continuation: Continuation) -> None:
        if "first_token" not in self._timings:
            self._timings["first_token"] = round(time.monotonic() - self._began, 3)
        if delta.thinking:
            if self._status != Message.Status.THINKING:
                self._status = Message.Status.THINKING
                self._show()
            if not self._live.text:
                self._thinking_since = self._thinking_since or time.monotonic()
                self._live.think(Cleaner().take(delta.thinking))
                self._runner.delivery.wake(self._live)
        if delta.text:
            self._end_thinking()
            if self._status != Message.Status.WRITING:
                self._status = Message.Status.WRITING
                self._show()
            self._say(continuation.take(cleaner.take(delta.text)))

    def _end_thinking(self) -> None:
        if self._thinking_since is not None:
            self._timings["thinking"] = max(0.001, round(time.monotonic() - self._thinking_since, 3))
            self._thinking_since = None

    def _say(self, text: str) -> None:
        if text:
            self._live.say(text)
            self._runner.delivery.wake(self._live)

    async def _with_summary(self, built: prompt.Prompt, model: ModelInfo, before: str) -> prompt.Prompt:
        """Summarise what does not fit; without a summary the question is still answered, and the bubble says so."""
        self._show("Summarising the earlier conversation")
        try:
            fast = await self._runner.in_thread(catalogue.fast_model, model.key)
            request = await self._in_database(prompt.summary_request, built, fast)
            text = await asyncio.wait_for(chat.complete(request), _SUMMARY_TIMEOUT)
        except (ModelError, TimeoutError) as failure:
            logger.warning("No summary of the earlier conversation: %s", failure)
            return built
        if not text.strip() or fast.provider == "builtin":
            return built
        await self._in_database(prompt.store_summary, self._job, built.to_summarise[-1], Cleaner().take(text), fast.key)
        return await self._in_database(prompt.build, self._job, model, self._sources, before)

    # --- the row -------------------------------------------------------------------------------------------------

    def checkpoint(self) -> Checkpoint:
        """What the runner stores as it renews the leases of all its answers."""
        return Checkpoint(
            message_id=self.message_id,
            owner_id=self._job.owner_id,
            worker=self._worker,
            status=self._status,
            content=self._live.text,
            thinking=self._live.thinking,
            timings=self._timings,
        )

    def refresh(self, pipe: Pipeline) -> None:
        live.expire(pipe, self._live.place, live.KEEP_FOR)

    def lose(self) -> None:
        """The row is somebody else's now, or gone."""
        self._lost.set()

    async def _finish_written(self, writing: "asyncio.Future[Finish]") -> None:
        try:
            finish = writing.result()
        except ModelError as error:
            await self._finish_failed(_Failure(error.code, error.text))
        except asyncio.CancelledError:
            return
        except KeyErased:
            raise
        except Exception:
            logger.exception("Answering failed.")
            await self._finish_failed(_OUR_FAULT)
        else:
            await self._finish(
                Message.Status.DONE,
                tokens_prompt=finish.tokens_prompt,
                tokens_completion=finish.tokens_completion,
                error_code="length" if finish.reason == "length" else "",
            )

    async def _finish_failed(self, failure: _Failure) -> None:
        status = Message.Status.INTERRUPTED if self._live.text else Message.Status.FAILED
        await self._finish(status, error_code=failure.code, error_text=failure.text)

    async def _finish(self, status: str, **changes: Any) -> None:
        self._end_thinking()
        self._timings["total"] = round(time.monotonic() - self._began, 3)
        bubble = await self._in_database(self._settle, status, changes)
        if bubble is None:
            return
        self._status = status
        await self._runner.delivery.remove(self._live)
        self._runner.after_end(self._publish_final(bubble, self._live.seq + 1))

    def _settle(self, status: str, changes: Mapping[str, Any]) -> str | None:
        """Store the end, in a thread. The bubble as pages shall show it, or None when the row is not ours any more."""
        text, trace, steps = self._live.text, None, list(self._steps)
        if status == Message.Status.DONE and self._sources:
            # A text that broke off is left as it is: the model goes on from it.
            checked = checking.check(text, self._sources)
            text, trace = checked.text, self._trace | {"citations": checked.counts}
            steps += [checked.note] if checked.note else []
        elif self._asked and changes.get("tokens_completion") is None and (written := self._written()):
            changes = {**changes, "tokens_completion": written}
        message = records.settle(
            self._job,
            self._worker,
            status,
            given=self._sources,
            cited=sources.cited(self._sources, text),
            trace=trace,
            spent=self._spent(changes),
            content=text,
            thinking=self._live.thinking,
            html=presentation.final_html(text, self._citations(), message_id=self.message_id),
            answered_by=self._answered_by,
            timings=self._timings,
            steps=steps,
            **changes,
        )
        return presentation.bubble(message) if message else None

    def _spent(self, changes: Mapping[str, Any]) -> int:
        """Tokens, by the model's own count; of an answer that was stopped or broke off, by ours."""
        if not self._asked:
            return 0
        read, written = changes.get("tokens_prompt"), changes.get("tokens_completion")
        if written is None:
            written = self._written()
        return int(self._asked if read is None else read) + int(written)

    def _written(self) -> int:
        """Tokens by our own count: a model tells its own at the end only."""
        written = (self._live.text[len(self._before) :], self._live.thinking)
        return sum(estimate(text) for text in written if text)

    async def _publish_final(self, bubble: str, seq: int) -> None:
        """Pages wait for this, so a Redis that is away is waited for; later they would ask the database."""
        event = live.event(self.message_id, "final", seq=seq, content=bubble)
        deadline = time.monotonic() + live.ANNOUNCE_FOR
        while time.monotonic() < deadline:
            try:
                async with self._runner.redis.pipeline(transaction=False) as pipe:
                    live.forget(pipe, self._live.place)
                    live.publish(pipe, self._job.conversation_id, event)
                    await pipe.execute()
            except (RedisError, OSError):
                await asyncio.sleep(_AWAY)
            else:
                return
            if await self._is_continued():
                return

    async def _is_continued(self) -> bool:
        """Whether a later attempt has begun while Redis was away; what is in Redis now is that one's."""
        try:
            state = await live.read(self._runner.redis, self._live.place)
        except (RedisError, OSError):
            return False
        return state is not None and state.seq > self._live.seq

    async def _hand_over(self) -> None:
        await self._runner.in_thread(
            records.release,
            self._job,
            self._worker,
            content=self._live.text,
            thinking=self._live.thinking,
        )

    async def _in_database(self, function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """Run it in a thread, again and again while the database is away; the lease decides when to give up."""
        while True:
            try:
                return await self._runner.in_thread(function, *args, **kwargs)
            except (OperationalError, InterfaceError):
                logger.warning("The database is away; trying again.")
                await asyncio.sleep(_AWAY)

    async def _text_so_far(self) -> str:
        """The checkpoint, or what the pages have seen since."""
        if self._job.is_first_attempt and not self._job.text:
            return ""
        try:
            state = await live.read(self._runner.redis, self._live.place, with_text=True)
        except (RedisError, OSError):
            return self._job.text
        seen = state.text if state else ""
        return seen if seen.startswith(self._job.text) else self._job.text

    # --- what is shown -------------------------------------------------------------------------------------------

    def _show(self, doing: str = "") -> None:
        steps = [*self._steps, doing] if doing else self._steps
        self._live.show_state(self._status, presentation.state_line(self._status, steps, self._timings))
        self._runner.delivery.wake(self._live)

    def _note(self, step: str) -> None:
        if step not in self._steps:
            self._steps.append(step)
            self._show()

    def _citations(self) -> dict[int, str]:
        return presentation.citation_urls(
            self._job.conversation_id, self.message_id, [source.number for source in self._sources]
        )


async def _cancel(tasks: "Iterable[asyncio.Future[Any]]") -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
