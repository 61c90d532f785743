"""Entries of files, as several products write them, to one form (`portable.Chat`). Pure: no rows, no files."""

from typing import Any

from chats.exchange.formats import chatgpt, openwebui, own
from chats.exchange.formats.portable import Chat, Unreadable

__all__ = ["Chat", "Unreadable", "read"]


def read(entry: Any) -> Chat:
    """Raises Unreadable, with the reason in words."""
    if not isinstance(entry, dict):
        raise Unreadable("it is no chat")
    if chatgpt.recognises(entry):
        return chatgpt.read(entry)
    if openwebui.recognises(entry):
        return openwebui.read(entry)
    if own.recognises(entry):
        return own.read(entry)
    raise Unreadable("it has none of the forms that are known here")
