"""Mails of Outlook (MSG), with their attachments."""

import io
from collections.abc import Iterator
from typing import Any

from oxmsg import Message

from documents.errors import CorruptFile
from documents.reading.formats import Event, Source, Tools, mail
from documents.reading.formats.sections import Block
from documents.reading.limits import Limits


def read(source: Source, tools: Tools, limits: Limits) -> Iterator[Event]:
    # What the library makes of broken streams is not documented.
    try:
        message = Message.load(io.BytesIO(source.data()))
        blocks = [*_head(message), *mail.body(message.body or "", message.html_body or "")]
        attached = [
            (each.file_name or "Attachment", each.file_bytes) for each in message.attachments if each.file_bytes
        ]
    except Exception as error:
        raise CorruptFile(detail=type(error).__name__) from error
    yield from mail.whole(blocks, attached, tools, limits)


def _head(message: Any) -> Iterator[Block]:
    fields = {"From": message.sender or ""}
    fields["To"] = ", ".join(f"{each.name} <{each.email_address}>" for each in message.recipients)
    fields["Date"] = message.sent_date.isoformat(" ", "minutes") if message.sent_date else ""
    return mail.head(message.subject or "", fields)
