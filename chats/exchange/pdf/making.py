"""Having a PDF made: in a short-lived process of its own, which gets one conversation and gives back one file."""

import json
import logging
import subprocess
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from accounts.rights.holdings import told
from chats.exchange import writing
from chats.models import Conversation, Message
from documents import short_lived

logger = logging.getLogger(__name__)

_PROGRAM = ("-m", "chats.exchange.pdf.program")
_SECONDS = 600
# Bytes of pictures in one file; further ones are named.
_MOST_PICTURES = 60_000_000


class NotMade(Exception):
    """This conversation cannot be set."""


def pdf(conversation: Conversation, messages: list[Message]) -> bytes:
    """Of the chosen path. Raises NotMade."""
    asked = json.dumps(_told(conversation, messages), cls=DjangoJSONEncoder).encode()
    with short_lived.in_memory("pdf") as made:
        try:
            code = short_lived.run(_PROGRAM, made, seconds=_SECONDS, input=asked)
        except subprocess.TimeoutExpired as error:
            raise NotMade from error
        made.seek(0)
        content = made.read()
    if code or not content:
        logger.warning("Conversation %s was not set as PDF: exit code %s", conversation.pk, code)
        raise NotMade
    return content


def _told(conversation: Conversation, messages: list[Message]) -> dict[str, Any]:
    shown = writing.Shown(_MOST_PICTURES)
    return {
        "title": told(conversation, "title") or "Untitled",
        "date": f"{conversation.created_at:%Y-%m-%d %H:%M} UTC",
        "messages": [
            {
                "is_answer": message.role == Message.Role.ASSISTANT,
                "who": writing.author(message),
                "date": f"{message.created_at:%Y-%m-%d %H:%M}",
                "content": told(message, "content"),
                "pictures": [
                    {"name": told(picture, "name"), "data": shown.base64(picture, "sight")}
                    for picture in writing.pictures_of(message)
                ],
                "sources": [
                    {
                        "number": citation.number,
                        "document": told(citation, "document_name"),
                        "page": citation.page,
                        "quoted": " ".join(told(citation, "quoted").split())[:600],
                    }
                    for citation in sorted(message.citations.all(), key=lambda citation: citation.number)
                ],
            }
            for message in writing.shown_messages(conversation, messages)
        ],
    }
