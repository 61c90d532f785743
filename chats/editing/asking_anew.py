"""The verb. `question` was reached through its owner, with its conversation and its parent."""

from django.db import transaction

from accounts import audit
from chats import conversation as conversations
from chats.conversation import ChatError, Exchange
from chats.images import attaching, seeing
from chats.models import Conversation, Message


def edit(question: Message, text: str) -> Exchange:
    """The question in these words, with an answer to be, on a branch of their own, which is shown from now on."""
    refuse_what_is_no_question(question)
    text = conversations.clean(text)
    seeing.refuse_blind(question.conversation.model, question.pictures.count())
    conversations.refuse_without_tokens_of_owner(question.conversation)
    with transaction.atomic():
        locked = Conversation.objects.select_for_update().get(pk=question.conversation_id)
        exchange = conversations.ask_below(
            locked, question.parent, text, action=audit.Action.CHAT_EDITED, instead_of=question.pk
        )
        attaching.carry_over(question, exchange.question)
        return exchange


def refuse_what_is_no_question(message: Message) -> None:
    if message.role != Message.Role.USER:
        raise ChatError("Only a question can be edited. An answer can be written again.")


def answers_under_way(question: Message) -> list[Message]:
    """What is being written below the old question. Nobody waits for it once the question was put differently."""
    live = [Message.QUEUED, *Message.WORKING]
    rows = Message.objects.filter(conversation=question.conversation_id, parent=question, status__in=live)
    return list(rows.select_related("conversation"))
