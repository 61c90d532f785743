"""Asking a chat model, whoever provides it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from llms import catalogue
from llms.builtin import quoting
from llms.embeddings import embed_query
from llms.ollama import answer
from llms.requests import ChatRequest, Delta, Finish


async def stream(request: ChatRequest) -> AsyncGenerator[Delta | Finish, None]:
    """The answer as it is written; the last item is `Finish`. Raises a ModelError when there is no whole answer.

    Whoever stops early calls `aclose()` (or cancels the task that reads): the request is closed at once.
    """
    model = catalogue.known(request.model)
    if model is None:  # the server has to be asked
        model = await asyncio.to_thread(catalogue.resolve, request.model)
    if model.provider == "builtin":
        items = quoting.stream(request)
    else:
        items = answer.stream(
            answer.payload(
                request, name=model.name, context_length=model.context_length, capabilities=model.capabilities
            )
        )
    async with aclosing(items):
        async for item in items:
            yield item


async def complete(request: ChatRequest) -> str:
    """The whole text, without the thinking."""
    async with aclosing(stream(request)) as items:
        return "".join([item.text async for item in items if isinstance(item, Delta)])


def warm_up() -> None:
    """What the first question would otherwise wait for: the list of models and the built-in embedder (about 1 s)."""
    catalogue.chat_models()
    if catalogue.embedding_model_key() == catalogue.EMBEDDER_KEY:
        embed_query(catalogue.EMBEDDER_KEY, "warm up")
