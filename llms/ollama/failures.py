"""Ollama's errors as our own: what the person can do goes to the page, Ollama's wording to the log."""

import json
from typing import Any

from llms.errors import (
    AnswerCut,
    LoadFailed,
    ModelError,
    ModelMissing,
    PromptTooLong,
    ServerBusy,
    ServerUnreachable,
    Unsuitable,
)

# Parts of Ollama's and llama-server's messages, lower case; the first that is found decides.
_BY_WORDING: tuple[tuple[str, type[ModelError]], ...] = (
    ("exceeds the available context size", PromptTooLong),
    ("prompt is longer than the context", PromptTooLong),
    ("input length exceeds", PromptTooLong),
    ("server busy", ServerBusy),
    ("out-of-memory", LoadFailed),
    ("out of memory", LoadFailed),
    ("requires more system memory", LoadFailed),
    ("has terminated", LoadFailed),
    ("unexpectedly stopped", LoadFailed),
    ("unable to load model", LoadFailed),
    ("error loading model", LoadFailed),
    ("does not support", Unsuitable),
    ("not supported", Unsuitable),
)
_WRONG_SERVER = (
    "The model server's address is answered by something that is not Ollama. Ask an administrator to check "
    "OLLAMA_BASE_URL."
)
_REFUSED = (
    "The model server refuses requests from here. Ask an administrator to check its OLLAMA_HOST and OLLAMA_ORIGINS, "
    "and who may use it."
)


def wording(error: object) -> str:
    """The innermost message. llama-server's errors come as JSON inside a string, or as an object."""
    for _ in range(4):
        if isinstance(error, str) and error.lstrip().startswith("{"):
            try:
                error = json.loads(error)
            except ValueError:
                break
        if not isinstance(error, dict):
            break
        error = error.get("error", error.get("message", ""))
    return str(error)[:1000]


def from_response(status: int, body: bytes) -> ModelError:
    """What an answer other than 200 means."""
    error = _parsed(body)
    detail = f"HTTP {status}: {wording(error if error is not None else body.decode(errors='replace'))}"
    by_wording = _named(detail)
    if by_wording is not None:
        return by_wording(detail=detail)
    if error is None and status in {404, 405}:
        return ServerUnreachable(_WRONG_SERVER, detail=detail)
    if status == 404:
        return ModelMissing(detail=detail)
    if status in {401, 403}:
        return ServerUnreachable(_REFUSED, detail=detail)
    if status in {429, 503}:
        return ServerBusy(detail=detail)
    if status in {502, 504}:
        return ServerUnreachable(detail=detail)
    return ModelError(detail=detail)


def from_stream(error: object, *, begun: bool) -> ModelError:
    """An error that came under 200, after some text (`begun`) or before any."""
    detail = wording(error)
    if begun:
        return AnswerCut(
            "The model stopped with an error in the middle of the answer. What it wrote is kept: you can continue it.",
            detail=detail,
        )
    by_wording = _named(detail)
    return (by_wording or ModelError)(detail=detail)


def _named(detail: str) -> type[ModelError] | None:
    lower = detail.lower()
    return next((kind for part, kind in _BY_WORDING if part in lower), None)


def _parsed(body: bytes) -> Any:
    """The error object, or None where the body is not Ollama's."""
    try:
        parsed = json.loads(body)
    except ValueError:
        return None
    return parsed.get("error") if isinstance(parsed, dict) else None
