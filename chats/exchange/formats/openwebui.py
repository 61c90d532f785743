"""Open WebUI's chat export: a list of chats, each with `chat.history.messages`, which know parents and children."""

from collections import Counter
from typing import Any

from chats.exchange.formats import openwebui_details
from chats.exchange.formats.portable import (
    FILES,
    MOST_PICTURES,
    PICTURES,
    Chat,
    Picture,
    Source,
    Turn,
    Unreadable,
    as_dict,
    as_list,
    aside,
    moment,
    name,
    names,
    number,
    ordered,
    rating,
    sources,
    text,
    whole,
)

_PARAMETERS = {"temperature": "temperature", "top_p": "top_p", "max_tokens": "max_tokens", "num_ctx": "context"}


def recognises(entry: dict[str, Any]) -> bool:
    return _history(entry) is not None


def _history(entry: dict[str, Any]) -> dict[str, Any] | None:
    """Of a chat as it is listed, or of the inner part alone, as old versions wrote it."""
    history = as_dict(entry.get("chat")).get("history") or entry.get("history")
    return history if isinstance(history, dict) and isinstance(history.get("messages"), dict) else None


def read(entry: dict[str, Any]) -> Chat:
    chat = as_dict(entry.get("chat")) or entry
    history = _history(entry) or {}
    messages: dict[str, Any] = history["messages"]
    if not all(isinstance(message, dict) for message in messages.values()):
        raise Unreadable("one of its messages is damaged")
    parents = {key: m.get("parentId") if isinstance(m.get("parentId"), str) else None for key, m in messages.items()}
    children = {key: [c for c in as_list(m.get("childrenIds")) if isinstance(c, str)] for key, m in messages.items()}
    turns: dict[str, Turn] = {}
    stands_for: dict[str, str | None] = {}
    for key in ordered(parents, children):
        parent = parents[key]
        over = stands_for.get(parent) if parent is not None else None
        turn = _turn(key, over, messages[key])
        if turn is not None:
            turns[key] = turn
        stands_for[key] = key if turn is not None else over
    current = history.get("currentId")
    updated = moment(entry.get("updated_at"))
    created = moment(entry.get("created_at")) or moment(chat.get("timestamp"))
    params = as_dict(chat.get("params"))
    title = name(entry.get("title")) or name(chat.get("title"))
    return Chat(
        origin=f"openwebui:{name(entry.get('id')) or name(chat.get('id')) or f'{created}/{title}'}",
        title=title,
        turns=list(turns.values()),
        shown=stands_for.get(current) if isinstance(current, str) else None,
        created=created,
        updated=updated,
        model=name(next(iter(as_list(chat.get("models"))), "")),
        system_prompt=text(chat.get("system") or params.get("system")),
        parameters={
            ours: number(params[theirs])
            for theirs, ours in _PARAMETERS.items()
            if isinstance(params.get(theirs), int | float) and not isinstance(params[theirs], bool)
        },
        tags=names(as_dict(entry.get("meta")).get("tags") or chat.get("tags")),
        archived=updated or created if entry.get("archived") is True else None,
        pinned=updated or created if entry.get("pinned") is True else None,
    )


def _turn(key: str, parent: str | None, message: dict[str, Any]) -> Turn | None:
    role = text(message.get("role"))
    if role not in {"user", "assistant"}:
        return None
    is_answer = role == "assistant"
    answer = _answer(message) if is_answer else openwebui_details.Answer()
    attached = _attached(message, is_answer=is_answer)
    content = answer.content if is_answer else _question(message, attached.left_out)
    created = moment(message.get("timestamp"))
    annotation, usage = as_dict(message.get("annotation")), as_dict(message.get("usage"))
    return Turn(
        id=key,
        parent=parent,
        is_answer=is_answer,
        content="\n\n".join(filter(None, [content, *attached.said(is_answer=is_answer)])),
        thinking=answer.thinking,
        model=(name(message.get("model")) or name(message.get("modelName"))) if is_answer else "",
        created=created,
        finished=(moment(message.get("completedAt")) or created) if is_answer else None,
        status="interrupted" if is_answer and message.get("done") is False else "done",
        rating=rating(annotation.get("rating")) if is_answer else None,
        rating_comment=text(annotation.get("comment")) if is_answer else "",
        tokens_prompt=whole(usage.get("prompt_tokens")),
        tokens_completion=whole(usage.get("completion_tokens")),
        sources=sources(_sources(message.get("sources") or message.get("citations"))) if is_answer else [],
        pictures=attached.pictures,
        left_out=answer.left_out + attached.left_out,
    )


def _answer(message: dict[str, Any]) -> openwebui_details.Answer:
    return openwebui_details.read(_content(message.get("content")))


def _question(message: dict[str, Any], left_out: Counter[str]) -> str:
    shown, pictures = openwebui_details.without_pictures(_content(message.get("content")), is_answer=False)
    left_out[PICTURES] += pictures
    return shown


def _content(value: object) -> str:
    """Text, or a list of parts as the API of OpenAI has them."""
    if isinstance(value, list):
        return "\n\n".join(filter(None, (text(as_dict(part).get("text")) for part in value)))
    return text(value)


class _Attached:
    """Pictures that are in the file itself, and names of everything else that was with a message."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self.left_out: Counter[str] = Counter()
        self._names: list[str] = []
        self._missing: list[str] = []

    def add_picture(self, title: str, address: object, *, is_answer: bool) -> None:
        """Answers have no pictures here. What stands on Open WebUI's own server is not in the file."""
        head, _, data = address.partition(",") if isinstance(address, str) else ("", "", "")
        is_here = head.startswith("data:image/") and head.endswith(";base64")
        if is_here and not is_answer and len(self.pictures) < MOST_PICTURES:
            self.pictures.append(Picture(title or "picture", data))
            return
        self.left_out[PICTURES] += 1
        self._missing.append(f"a picture: {title}" if title else "a picture")

    def add_file(self, title: str) -> None:
        self.left_out[FILES] += 1
        self._names.append(title or "a file")

    def said(self, *, is_answer: bool) -> list[str]:
        attached = [f"attached: {', '.join(self._names)}"] if self._names else []
        return [aside(words, is_answer=is_answer) for words in (*self._missing, *attached)]


def _attached(message: dict[str, Any], *, is_answer: bool) -> _Attached:
    found = _Attached()
    for part in map(as_dict, as_list(message.get("content"))):
        if part.get("type") == "image_url":
            found.add_picture("", as_dict(part.get("image_url")).get("url"), is_answer=is_answer)
    for file in map(as_dict, as_list(message.get("files"))):
        inner = as_dict(file.get("file"))
        meta = as_dict(inner.get("meta"))
        title = name(file.get("name")) or name(inner.get("filename")) or name(meta.get("name"))
        kind = text(file.get("content_type")) or text(meta.get("content_type"))
        if file.get("type") == "image" or kind.startswith("image/"):
            found.add_picture(title, file.get("url"), is_answer=is_answer)
        elif file and file.get("type") != "web_search":
            found.add_file(title)
    return found


def _sources(value: object) -> list[Source]:
    """Its marks count passages through all sources, from 1."""
    found: list[Source] = []
    for source in map(as_dict, as_list(value)):
        about = as_list(source.get("metadata"))
        for index, quoted in enumerate(as_list(source.get("document"))):
            passage = as_dict(about[index]) if index < len(about) else {}
            page = whole(passage.get("page"))
            title = name(as_dict(source.get("source")).get("name")) or name(passage.get("name")) or "Source"
            # It counts pages from 0.
            found.append(Source(len(found) + 1, title, 1 if page is None else page + 1, text(quoted)))
    return found
