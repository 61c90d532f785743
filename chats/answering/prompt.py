"""The prompt, built to the model's real context length: nothing is cut silently, what was left out is said."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from django.conf import settings

from chats import tree
from chats.answering import fencing
from chats.answering.records import Job, Source
from chats.images import attaching, seeing
from chats.models import Message, Summary
from llms.catalogue import ModelInfo
from llms.errors import PromptTooLong
from llms.requests import ChatRequest, Picture, Quotable, Turn
from llms.tokens import estimate

# The part of the context kept free for the answer, and its bounds in tokens.
ANSWER_SHARE = 0.25
ANSWER_LEAST = 512
ANSWER_MOST = 4096
# What a chat template adds around each turn, in tokens.
TURN_OVERHEAD = 8
# What a summary may take, in tokens.
SUMMARY_ROOM = 500
_TOO_LONG = (
    "The question and the instructions of this chat are longer than may be read at once. Shorten one of them, or set a "
    "longer context length in the chat's settings."
)
# Earlier turns are read from the database in stretches of this many.
_STRETCH = 40


@dataclass(frozen=True, slots=True)
class History:
    """Earlier turns that fit, and those that did not; both oldest first."""

    turns: list[Turn]
    left_out: list[uuid.UUID]
    # What stands for the beginning of `left_out`, and how many of them.
    summary: str = ""
    summarised: int = 0


@dataclass(frozen=True, slots=True)
class Prompt:
    request: ChatRequest
    # The passages there was room for.
    sources: list[Source]
    left_out: int
    # Ids of the turns that no summary speaks of yet, oldest first, and the summary of those before them.
    to_summarise: list[uuid.UUID]
    summary: str

    @property
    def is_summarised(self) -> bool:
        return bool(self.summary) and not self.to_summarise


def build(job: Job, model: ModelInfo, sources: Sequence[Source], written: str) -> Prompt:
    """Raises PromptTooLong when not even the question fits."""
    context, most = _bounds(job, model)
    room = context - (min(most, context // 2) if most else answer_room(context))
    question = Turn("user", job.question, _shown(job) if job.pictures else ())
    fixed = [Turn("system", _system(job, sources)), question]
    if written:
        fixed.append(Turn("assistant", written))
    room -= sum(_cost(turn) for turn in fixed)
    if room < 0 and model.provider != "builtin":
        if sources:
            return build(job, model, sources[: len(sources) // 2], written)
        raise PromptTooLong(_TOO_LONG if job.instructions or "context" in job.parameters else "")
    history = _history(job, room, model)
    turns = [fixed[0]]
    if history.summary:
        turns.append(Turn("system", f"Summary of the earlier conversation:\n{history.summary}"))
    turns += [*history.turns, *fixed[1:]]
    return Prompt(
        request=ChatRequest(
            model=model.key,
            turns=turns,
            passages=[_quotable(source) for source in sources],
            max_tokens=most,
            temperature=job.parameters.get("temperature"),
            top_p=job.parameters.get("top_p"),
            think=settings.MODELS_THINK,
        ),
        sources=list(sources),
        left_out=len(history.left_out),
        to_summarise=history.left_out[history.summarised :],
        summary=history.summary,
    )


def answer_room(context_length: int) -> int:
    return max(ANSWER_LEAST, min(ANSWER_MOST, int(context_length * ANSWER_SHARE)))


def _bounds(job: Job, model: ModelInfo) -> tuple[int, int | None]:
    """How many tokens may be read and written together, and how many of them written at most.

    A shorter context fills less of the one that the model has been loaded with: another num_ctx would load it anew.
    """
    chosen = job.parameters.get("context")
    most = job.parameters.get("max_tokens")
    context = model.context_length
    if chosen is not None and model.provider != "builtin":
        context = min(context, int(chosen))
    return context, None if most is None else int(most)


def _system(job: Job, sources: Sequence[Source]) -> str:
    """The installation's words, the person's, and the passages last, whose fence says what they are."""
    parts = [str(settings.SYSTEM_PROMPT), job.instructions, fencing.fence(sources) if sources else ""]
    return "\n\n".join(filter(None, parts))


def _quotable(source: Source) -> Quotable:
    return Quotable(source.number, source.document_name, source.page, source.text, source.score, source.place)


def _shown(job: Job) -> list[Picture]:
    """The pictures of the question. Raises FileNotFoundError."""
    found = attaching.of_messages([job.question_id]).get(job.question_id, [])
    return [seeing.for_model(picture) for picture in found]


def _history(job: Job, room: int, model: ModelInfo) -> History:
    """The newest earlier turns that fit into `room` tokens, with a summary of those before them where there is one.

    When they do not fit, only half the room is filled: what is summarised then stays so for a while, instead of a
    little more with every question.
    """
    if job.earlier_id is None:
        return History([], [])
    earlier = tree.path_to_root(job.conversation_id, job.earlier_id)
    room -= SUMMARY_ROOM
    turns: list[Turn] = []
    costs: list[int] = []
    # Pictures of earlier questions are shown again, the newest first; the others are spoken of.
    pictures_left = settings.IMAGES_PER_MESSAGE - job.pictures if model.sees else 0
    for place, message in enumerate(_messages(earlier, job)):
        if summary := getattr(message, "summary", None):
            before = earlier[place:][::-1]
            return History(turns[::-1], before, summary.text, summarised=len(before))
        turn = _turn(message, pictures_left)
        pictures_left -= len(turn.pictures)
        turns.append(turn)
        costs.append(_cost(turn))
        if sum(costs) > room:
            kept = _fitting(costs, room // 2)
            return _with_older_summary(turns[:kept][::-1], earlier[kept:][::-1])
    return History(turns[::-1], [])


def _turn(message: Any, pictures_left: int) -> Turn:
    if message.role != Message.Role.USER:
        return Turn("assistant", message.content)
    pictures = message.shown_pictures
    if not pictures:
        return Turn("user", message.content)
    if len(pictures) > pictures_left:
        return Turn("user", f"{message.content}\n\n{seeing.in_words(pictures)}")
    return Turn("user", message.content, [seeing.for_model(picture) for picture in pictures])


def _messages(ids: Sequence[uuid.UUID], job: Job) -> Iterator[Any]:
    """The messages in this order with their `shown_pictures`, read as far as they are asked for."""
    for begin in range(0, len(ids), _STRETCH):
        stretch = ids[begin : begin + _STRETCH]
        # Neither what was thought nor found nor drawn for the page.
        found = Message.objects.select_related("summary").only("owner", "role", "content", "summary")
        rows: dict[uuid.UUID, Any] = found.in_bulk(stretch)
        asking = [pk for pk, row in rows.items() if row.role == Message.Role.USER] if job.has_pictures else []
        pictures = attaching.of_messages(asking)
        for pk in stretch:
            if pk in rows:
                rows[pk].shown_pictures = pictures.get(pk, [])
                yield rows[pk]


def _fitting(costs: Sequence[int], room: int) -> int:
    """How many of them, from the first on, fit."""
    return next((count for count, total in enumerate(accumulate(costs)) if total > room), len(costs))


def _with_older_summary(turns: list[Turn], left_out: list[uuid.UUID]) -> History:
    """`left_out`, oldest first, may begin with turns that an earlier summary speaks of."""
    stored = {summary.upto_id: summary.text for summary in Summary.objects.filter(upto__in=left_out)}
    newest = max((place for place, pk in enumerate(left_out) if pk in stored), default=None)
    if newest is None:
        return History(turns, left_out)
    return History(turns, left_out, stored[left_out[newest]], summarised=newest + 1)


def summary_request(prompt: Prompt, model: ModelInfo) -> ChatRequest:
    """Ask for one summary of the older summary and the turns after it. Long turns give way, none is left out."""
    rows = Message.objects.in_bulk(prompt.to_summarise)
    characters = (model.context_length - answer_room(model.context_length) - SUMMARY_ROOM) * 2
    share = max(200, characters // max(1, len(rows)))
    parts = [f"Summary of what came before:\n{prompt.summary}"] if prompt.summary else []
    parts += [f"{rows[pk].role}: {_shortened(rows[pk].content, share)}" for pk in prompt.to_summarise if pk in rows]
    return ChatRequest(
        model=model.key,
        turns=[
            Turn(
                "system",
                "Summarise the conversation below in at most 200 words for somebody who must continue it. "
                "Keep names, numbers, decisions and open questions. Write only the summary.",
            ),
            Turn("user", "\n\n".join(parts)),
        ],
        max_tokens=400,
    )


def _shortened(text: str, length: int) -> str:
    """Its beginning and its end: questions and conclusions stand there."""
    return text if len(text) <= length else f"{text[: length // 2]} … {text[-length // 2 :]}"


def store_summary(job: Job, upto: uuid.UUID, text: str, model: str) -> None:
    Summary.objects.update_or_create(upto_id=upto, defaults={"owner_id": job.owner_id, "text": text, "model": model})


def tokens(request: ChatRequest) -> int:
    """About how many a model has to read."""
    return sum(_cost(turn) for turn in request.turns)


def _cost(turn: Turn) -> int:
    return estimate(turn.content) + TURN_OVERHEAD + sum(picture.tokens for picture in turn.pictures)
