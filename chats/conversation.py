"""Everything a person can do with their conversations. Each verb is one short transaction.

Verbs take rows that were reached through the person (`visible_to`), so another's conversation is never at hand here.
"""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from kombu.exceptions import OperationalError as BrokerUnreachable

from accounts import audit
from accounts.limits import quotas
from chats import errors, tree
from chats.images import attaching, seeing
from chats.images.models import Picture
from chats.models import Conversation, Message
from chats.searching import indexing

if TYPE_CHECKING:
    from accounts.models import User

logger = logging.getLogger(__name__)

TITLE_LENGTH = 200
MODEL_LENGTH = 200
# An answer comes after its question by the clock too, though one statement stores both.
_A_MOMENT = timedelta(microseconds=1)


ChatError = errors.ChatError
BadMessage = errors.BadMessage


class StillWriting(ChatError):
    code = "still_writing"


class Undecided(ChatError):
    code = "undecided"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and the empty answer that a worker will fill."""

    question: Message
    answer: Message
    # Where several models answer side by side: all of them, `answer` being the first.
    compared: list[Message] = field(default_factory=list)
    # Not below what the chosen path ended with, so pages show another path from now on.
    leaves_path: bool = False


class TokensUsedUp(ChatError):
    """Today's quota of the person's role is spent (accounts.limits.quotas)."""

    code = "quota_reached"
    status = 429


def start(user: "User", *, use_documents: bool = True, model: str = "") -> Conversation:
    refuse_without_tokens(user)
    with transaction.atomic():
        conversation = Conversation.objects.create(owner=user, use_documents=use_documents, model=model)
        audit.record(audit.Action.CHAT_STARTED, user=user, resource=("chat", conversation.pk))
    return conversation


def post_message(
    conversation: Conversation,
    text: str,
    *,
    parent_id: uuid.UUID | None = None,
    pictures: Sequence[Picture] = (),
    models: Sequence[str] = (),
) -> Exchange:
    """Add a question below `parent_id` (default: the end of the chosen path) and queue its answer.

    A page says below what it stands, because another tab may have gone on or chosen another version meanwhile, and a
    question means the answer that its writer read.
    `pictures` are those that wait to be sent; the conversation's model must see, where there are any. With `models`
    each of these answers, side by side (chats.comparing).
    """
    text = clean(attaching.question_of(text, pictures))
    for model in models or [conversation.model]:
        seeing.refuse_blind(model, len(pictures))
    refuse_without_tokens_of_owner(conversation)
    with transaction.atomic():
        locked = Conversation.objects.select_for_update().get(pk=conversation.pk)
        parent = _parent(locked, parent_id)
        if parent is not None and parent.is_live:
            raise StillWriting("The last answer is still being written. Stop it or wait, then send again.")
        exchange = ask_below(locked, parent, text, pictures=pictures, models=models)
        return replace(exchange, leaves_path=parent_id is not None and parent_id != locked.active_leaf_id)


def ask_below(
    locked: Conversation,
    parent: Message | None,
    text: str,
    *,
    pictures: Sequence[Picture] = (),
    models: Sequence[str] = (),
    action: audit.Action = audit.Action.CHAT_ASKED,
    **details: Any,
) -> Exchange:
    """A question below `parent` (None: a first question) with its answer to be. The caller cleaned the text and holds
    the conversation's row."""
    question = Message(
        conversation=locked, parent=parent, role=Message.Role.USER, content=text, status=Message.Status.DONE
    )
    comparison = uuid.uuid4() if len(models) > 1 else None
    answers = [
        _answer_to(question, locked, model=model, comparison=comparison, place=place)
        for place, model in enumerate(models or [""], start=1)
    ]
    Message.objects.bulk_create([question, *answers])
    attaching.attach(question, pictures)
    # What a page shows of it; nobody need ask again.
    question.shown_pictures = list(pictures)  # type: ignore[attr-defined]  # as chats.presentation attaches it
    title = {}
    if not locked.title and locked.title_is_automatic:
        title = Conversation.sealed(locked.pk, owner_id=locked.owner_id, title=first_title(text))
    # Until one of several is chosen the path ends with the question.
    _await_answers(answers, leaf=question if comparison else answers[0], **title)
    if pictures:
        details["pictures"] = len(pictures)
    if comparison:
        details["compared"] = [answer.model for answer in answers]
    first = answers[0]
    _record(action, locked, question=question.pk, answer=first.pk, model=first.model, **details)
    return Exchange(question, first, answers if comparison else [])


