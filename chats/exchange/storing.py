"""One conversation out of a file, into rows. What is here already stays as it is."""

import uuid
from datetime import datetime

from django.db.models.functions import Now
from django.utils import timezone

from accounts.encryption.fields import KeyedHashField, keyed_hash
from accounts.models import User
from chats import conversation as conversations
from chats import presentation
from chats.exchange import drawing
from chats.exchange.drawing import Pictures
from chats.exchange.formats.portable import Chat, Turn, Unreadable, with_times
from chats.exchange.models import Origin
from chats.images.models import Picture
from chats.models import Citation, Conversation, ConversationTag, Folder, Message, Tag
from chats.searching import indexing

_BATCH = 1000


def is_here(chat: Chat, user: User) -> bool:
    return _here(chat, user, _fingerprint(chat, user)) is not None


def store(chat: Chat, user: User, pictures: Pictures | None = None) -> bool:
    """In the caller's transaction. False: it is here already. One that was deleted comes back as it was."""
    if not chat.turns:
        raise Unreadable("there is no message in it")
    fingerprint = _fingerprint(chat, user)
    if (found := _here(chat, user, fingerprint)) is not None:
        if found.deleted_at is None:
            return False
        conversations.restore(found)
        return True
    _insert(chat, user, fingerprint, pictures or Pictures())
    return True


def _fingerprint(chat: Chat, user: User) -> bytes:
    return keyed_hash(user.pk, "exchange_origin", chat.origin.encode())


def _here(chat: Chat, user: User, fingerprint: bytes) -> Conversation | None:
    found = Conversation.objects.filter(owner=user, origin__fingerprint=fingerprint).first()
    product, _, number = chat.origin.partition(":")
    if found is None and product == "chatsite":
        try:
            found = Conversation.objects.filter(owner=user, pk=uuid.UUID(number)).first()
        except ValueError:
            return None
    return found


def _insert(chat: Chat, user: User, fingerprint: bytes, pictures: Pictures) -> None:
    start = chat.created or timezone.now()
    with_times(chat.turns, start)
    conversation = Conversation.objects.create(
        owner=user,
        title=chat.title or _title(chat),
        title_is_automatic=False,
        model=chat.model,
        use_documents=chat.use_documents,
        system_prompt=chat.system_prompt,
        parameters=chat.parameters,
        folder=_folder(user, chat.folder) if chat.folder else None,
        pinned_at=chat.pinned,
        archived_at=chat.archived,
        created_at=chat.created or chat.turns[0].created or start,
        updated_at=chat.updated or max(moment for turn in chat.turns if (moment := turn.created)),
    )
    ids = {turn.id: uuid.uuid4() for turn in chat.turns}
    compared: dict[str, uuid.UUID] = {}
    messages = [_message(conversation, turn, ids, compared) for turn in chat.turns]
    Message.objects.bulk_create(messages, batch_size=_BATCH)
    indexing.add_conversation(conversation, messages)
    Citation.objects.bulk_create(
        [citation for turn in chat.turns for citation in _citations(conversation, turn, ids[turn.id])],
        batch_size=_BATCH,
    )
    Picture.objects.bulk_create(
        [
            drawing.row(stored, number, message_id=ids[turn_id], owner_id=user.pk)
            for turn_id, several in pictures.by_turn.items()
            for number, stored in enumerate(several, 1)
        ],
        batch_size=_BATCH,
    )
    for tag in chat.tags:
        ConversationTag.objects.create(conversation=conversation, tag=_tag(user, tag))
    Conversation.objects.filter(pk=conversation.pk).update(active_leaf=ids[chat.shown or _newest(chat)])
    Origin.objects.create(conversation=conversation, fingerprint=fingerprint)


def _title(chat: Chat) -> str:
    return conversations.first_title(chat.turns[0].content) or "Untitled"


def _newest(chat: Chat) -> str:
    """The last message of all ends the path that a reader sees who has chosen none."""
    newest: tuple[datetime, str] = max((turn.created or timezone.now(), turn.id) for turn in chat.turns)
    return newest[1]


def _message(
    conversation: Conversation, turn: Turn, ids: dict[str, uuid.UUID], compared: dict[str, uuid.UUID]
) -> Message:
    pk = ids[turn.id]
    numbers = [source.number for source in turn.sources]
    urls = presentation.citation_urls(conversation.pk, pk, numbers)
    return Message(
        id=pk,
        conversation=conversation,
        owner_id=conversation.owner_id,
        parent_id=ids[turn.parent] if turn.parent else None,
        role=Message.Role.ASSISTANT if turn.is_answer else Message.Role.USER,
        content=turn.content,
        thinking=turn.thinking,
        # An answer without sources is rendered when its page is looked at; marks need what is written here.
        html=presentation.final_html(turn.content, urls) if urls else "",
        status=turn.status,
        model=turn.model,
        answered_by=turn.model if turn.is_answer else "",
        tokens_prompt=turn.tokens_prompt,
        tokens_completion=turn.tokens_completion,
        comparison=compared.setdefault(turn.comparison, uuid.uuid4()) if turn.comparison else None,
        rating=turn.rating,
        rating_comment=turn.rating_comment,
        created_at=turn.created or Now(),
        finished_at=turn.finished,
        queued_at=turn.created or Now(),
    )


def _citations(conversation: Conversation, turn: Turn, message_id: uuid.UUID) -> list[Citation]:
    """Of documents that are not here: what was quoted, and from where."""
    return [
        Citation(
            message_id=message_id,
            owner_id=conversation.owner_id,
            number=source.number,
            is_marked=source.is_marked,
            document_name=source.document or "Source",
            page=source.page,
            quoted=source.quoted,
            score=source.score,
        )
        for source in turn.sources
    ]


def _folder(user: User, name: str) -> Folder:
    name_hash = KeyedHashField.of(Folder, "name_hash", user.pk, name)
    found = Folder.objects.filter(owner=user, name_hash=name_hash).first()
    return found or Folder.objects.create(owner=user, name=name)


def _tag(user: User, name: str) -> Tag:
    found = Tag.objects.filter(owner=user, name_hash=KeyedHashField.of(Tag, "name_hash", user.pk, name)).first()
    return found or Tag.objects.create(owner=user, name=name)
