"""The verb. `question` was reached through its owner, with its conversation and its parent."""

from collections.abc import Collection, Sequence

from django.db import transaction

from accounts import audit
from chats import conversation as conversations
from chats import tree
from chats.conversation import ChatError, Exchange
from chats.images import attaching, seeing
from chats.images.models import Picture
from chats.models import Conversation, Message


def edit(
    question: Message, text: str, *, kept: Collection[int] | None = None, pictures: Sequence[Picture] = ()
) -> Exchange:
    """The question in these words, with an answer to be, on a branch of their own, which is shown from now on.

    Of its pictures it keeps those of the numbers `kept` (None: all), and gets `pictures`, which wait to be sent. What
    several models answered side by side they are all asked again.
    """
    refuse_what_is_no_question(question)
    old = [one for one in pictures_of(question) if kept is None or one.number in kept]
    text = conversations.clean(attaching.question_of(text, [*old, *pictures]))
    models = models_of(question)
    for model in models or [question.conversation.model]:
        seeing.refuse_blind(model, len(old) + len(pictures))
    conversations.refuse_without_tokens_of_owner(question.conversation)
    with transaction.atomic():
        locked = Conversation.objects.select_for_update().get(pk=question.conversation_id)
        exchange = conversations.ask_below(
            locked, question.parent, text, models=models, action=audit.Action.CHAT_EDITED, instead_of=question.pk
        )
        attaching.carry_over(old, exchange.question)
        attaching.attach(exchange.question, pictures, first=len(old) + 1)
        return exchange


def pictures_of(question: Message) -> list[Picture]:
    return attaching.of_messages([question.pk]).get(question.pk, [])


def models_of(question: Message) -> list[str]:
    """Which models answered it side by side; empty: it was not compared."""
    return [answer.model for answer in tree.compared_below(question)]


def refuse_what_is_no_question(message: Message) -> None:
    if message.role != Message.Role.USER:
        raise ChatError("Only a question can be edited. An answer can be written again.")


def answers_under_way(question: Message) -> list[Message]:
    """What is being written below the old question. Nobody waits for it once the question was put differently."""
    live = [Message.QUEUED, *Message.WORKING]
    rows = Message.objects.filter(conversation=question.conversation_id, parent=question, status__in=live)
    return list(rows.select_related("conversation"))
