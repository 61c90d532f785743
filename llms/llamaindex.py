"""The models as LlamaIndex components. Import this at first use only: LlamaIndex takes seconds and 100 MB.

The components go through the same adapters as everything else (llms.chat, llms.embeddings), because LlamaIndex's own
Ollama client breaks on U+0085, takes a torn answer for a whole one, copies the text for every token, and sends neither
`think: false` nor `truncate`.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing
from typing import Any, Final, Literal

from django.conf import settings
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.llms.callbacks import llm_chat_callback
from llama_index.embeddings.ollama import OllamaEmbedding
from llama_index.llms.ollama import Ollama

from llms import catalogue, chat, embeddings
from llms.requests import ChatRequest, Delta, Turn

# Any other role is somebody speaking to the model.
_ROLES: Final[dict[MessageRole, Literal["system", "user", "assistant"]]] = {
    MessageRole.SYSTEM: "system",
    MessageRole.DEVELOPER: "system",
    MessageRole.ASSISTANT: "assistant",
    MessageRole.CHATBOT: "assistant",
    MessageRole.MODEL: "assistant",
}


def embedder(key: str) -> BaseEmbedding:
    if key == catalogue.EMBEDDER_KEY:
        # As many as documents.ingestion brings: it sorts them by length before it pads them.
        return BuiltinEmbedding(model_name=key, embed_batch_size=64)
    return ChatsiteOllamaEmbedding(key)


def llm(key: str) -> Ollama:
    """A chat model of the Ollama server. Raises ModelMissing, Unsuitable, ServerUnreachable."""
    return ChatsiteOllama(catalogue.resolve(key))


class BuiltinEmbedding(BaseEmbedding):
    """`wordllama`."""

    def _get_query_embedding(self, query: str) -> list[float]:
        return embeddings.embed_query(catalogue.EMBEDDER_KEY, query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return embeddings.embed_passages(catalogue.EMBEDDER_KEY, texts)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)


class ChatsiteOllamaEmbedding(OllamaEmbedding):  # type: ignore[misc]
    """LlamaIndex's, with our own way to the server."""

    def __init__(self, key: str) -> None:
        super().__init__(model_name=key, base_url=settings.OLLAMA_BASE_URL, embed_batch_size=32)

    def _get_query_embedding(self, query: str) -> list[float]:
        return embeddings.embed_query(self.model_name, query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return embeddings.embed_passages(self.model_name, texts)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return await asyncio.to_thread(self._get_text_embedding, text)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await asyncio.to_thread(self._get_text_embeddings, texts)


class ChatsiteOllama(Ollama):  # type: ignore[misc]
    """LlamaIndex's, with our own way to the server. Text in and out; images and tools are not sent."""

    def __init__(self, model: catalogue.ModelInfo) -> None:
        super().__init__(
            model=model.name,
            base_url=settings.OLLAMA_BASE_URL,
            context_window=model.context_length,
            thinking=False,
            is_function_calling_model=False,
        )

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return asyncio.run(self._whole(messages, kwargs))

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return await self._whole(messages, kwargs)

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Generator[ChatResponse, None, None]:
        def pieces() -> Generator[ChatResponse, None, None]:
            items = self._pieces(messages, kwargs)

            async def following() -> ChatResponse | None:
                return await anext(items, None)

            with asyncio.Runner() as runner:
                try:
                    while (item := runner.run(following())) is not None:
                        yield item
                finally:
                    runner.run(items.aclose())

        return pieces()

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> AsyncGenerator[ChatResponse, None]:
        return self._pieces(messages, kwargs)

    async def _whole(self, messages: Sequence[ChatMessage], options: dict[str, Any]) -> ChatResponse:
        text = await chat.complete(self._request(messages, options))
        return ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, content=text))

    async def _pieces(
        self, messages: Sequence[ChatMessage], options: dict[str, Any]
    ) -> AsyncGenerator[ChatResponse, None]:
        text = ""
        async with aclosing(chat.stream(self._request(messages, options))) as items:
            async for item in items:
                if isinstance(item, Delta):
                    text += item.text
                    message = ChatMessage(role=MessageRole.ASSISTANT, content=text)
                    yield ChatResponse(message=message, delta=item.text, additional_kwargs={"thinking": item.thinking})

    def _request(self, messages: Sequence[ChatMessage], options: dict[str, Any]) -> ChatRequest:
        turns = [Turn(_ROLES.get(message.role, "user"), message.content or "") for message in messages]
        return ChatRequest(
            model=f"ollama/{self.model}",
            turns=turns,
            max_tokens=options.get("max_tokens"),
            temperature=options.get("temperature", self.temperature),
        )
