"""The database side of an answer. Short transactions, run in threads; nothing here waits for a model."""

import functools
import json
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, Exists, F, Func, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now

from accounts import audit
from accounts.capabilities import Capability, may
from accounts.encryption.errors import SealingError
from accounts.limits import quotas
from accounts.tenancy import acting_as_system
from chats import conversation
from chats.images.models import Picture
from chats.models import Citation, Conversation, Message
from chats.prompting import parameters
from chats.prompting.models import OwnInstructions
from chats.scoping.chosen import Choice
from chats.searching import indexing
from documents.collections.models import CollectionShare
from documents.models import Chunk, Document, DocumentVersion
from jobs import leases

# An answer whose workers died this often is taken to be what kills them.
MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs to know of the answer it claimed."""

    message_id: uuid.UUID
    conversation_id: uuid.UUID
    owner_id: uuid.UUID
    question_id: uuid.UUID
    # The answer above the question, None for the first question of a conversation.
    earlier_id: uuid.UUID | None
    question: str
    # What was asked before it, above that answer.
    earlier_question: str
    # How many pictures came with it; a model that answers must see, where there are any.
    pictures: int
    # Whether the person has any at all: otherwise none is looked for in what came before.
    has_pictures: bool
    model: str
    # What the model is told beside the installation's own words: the conversation's, else the person's.
    instructions: str
    # As far as they differ from the model's own (chats.prompting.parameters).
    parameters: dict[str, float]
    text: str
    thinking: str
    # Seconds, where an earlier attempt had done its thinking.
    thought_for: float | None
    waited: float
    first_seq: int
    # How many there are for the person, chosen for this chat or not.
    searchable_documents: int
    # Which of them are searched.
    choice: Choice
    # From an earlier attempt: the passages the text so far refers to by number.
    passages: list["Source"]
    # How they were found, and what was not used.
    trace: dict[str, Any]
    steps: list[str]
    names_conversation: bool
    is_first_attempt: bool
    # Stopped or deleted before anybody wrote it.
    is_unwanted: bool
    # It was the end of too many workers.
    is_hopeless: bool
    # The person's quota was used up by other answers since the question was sent.
    is_out_of_tokens: bool
    # The account was suspended, or its role changed, since the question was sent.
    is_not_allowed: bool


@dataclass(frozen=True, slots=True)
class Source:
    """A passage as it was given to the model, kept with the message so that its number never changes its meaning."""

    number: int
    chunk_id: int
    version_id: str
    document_name: str
    page: int
    heading: str
    text: str
    boxes: list[list[float]] = field(default_factory=list)
    score: float = 0.0
    # What `page` counts: "page" or "section".
    place: str = "page"
    # Why it looks as if it were written for the assistant: names of rules (chats/answering/suspicion.py).
    suspicion: list[str] = field(default_factory=list)


def claim(message_id: uuid.UUID, worker: str) -> Job | None:
    """Take the answer, or None when it is not to be had. Asked again after a lost connection, it gives the same job."""
    with acting_as_system("claim an answer"):
        return _claim(message_id, worker)


def _claim(message_id: uuid.UUID, worker: str) -> Job | None:
    held = Message.objects.filter(pk=message_id, claimed_by=worker, status__in=Message.WORKING)
    if not leases.claim(Message, message_id, worker=worker, status=Message.Status.SEARCHING) and not held.exists():
        return None
    message = (
        Message.objects.select_related("conversation__owner", "parent__parent__parent")
        .annotate(**_asked_besides())
        .only(*_CLAIMED)
        .get(pk=message_id)
    )
    chat, question = message.conversation, message.parent
    assert question is not None  # noqa: S101 - every answer is made below a question
    assert message.lease_until is not None  # noqa: S101 - the claim has just set it
    claimed_at = message.lease_until - leases.LEASE
    return Job(
        message_id=message.pk,
        conversation_id=chat.pk,
        owner_id=chat.owner_id,
        question_id=question.pk,
        earlier_id=question.parent_id,
        question=question.content,
        earlier_question=question.parent.parent.content if question.parent and question.parent.parent else "",
        pictures=message.picture_count,  # type: ignore[attr-defined] # annotated
        has_pictures=message.has_pictures,  # type: ignore[attr-defined] # annotated
        model=message.model,
        instructions=chat.system_prompt or _opened(message.own_instructions, chat.owner_id),  # type: ignore[attr-defined]
        parameters=parameters.sound(chat.parameters),
        text=message.content,
        thinking=message.thinking,
        thought_for=message.timings.get("thinking"),
        waited=max(0.0, (claimed_at - message.queued_at).total_seconds()),
        # Above all frames of earlier attempts, by the database's clock: those were fewer than their milliseconds.
        first_seq=int(claimed_at.timestamp() * 1000),
        searchable_documents=message.searchable_documents,  # type: ignore[attr-defined] # annotated
        choice=Choice.of(chat.search_in),
        passages=[Source(**source) for source in message.retrieval.get("passages", [])],
        trace=message.retrieval.get("trace", {}),
        steps=list(message.steps),
        names_conversation=question.parent_id is None and chat.title_is_automatic and _speaks_first(message),
        is_first_attempt=message.attempts == 1,
        is_unwanted=message.stop_requested or chat.deleted_at is not None,
        is_hopeless=message.attempts > MAX_ATTEMPTS,
        is_out_of_tokens=quotas.has_token_quota() and quotas.tokens_left(chat.owner) == 0,
        is_not_allowed=not may(chat.owner, Capability.CHAT),
    )


# What a claim reads: every column costs, in the statement and in the rows that come back.
_CLAIMED = (
    "owner", "conversation", "parent", "model", "content", "thinking", "timings", "queued_at", "lease_until",
    "retrieval", "steps", "attempts", "stop_requested", "comparison",
    *(f"conversation__{name}" for name in ("owner", "system_prompt", "parameters", "title_is_automatic", "deleted_at")),
    "conversation__search_in",
    *(f"conversation__owner__{name}" for name in ("role", "is_active")),
    *(f"parent__{name}" for name in ("owner", "parent", "content", "parent__parent")),
    *(f"parent__parent__parent__{name}" for name in ("owner", "content")),
)  # fmt: skip


@functools.cache
def _asked_besides() -> dict[str, RawSQL]:
    """What a claim reads from other tables, in SQL.

    Put together once: it is the same for every answer, and Django needs longer for it than the database does.
    """
    rows = Message.objects.annotate(
        searchable_documents=_searchable_documents(),
        own_instructions=_own_instructions(),
        picture_count=_pictures(),
        has_pictures=Exists(Picture.objects.filter(owner_id=OuterRef("conversation__owner_id"))),
    )
    compiler = rows.query.get_compiler(connection.alias)
    compiler.pre_sql_setup()
    found = {}
    for name, expression in rows.query.annotation_select.items():
        sql, parameters = compiler.compile(expression)
        found[name] = RawSQL(sql, parameters, expression.output_field)  # noqa: S611 - Django wrote it, with no value in it
    return found


def _count(rows: QuerySet[Any]) -> Subquery:
    """As a part of the claim's own query. Without grouping it has one row, also where there is nothing to count."""
    return Subquery(rows.annotate(count=Func(F("pk"), function="count", output_field=IntegerField())).values("count"))


