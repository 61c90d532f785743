"""A short name for a new conversation, in the model's words where there is a model."""

import asyncio
import contextlib
import logging
import re
import uuid
from typing import TYPE_CHECKING

from django.db import transaction
from redis.exceptions import RedisError

from accounts.encryption.errors import SealingError
from chats import live, presentation
from chats.answering.records import Job
from chats.conversation import TITLE_LENGTH
from chats.models import Conversation
from chats.searching import indexing
from llms import catalogue, chat
from llms.catalogue import ModelInfo
from llms.errors import ModelError
from llms.requests import ChatRequest, Turn

if TYPE_CHECKING:
    from chats.answering.runner import Runner

logger = logging.getLogger(__name__)

_TIMEOUT = 30.0
# Marks of emphasis and of code around words; not a star between numbers. Underscores are more often part of a name.
_EMPHASIS = re.compile(r"(?<![\w*`])(\*{1,3}|`{1,2})(?=\S)(.+?)(?<=\S)\1(?![\w*`])")

_FENCE = re.compile(r"\s*(```|~~~)")


async def name_conversation(runner: "Runner", job: Job, answer: str, *, answered_by: str) -> None:
    """Best effort: the beginning of the question stays the title when no model finds a better one."""
    try:
        model = await runner.in_thread(catalogue.fast_model, answered_by)
        if model.provider == "builtin":
            return
        title = _tidy(await asyncio.wait_for(chat.complete(_request(job, answer, model)), _TIMEOUT))
    except (ModelError, TimeoutError) as error:
        logger.info("No automatic title: %s", error)
        return
    if not title:
        return
    # The account may be gone meanwhile, and its key with it.
    with contextlib.suppress(SealingError):
        if await runner.in_thread(_store, job.conversation_id, job.owner_id, title):
            await _tell(runner, job)


async def _tell(runner: "Runner", job: Job) -> None:
    """Pages get the title that there is by now, which somebody may just have typed."""
    content = await runner.in_thread(_shown, job.conversation_id)
    if not content:
        return
    # Without Redis the next page shows it.
    with contextlib.suppress(RedisError, OSError):
        await live.publish(runner.redis, job.conversation_id, live.event(job.message_id, "title", content=content))


def _shown(conversation_id: uuid.UUID) -> str:
    found = Conversation.objects.filter(pk=conversation_id).only("owner_id", "title").first()
    return presentation.title(conversation_id, found.title) if found else ""


def _request(job: Job, answer: str, model: ModelInfo) -> ChatRequest:
    return ChatRequest(
        model=model.key,
        turns=[
            Turn("system", "Give a title of two to six words for this conversation, in its language. Only the title."),
            Turn("user", f"Question: {job.question[:1000]}\n\nAnswer: {answer[:1000]}"),
        ],
        max_tokens=24,
    )


def _tidy(title: str) -> str:
    first = next((line for line in title.splitlines() if line.strip() and not _FENCE.match(line)), "")
    # Models like to emphasise, and a title is no Markdown.
    words = " ".join(_EMPHASIS.sub(r"\2", first).split()).strip(" \"'“”«»*#.:")
    return words[:80] if len(words) <= TITLE_LENGTH else ""


def _store(conversation_id: uuid.UUID, owner_id: uuid.UUID, title: str) -> bool:
    """Only where the person has not typed one meanwhile."""
    sealed = Conversation.sealed(conversation_id, owner_id=owner_id, title=title)
    with transaction.atomic():
        if not Conversation.objects.filter(pk=conversation_id, title_is_automatic=True).update(**sealed):
            return False
        indexing.replace_title(conversation_id, owner_id, title)
    return True