def regenerate(answer: Message, *, model: str = "") -> Message:
    """Another answer to the same question, beside the old one.

    Asked for twice at the same time, as by a double press, it is made once.
    """
    if answer.role != Message.Role.ASSISTANT or answer.parent is None:
        raise ChatError("Only an answer can be written again.")
    if answer.is_live:
        raise StillWriting("This answer is still being written. Stop it first.")
    refuse_without_tokens_of_owner(answer.conversation)
    model = clean_model(model)
    seeing.refuse_blind(model or answer.conversation.model, answer.parent.pictures.count())
    with transaction.atomic():
        locked = Conversation.objects.select_for_update().get(pk=answer.conversation_id)
        another = _answer_to(answer.parent, locked, model=model)
        leaf = locked.active_leaf
        if leaf and leaf.is_live and leaf.parent_id == another.parent_id and leaf.model == another.model:
            return leaf
        another.save(force_insert=True)
        _await_answers([another], leaf=another)
        _record(audit.Action.CHAT_REGENERATED, locked, of=answer.pk, answer=another.pk, model=another.model)
    return another


def continue_answer(answer: Message) -> Message:
    """Go on from the text so far, in the same message. Asked for twice, as by a double press, that is done once."""
    refuse_without_tokens_of_owner(answer.conversation)
    with transaction.atomic():
        taken = Message.objects.filter(
            pk=answer.pk,
            role=Message.Role.ASSISTANT,
            status__in=[Message.Status.STOPPED, Message.Status.INTERRUPTED, Message.Status.FAILED],
        ).update(
            status=Message.Status.QUEUED,
            queued_at=Now(),
            attempts=0,
            claimed_by="",
            lease_until=None,
            stop_requested=False,
            error_code="",
            error_text="",
            html="",
            finished_at=None,
        )
        if not taken:
            answer.refresh_from_db()
            if not answer.is_live:
                raise ChatError("This answer is complete, so there is nothing to continue.")
            return answer
        _record(audit.Action.CHAT_CONTINUED, answer.conversation, answer=answer.pk)
        transaction.on_commit(lambda: enqueue(answer.pk))
    answer.refresh_from_db()
    return answer


def stop(answer: Message) -> bool:
    """True: nobody had begun, and it is over. False: its worker has to be told; what was written stays."""
    with transaction.atomic():
        unclaimed = Message.objects.filter(pk=answer.pk, status=Message.Status.QUEUED).update(
            status=Message.Status.STOPPED, finished_at=Now()
        )
        if unclaimed:
            indexing.add_exchange(answer)
        else:
            Message.objects.filter(pk=answer.pk, status__in=Message.WORKING).update(stop_requested=True)
        _record(audit.Action.CHAT_STOPPED, answer.conversation, answer=answer.pk)
    return bool(unclaimed)


def rename(conversation: Conversation, title: str) -> None:
    title = " ".join(title.replace("\0", "").split())[:TITLE_LENGTH]
    if not title:
        raise BadMessage("A title needs at least one character. The old one is kept.")
    sealed = Conversation.sealed(conversation.pk, owner_id=conversation.owner_id, title=title)
    with transaction.atomic():
        Conversation.objects.filter(pk=conversation.pk).update(**sealed, title_is_automatic=False)
        indexing.replace_title(conversation.pk, conversation.owner_id, title)
        _record(audit.Action.CHAT_RENAMED, conversation)
    conversation.title = title


def delete(*chats: Conversation) -> list[uuid.UUID]:
    """Hide them at once; `restore` brings them back, and a later clean-up removes what nobody missed.

    Returns the answers whose workers have to be told to stop.
    """
    ids = [chat.pk for chat in chats]
    with transaction.atomic():
        Conversation.objects.filter(pk__in=ids).update(deleted_at=Now())
        answers = Message.objects.filter(conversation__in=ids)
        answers.filter(status=Message.Status.QUEUED).update(status=Message.Status.STOPPED, finished_at=Now())
        working = answers.filter(status__in=Message.WORKING)
        working.update(stop_requested=True)
        for chat in chats:
            _record(audit.Action.CHAT_DELETED, chat)
        return list(working.values_list("pk", flat=True))


def restore(*chats: Conversation) -> None:
    with transaction.atomic():
        Conversation.objects.filter(pk__in=[chat.pk for chat in chats]).update(deleted_at=None)
        for chat in chats:
            _record(audit.Action.CHAT_RESTORED, chat)