def _pictures() -> Subquery:
    """How many the question has."""
    return _count(Picture.objects.filter(message_id=OuterRef("parent_id")))


def _searchable_documents() -> Case:
    """How many documents the answer may look into: the person's own, and what others share with them."""
    owner, role = OuterRef(OuterRef("conversation__owner_id")), OuterRef(OuterRef("conversation__owner__role"))
    shares = CollectionShare.objects.in_force().filter(Q(viewer_id=owner) | Q(role=role)).values("collection")
    own = Document.objects.filter(owner_id=OuterRef("conversation__owner_id")).searchable()
    others = Document.objects.exclude(owner_id=OuterRef("conversation__owner_id")).searchable()
    count = _count(own) + _count(others.filter(collection__in=shares))
    return Case(When(conversation__use_documents=True, then=count), default=Value(0), output_field=IntegerField())


def _speaks_first(message: Message) -> bool:
    """Of answers side by side one names the conversation."""
    if message.comparison is None:
        return True
    family = Message.objects.filter(conversation=message.conversation_id, parent=message.parent_id)
    return not family.filter(comparison=message.comparison, created_at__lt=message.created_at).exists()


def _own_instructions() -> Subquery:
    """Sealed; as a part of the claim's own query too."""
    return Subquery(OwnInstructions.objects.filter(owner_id=OuterRef("conversation__owner_id")).values("text"))


def _opened(sealed: bytes | None, owner_id: uuid.UUID) -> str:
    return str(OwnInstructions.unsealed("text", sealed, owner_id, owner_id=owner_id)) if sealed else ""


def remember_sources(job: Job, worker: str, sources: Sequence[Source], trace: dict[str, Any], steps: list[str]) -> bool:
    sealed = Message.sealed(job.message_id, owner_id=job.owner_id, retrieval=_retrieval(sources, trace))
    return leases.renew(Message, job.message_id, worker=worker, steps=steps, **sealed)


