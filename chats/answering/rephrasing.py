"""A question that leans on the one before, written by the fast model so that it can be searched for by itself.

Best effort and in bounded time: without a model, or without a usable answer, the words of the earlier question are
carried over (documents/retrieval/following.py), as they are with the built-in pair.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

from chats.answering import fencing
from chats.answering.records import Job
from chats.models import Message
from documents.retrieval.following import figures, seems_to_lean, telling_words
from llms import catalogue, chat
from llms.errors import ModelError
from llms.requests import ChatRequest, Turn

logger = logging.getLogger(__name__)

InThread = Callable[..., Awaitable[Any]]

_ASK = """Below are a question, its answer, and the question that followed. Write the last question so that it can be \
understood without the others: put in the names, things and dates it refers to. Keep its language, and every name and \
figure in it. If it can be understood as it is, repeat it word for word. Write only the question, on one line. Do not \
answer it."""
# Characters of what came before, and of what may come back.
_MOST_EARLIER = 1_000
_MOST_ANSWER = 1_500
_LONGEST = 400
_STEM = 4


def is_worth_asking(job: Job) -> bool:
    """Costs nothing. A question that says all it means is not delayed by a model."""
    wanted = settings.RAG_REWRITE_SECONDS > 0 and settings.LLM_PROVIDER != "builtin"
    return wanted and bool(job.earlier_question.strip()) and seems_to_lean(job.question)


async def rephrase(job: Job, in_thread: InThread) -> str:
    """The question by itself; nothing where no model gave a usable one in time."""
    try:
        async with asyncio.timeout(settings.RAG_REWRITE_SECONDS):
            model = await in_thread(catalogue.fast_model, job.model)
            if model.provider == "builtin":
                return ""
            answer = await in_thread(_answer_before, job)
            written = await chat.complete(_request(job, answer, model.key))
    except (ModelError, TimeoutError) as error:
        logger.info("The question was not written anew: %s", error or "too slow")
        return ""
    return usable(written, job.question)


def usable(written: str, question: str) -> str:
    """One line, no longer than a question is, with every figure and most words of what was asked. Anything else is no
    rewriting: small models answer instead."""
    lines = [line.strip() for line in written.strip().splitlines() if line.strip()]
    if len(lines) != 1:
        return ""
    line = lines[0].strip("\"'“”«»*` ")
    if not line or len(line) > max(_LONGEST, 2 * len(question)):
        return ""
    words = telling_words(question)
    # By their beginnings: in its sentence a word may have another ending.
    kept = [word for word in words if word[:_STEM] in line.casefold()]
    return line if figures(question) <= figures(line) and 2 * len(kept) >= len(words) else ""


def _answer_before(job: Job) -> str:
    if job.earlier_id is None:
        return ""
    found = Message.objects.filter(pk=job.earlier_id).only("owner", "content").first()
    return found.content if found else ""


def _request(job: Job, answer: str, model: str) -> ChatRequest:
    said = [
        f"Question: {fencing.plain(job.earlier_question[:_MOST_EARLIER])}",
        f"Answer: {fencing.plain(answer[:_MOST_ANSWER])}",
        f"The question that followed: {fencing.plain(job.question)}",
    ]
    turns = [Turn("system", _ASK), Turn("user", "\n\n".join(said))]
    return ChatRequest(model=model, turns=turns, max_tokens=160, temperature=0.0)
