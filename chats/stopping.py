"""Stopping an answer, or deleting chats with what is written in them: rows, workers, and the pages that show them."""

from chats import conversation, live, reading
from chats.models import Conversation, Message


def stop(answer: Message) -> None:
    if conversation.stop(answer):
        bubble = reading.settled_bubble(answer.conversation_id, answer.pk) or ""
        live.publish_now(answer.conversation_id, live.event(answer.pk, "final", content=bubble))
    else:
        live.ask_to_stop(answer.pk)


def stop_all(chat: Conversation) -> None:
    under_way = Message.objects.filter(conversation=chat, status__in=[Message.QUEUED, *Message.WORKING])
    for answer in under_way.select_related("conversation"):
        stop(answer)


def delete(*chats: Conversation) -> None:
    for message_id in conversation.delete(*chats):
        live.ask_to_stop(message_id)
    for chat in chats:
        live.publish_now(chat.pk, live.event(chat.pk, "gone"))
