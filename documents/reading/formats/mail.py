"""Mails (EML): who wrote what to whom and when, the words, and the attachments as parts."""

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

from documents.errors import CorruptFile, NoText
from documents.reading.formats import Event, Source, Tools, html
from documents.reading.formats.encoding import decode
from documents.reading.formats.parts import Parts, numbered
from documents.reading.formats.sections import Block, events
from documents.reading.formats.txt import paragraphs
from documents.reading.limits import Limits
from documents.reading.pages import ReadPage

_FIELDS = ("From", "To", "Cc", "Date")
_DEEPEST = 30


def read(source: Source, tools: Tools, limits: Limits) -> Iterator[Event]:
    # What the standard library makes of headers and parts that are none is not documented.
    try:
        message: Any = email.message_from_bytes(source.data(), policy=email.policy.default)
        head = list(_head({name: _field(message, name) for name in ("Subject", *_FIELDS)}))
        bodies, attached = _parts(message)
    except RecursionError:
        raise
    except Exception as error:
        raise CorruptFile(detail=type(error).__name__) from error
    yield from whole([*head, *bodies], attached, tools, limits)


def whole(blocks: list[Block], attached: list[tuple[str, bytes]], tools: Tools, limits: Limits) -> Iterator[Event]:
    """A letter of any kind with what was sent along."""
    parts = Parts(tools, limits)
    pages = list(numbered(_pages(blocks, attached, parts, limits)))
    if not any(page.text for page in pages):
        raise NoText
    yield {"type": "begin", "pages": len(pages)}
    yield from pages
    for remark in parts.remarks:
        yield {"type": "remark", "text": remark}


def _pages(blocks: list[Block], attached: list[tuple[str, bytes]], parts: Parts, limits: Limits) -> Iterator[ReadPage]:
    if any(block.text.strip() for block in blocks):
        yield from (event for event in events(blocks, limits) if isinstance(event, ReadPage))
    for name, content in attached:
        yield from parts.read(name, content)


def head(subject: str, fields: dict[str, str]) -> Iterator[Block]:
    if subject:
        yield Block("heading", subject)
    lines = [f"{name}: {value}" for name, value in fields.items() if value]
    if lines:
        yield Block("paragraph", "\n".join(lines))


def _head(fields: dict[str, str]) -> Iterator[Block]:
    return head(fields.pop("Subject"), fields)


def _field(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except Exception:  # noqa: BLE001 - a header that is none; the rest of the mail is still of use
        return ""


def body(plain: str, rich: str) -> list[Block]:
    """The words once, though most mails hold them twice."""
    if plain.strip():
        return list(paragraphs(plain))
    return list(html.blocks(rich)) if rich.strip() else []


def _parts(message: EmailMessage) -> tuple[list[Block], list[tuple[str, bytes]]]:
    plain: list[str] = []
    rich: list[str] = []
    attached: list[tuple[str, bytes]] = []
    for part in _leaves(message, 0):
        kind = part.get_content_type()
        is_attached = part.get_content_disposition() == "attachment" or bool(part.get_filename())
        if kind == "message/rfc822":
            inner = part.get_payload()
            content = inner[0].as_bytes() if isinstance(inner, list) and inner else b""
            attached.append((part.get_filename() or "Forwarded message.eml", content))
        elif is_attached or kind not in {"text/plain", "text/html"}:
            # Pictures that belong to the look of a letter have no name, and nothing to say.
            if is_attached:
                attached.append((part.get_filename() or "Attachment", _content(part)))
        else:
            text = decode(_content(part), declared=part.get_content_charset() or "")
            (plain if kind == "text/plain" else rich).append(text)
    return body("\n\n".join(plain), "\n".join(rich)), attached


def _leaves(message: Any, depth: int) -> Iterator[Any]:
    if message.get_content_maintype() == "multipart" and message.is_multipart() and depth < _DEEPEST:
        for part in message.get_payload():
            yield from _leaves(part, depth + 1)
    elif not message.is_multipart() or message.get_content_type() == "message/rfc822":
        yield message


def _content(part: Any) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