def _retrieval(sources: Sequence[Source], trace: dict[str, Any]) -> dict[str, Any]:
    return {"passages": [asdict(source) for source in sources], "trace": trace}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was written so far of an answer under way."""

    message_id: uuid.UUID
    owner_id: uuid.UUID
    worker: str
    status: str
    content: str
    thinking: str
    timings: Mapping[str, float]


def renew_all(checkpoints: Sequence[Checkpoint]) -> dict[object, bool]:
    """Store them and prolong their leases, in one statement: {id: whether a stop was asked for}. Others are lost.

    Sealed here, in a thread: the key of a person is read from disk now and then.
    """
    held = []
    for point in checkpoints:
        # An account that was deleted meanwhile loses its answers, not the others theirs.
        with suppress(SealingError):
            sealed = Message.sealed(
                point.message_id, owner_id=point.owner_id, content=point.content, thinking=point.thinking
            )
            held.append(
                {
                    "pk": point.message_id,
                    "worker": point.worker,
                    "status": point.status,
                    "timings": json.dumps(point.timings),
                    **sealed,
                }
            )
    with acting_as_system("keep all answers under way"):
        return leases.renew_all(Message, held, returning="stop_requested")


def settle(
    job: Job,
    worker: str,
    status: str,
    *,
    content: str,
    thinking: str = "",
    html: str = "",
    given: Sequence[Source] = (),
    cited: Sequence[tuple[Source, bool]],
    trace: dict[str, Any] | None = None,
    spent: int = 0,
    **changes: Any,
) -> Message | None:
    """End the answer, store its citations and count its tokens, in one transaction. None: it is no longer this
    worker's. `given` are the passages that the model read, `trace` what is known of them now, if that changed."""
    message_id = job.message_id
    retrieval = {} if trace is None else {"retrieval": _retrieval(given, trace)}
    sealed = Message.sealed(
        message_id, owner_id=job.owner_id, content=content, thinking=thinking, html=html, **retrieval
    )
    changes |= {"stop_requested": False, "finished_at": Now(), **sealed}
    with transaction.atomic():
        if not leases.settle(Message, message_id, worker=worker, status=status, **changes):
            # Either it is somebody else's, or the connection died after an earlier call had done it all.
            done = Message.objects.filter(pk=message_id, status=status).select_related("conversation").first()
            return done if done is not None and done.content == content else None
        Citation.objects.filter(message_id=message_id).delete()
        chunks = set(Chunk.objects.filter(pk__in=[s.chunk_id for s, _ in cited]).values_list("pk", flat=True))
        versions = {
            str(pk): document_id
            for pk, document_id in DocumentVersion.objects.filter(
                pk__in={source.version_id for source in given}
            ).values_list("pk", "document_id")
        }
        Citation.objects.bulk_create(
            Citation(
                message_id=message_id,
                owner_id=job.owner_id,
                number=source.number,
                is_marked=is_marked,
                chunk_id=source.chunk_id if source.chunk_id in chunks else None,
                version_id=uuid.UUID(source.version_id) if source.version_id in versions else None,
                document_name=source.document_name,
                page=source.page,
                boxes=source.boxes,
                quoted=source.text,
                score=source.score,
                suspicion=source.suspicion,
            )
            for source, is_marked in cited
        )
        message = Message.objects.select_related("conversation", "parent").get(pk=message_id)
        Conversation.objects.filter(pk=message.conversation_id).update(updated_at=Now())
        indexing.add_exchange(message)
        if spent:
            quotas.spend_tokens(message.conversation.owner_id, spent)
        _record(message, sorted({str(versions.get(s.version_id, s.version_id)) for s in given}))
    return message


def _record(message: Message, documents: list[str]) -> None:
    audit.record(
        audit.Action.CHAT_ANSWERED,
        user=message.conversation.owner_id,
        resource=("chat", message.conversation_id),
        answer=message.pk,
        status=message.status,
        error=message.error_code,
        model=message.answered_by,
        tokens_prompt=message.tokens_prompt,
        tokens_completion=message.tokens_completion,
        documents=documents,
    )


def release(job: Job, worker: str, *, content: str, thinking: str) -> None:
    """Put the row back in the queue with what was written, for another worker to take at once."""
    sealed = Message.sealed(job.message_id, owner_id=job.owner_id, content=content, thinking=thinking)
    Message.objects.filter(pk=job.message_id, claimed_by=worker, status__in=Message.WORKING).update(
        status=Message.Status.QUEUED,
        claimed_by="",
        lease_until=None,
        queued_at=Now() - leases.UNCLAIMED_AFTER,
        attempts=F("attempts") - 1,
        **sealed,
    )
    conversation.enqueue(job.message_id)
