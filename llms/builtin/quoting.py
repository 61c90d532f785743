"""The answerer that writes no prose of its own: it quotes the passages that were found, and says that it does."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence

from llms import catalogue
from llms.builtin import sentences
from llms.builtin.sentences import Quote
from llms.requests import ChatRequest, Delta, Finish, Quotable

# About as fast as one reads: it appears at once, and without a jump of the whole page.
_PIECE = re.compile(r"(?:\S+\s*){1,6}|\s+")
_PAUSE = 0.008

_FOUND = "These passages of your documents fit the question best:"
_NEAREST = "Nothing in your documents fits the question well. The nearest passages are:"
_NOTHING_FOUND = "I found nothing in your documents that fits this question."
_NOT_CONNECTED = (
    "No language model is connected, so I can only search your documents and quote them.\n\n"
    "To connect one, an administrator installs [Ollama](https://ollama.com), pulls a model "
    "(`ollama pull llama3.2`), and sets `OLLAMA_BASE_URL` if Ollama runs on another machine."
)
_CONNECTED = "“Search and quote” only quotes. For an answer in words, choose a language model above."
# What Markdown would take for markup, and what would look like a citation.
_SPECIAL = re.compile(r"([\\`*_\[\]<>&$~|#!])")
_LIST_ITEM = re.compile(r"^(?:([-+=])(?=\s|$)|(\d{1,9})([.)])(?=\s|$))")


async def stream(request: ChatRequest) -> AsyncGenerator[Delta | Finish, None]:
    """The same request always gives the same text, so a broken answer is continued where it broke."""
    question = next((turn.content for turn in reversed(request.turns) if turn.role == "user"), "")
    written = request.turns[-1].content if request.turns and request.turns[-1].role == "assistant" else ""
    text = await asyncio.to_thread(compose, question, request.passages)
    for piece in _PIECE.findall(text.removeprefix(written)):
        yield Delta(piece)
        await asyncio.sleep(_PAUSE)
    yield Finish("stop")


def compose(question: str, passages: Sequence[Quotable]) -> str:
    """The whole answer, in Markdown."""
    chosen = sentences.choose(question, passages)
    if chosen.quotes:
        lead = _FOUND if chosen.fits else _NEAREST
        return "\n\n".join([lead, *(_block(quote, passages) for quote in chosen.quotes)])
    connected = catalogue.provider_state().models > 0
    return f"{_NOTHING_FOUND}\n\n{_CONNECTED if connected else _NOT_CONNECTED}"


def _block(quote: Quote, passages: Sequence[Quotable]) -> str:
    """A block quote on one line: white space is the only thing that differs from the passage once it is shown."""
    passage = next(p for p in passages if p.number == quote.number)
    text = _escaped(" ".join(quote.text.split()))
    place = (
        f"{_escaped(passage.title)}, {passage.place} {passage.page}" if passage.page > 0 else _escaped(passage.title)
    )
    return f"> {text} [{quote.number}]\n>\n> — {place}"


def _escaped(text: str) -> str:
    return _LIST_ITEM.sub(r"\1\2\\\3" if text[:1].isdigit() else r"\\\1", _SPECIAL.sub(r"\\\1", text))
