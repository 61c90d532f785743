"""Stopping an answer, for the row, its worker and the pages that show it."""

from chats import conversation, live, reading
from chats.models import Message


def stop(answer: Message) -> None:
    if conversation.stop(answer):
        bubble = reading.settled_bubble(answer.conversation_id, answer.pk) or ""
        live.publish_now(answer.conversation_id, live.event(answer.pk, "final", content=bubble))
    else:
        live.ask_to_stop(answer.pk)