def configure(conversation: Conversation, *, model: str | None = None, use_documents: bool | None = None) -> None:
    """What is None stays. Asked with every question, so it writes only what changed."""
    model = None if model is None else clean_model(model)
    wanted = {"model": model, "use_documents": use_documents}
    changed = [name for name, value in wanted.items() if value is not None and value != getattr(conversation, name)]
    for name in changed:
        setattr(conversation, name, wanted[name])
    if changed:
        with transaction.atomic():
            conversation.save(update_fields=changed)
            now = {name: wanted[name] for name in changed}
            _record(audit.Action.CHAT_CONFIGURED, conversation, **now)


def switch_branch(message: Message) -> int:
    """Show the path through this message, down to its newest leaf. Returns how many messages stand below it there."""
    leaf, depth = tree.leaf_below(message)
    Conversation.objects.filter(pk=message.conversation_id).update(active_leaf=leaf)
    return depth


def clean(text: str) -> str:
    """The text as it will be kept. Refused: nothing, or more than the limit."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").strip()
    if not text:
        raise BadMessage("There is nothing to send yet. Write a question first.")
    if len(text) > settings.MESSAGE_MAX_LENGTH:
        raise BadMessage(
            f"This message has {len(text):,} characters; the limit is {settings.MESSAGE_MAX_LENGTH:,}. "
            "It was not sent and still stands in the field. Shorten it, or upload it as a document and ask about it."
        )
    return text


def clean_model(key: str) -> str:
    """A catalogue key as it can be kept. Whether there is such a model is found out when it is asked."""
    key = key.replace("\0", "").strip()
    if len(key) > MODEL_LENGTH:
        raise BadMessage("There is no model of that name. Choose one from the list; your text is kept.")
    return key


def first_title(text: str) -> str:
    """The beginning of the question, until a model has found better words."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:60].rsplit(" ", 1)[0] + "…"


def enqueue(message_id: uuid.UUID) -> None:
    """Tell a worker. A broker that is away costs time, not the answer: the beat task finds the row."""
    from chats.tasks import answer_message

    try:
        answer_message.delay(str(message_id))
    except (BrokerUnreachable, OSError):
        logger.warning("The broker is away; answer %s waits for the beat task.", message_id)


def _record(action: audit.Action, conversation: Conversation, **details: Any) -> None:
    audit.record(action, user=conversation.owner_id, resource=("chat", conversation.pk), **details)


def refuse_without_tokens(user: "User") -> None:
    """Raises TokensUsedUp."""
    try:
        quotas.check_tokens(user)
    except quotas.QuotaReached as error:
        raise TokensUsedUp(error.text) from error


def refuse_without_tokens_of_owner(conversation: Conversation) -> None:
    # Without quotas the owner is not even looked up.
    if quotas.has_token_quota():
        refuse_without_tokens(conversation.owner)


def _parent(conversation: Conversation, parent_id: uuid.UUID | None) -> Message | None:
    pk = parent_id or conversation.active_leaf_id
    if pk is None:
        return None
    try:
        # Only whether it is there and still being written, or waits for a choice.
        found = Message.objects.only("status", "role", "conversation").get(conversation=conversation, pk=pk)
    except Message.DoesNotExist as error:
        raise BadMessage("The message you answer is gone. Reload the page; your text is kept.") from error
    if found.role == Message.Role.USER and tree.compared_below(found):
        raise Undecided("Choose the answer to go on with first. Your text is kept.")
    return found


def _answer_to(
    question: Message,
    conversation: Conversation,
    *,
    model: str = "",
    comparison: uuid.UUID | None = None,
    place: int = 1,
) -> Message:
    """Not stored yet. `place` orders answers that are stored together."""
    return Message(
        conversation=conversation,
        parent=question,
        role=Message.Role.ASSISTANT,
        status=Message.Status.QUEUED,
        model=model or conversation.model,
        comparison=comparison,
        created_at=Now() + place * _A_MOMENT,
    )


def _await_answers(answers: Sequence[Message], *, leaf: Message, **changes: Any) -> None:
    """Show the path to `leaf`, and have workers told once everything is stored. `changes` are further ones of the
    chat's row."""
    pk = leaf.conversation_id
    Conversation.objects.filter(pk=pk).update(active_leaf=leaf, updated_at=Now(), **changes)
    for answer in answers:
        transaction.on_commit(partial(enqueue, answer.pk))
