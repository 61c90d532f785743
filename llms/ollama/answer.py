"""A streamed answer from /api/chat."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.conf import settings

from llms.errors import AnswerCut, ModelError, ServerUnreachable, TooSlow
from llms.ollama import failures, http
from llms.requests import ChatRequest, Delta, Finish, Turn

# A line holds one token; more than this is not an answer.
_LONGEST_LINE = 4_194_304


def payload(
    request: ChatRequest, *, name: str, context_length: int, capabilities: frozenset[str]
) -> Mapping[str, object]:
    """The body of /api/chat. `num_ctx` and `think` are always said: Ollama's own defaults cut prompts silently, reload
    the model when two clients differ, and think.

    `truncate` and `shift` are off, so that what does not fit is an error or an honest end, never a silent loss.
    `keep_alive` is not sent: who runs the server has chosen it for its memory (OLLAMA_KEEP_ALIVE).
    """
    chosen = {"num_predict": request.max_tokens, "temperature": request.temperature, "top_p": request.top_p}
    options = {"num_ctx": context_length} | {name: value for name, value in chosen.items() if value is not None}
    continues = bool(request.turns) and request.turns[-1].role == "assistant"
    return {
        "model": name,
        "messages": [_message(turn) for turn in request.turns],
        "stream": True,
        # An answer that is continued has done its thinking; Ollama refuses both at once.
        "think": request.think and "thinking" in capabilities and not continues,
        "truncate": False,
        "shift": False,
        "options": options,
    }


def _message(turn: Turn) -> Mapping[str, object]:
    message: dict[str, object] = {"role": turn.role, "content": turn.content}
    if turn.pictures:
        message["images"] = [picture.data for picture in turn.pictures]
    return message


async def stream(body: Mapping[str, object]) -> AsyncGenerator[Delta | Finish, None]:
    """All tokens that arrived together make one Delta. The last item is Finish; otherwise a ModelError is raised.

    Closing the generator, or cancelling its task, closes the connection at once, and Ollama frees the model.
    """
    exchange = await _post(body)
    try:
        lines = _Lines()
        chunk = await _first(exchange)
        while chunk is not None:
            for item in lines.take(chunk):
                yield item
                if isinstance(item, Finish):
                    return
            if lines.failure is not None:
                raise failures.from_stream(lines.failure, begun=lines.begun)
            chunk = await _next(exchange)
        raise AnswerCut(detail="the stream ended without done")
    finally:
        exchange.close()


async def _post(body: Mapping[str, object]) -> http.Exchange:
    try:
        return await http.post(settings.OLLAMA_BASE_URL, "/api/chat", body)
    except OSError as error:
        raise ServerUnreachable(detail=repr(error)) from error


async def _first(exchange: http.Exchange) -> bytes | None:
    """The head, which comes with the first token or with an error, and the beginning of the body."""
    try:
        async with asyncio.timeout(settings.FIRST_TOKEN_TIMEOUT):
            await exchange.head()
            if exchange.status != HTTPStatus.OK:
                raise failures.from_response(exchange.status, await exchange.whole())
            chunk = await exchange.read()
            while chunk is not None and not chunk.strip():
                chunk = await exchange.read()
    except TimeoutError as error:
        seconds = f"{settings.FIRST_TOKEN_TIMEOUT:g}"
        raise TooSlow(
            f"The model did not begin to answer within {seconds} seconds. Try again, or choose a smaller model.",
            detail="silent before the first token",
        ) from error
    except (http.BrokenResponse, OSError) as error:
        raise ServerUnreachable(detail=repr(error)) from error
    exchange.be_patient(settings.NEXT_TOKEN_TIMEOUT)
    return chunk


async def _next(exchange: http.Exchange) -> bytes | None:
    try:
        return await exchange.read()
    except TimeoutError as error:
        raise TooSlow(detail="silent in the middle of the answer") from error
    except (http.BrokenResponse, OSError) as error:
        raise AnswerCut(detail=repr(error)) from error


class _Lines:
    """Takes bytes, gives items. Splits at b"\\n" only: text may hold any other line separator."""

    def __init__(self) -> None:
        self._pending = b""
        self._decode = json.JSONDecoder().decode
        self.begun = False
        self.failure: object = None

    def take(self, chunk: bytes) -> Sequence[Delta | Finish]:
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        if len(self._pending) > _LONGEST_LINE:
            raise ModelError(detail="a line without end")
        text, thinking = "", ""
        finish: Finish | None = None
        for line in lines:
            if not line or line.isspace():
                continue
            item = self._parsed(line)
            if "error" in item:
                self.failure = item["error"]
                break
            message = item.get("message") or {}
            text += message.get("content") or ""
            thinking += message.get("thinking") or ""
            if item.get("done"):
                finish = _finish(item)
                break
        items: list[Delta | Finish] = []
        if text or thinking:
            self.begun = True
            items.append(Delta(text, thinking))
        if finish is not None:
            items.append(finish)
        return items

    def _parsed(self, line: bytes) -> dict[str, Any]:
        try:
            item = self._decode(line.decode(errors="replace"))
        except ValueError as error:
            raise (AnswerCut if self.begun else ModelError)(detail=f"not JSON: {line[:200]!r}") from error
        if not isinstance(item, dict):
            raise (AnswerCut if self.begun else ModelError)(detail=f"not an object: {line[:200]!r}")
        return item


def _finish(item: Mapping[str, Any]) -> Finish:
    return Finish(
        reason="length" if item.get("done_reason") == "length" else "stop",
        tokens_prompt=item.get("prompt_eval_count"),
        tokens_completion=item.get("eval_count"),
    )
