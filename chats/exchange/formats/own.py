"""What this product writes (docs/exchange.md)."""

from typing import Any

from chats.exchange.formats.portable import (
    MOST_PICTURES,
    Chat,
    Picture,
    Source,
    Turn,
    Unreadable,
    as_list,
    moment,
    name,
    names,
    number,
    ordered,
    parameters,
    rating,
    sources,
    text,
    whole,
)

_ENDED = {"done", "stopped", "interrupted", "failed"}


def recognises(entry: dict[str, Any]) -> bool:
    return isinstance(entry.get("messages"), list) and "shown_up_to" in entry


def read(entry: dict[str, Any]) -> Chat:
    turns: dict[str, Turn] = {}
    for message in entry["messages"]:
        if not isinstance(message, dict) or not isinstance(message.get("id"), str):
            raise Unreadable("one of its messages has no id")
        if message["id"] in turns:
            raise Unreadable("two of its messages have one id")
        turns[message["id"]] = _turn(message)
    order = ordered({key: turn.parent for key, turn in turns.items()}, {})
    for turn in turns.values():
        if turn.parent not in turns:
            turn.parent = None
    return Chat(
        origin=f"chatsite:{name(entry.get('id'))}",
        title=name(entry.get("title")),
        turns=[turns[key] for key in order],
        shown=shown if (shown := text(entry["shown_up_to"])) in turns else None,
        created=moment(entry.get("created")),
        updated=moment(entry.get("updated")),
        model=name(entry.get("model")),
        system_prompt=text(entry.get("system_prompt")),
        parameters=parameters(entry.get("parameters")),
        use_documents=entry.get("use_documents") is not False,
        folder=name(entry.get("folder")),
        tags=names(entry.get("tags")),
        archived=moment(entry.get("archived")),
        pinned=moment(entry.get("pinned")),
    )


def _turn(message: dict[str, Any]) -> Turn:
    role = text(message.get("role"))
    if role not in {"user", "assistant"}:
        raise Unreadable("one of its messages is neither a question nor an answer")
    parent = message.get("parent")
    status = text(message.get("status"))
    held = message.get("tokens")
    tokens: dict[str, Any] = held if isinstance(held, dict) else {}
    return Turn(
        id=message["id"],
        parent=parent if isinstance(parent, str) else None,
        is_answer=role == "assistant",
        content=text(message.get("content")),
        thinking=text(message.get("thinking")),
        model=name(message.get("model")),
        created=moment(message.get("created")),
        finished=moment(message.get("finished")),
        # What was being written when it left is not being written here.
        status=status if status in _ENDED else "interrupted",
        rating=rating(message.get("rating")),
        rating_comment=text(message.get("rating_comment")),
        comparison=name(message.get("comparison")),
        tokens_prompt=whole(tokens.get("prompt")),
        tokens_completion=whole(tokens.get("completion")),
        sources=sources(_sources(message.get("sources"))),
        pictures=_pictures(message.get("pictures")) if role == "user" else [],
    )


def _pictures(value: object) -> list[Picture]:
    """Those whose data are in the file."""
    found = [picture for picture in as_list(value) if isinstance(picture, dict)]
    return [
        Picture(name(picture.get("name")) or "picture", data)
        for picture in found[:MOST_PICTURES]
        if isinstance(data := picture.get("data"), str)
    ]


def _sources(value: object) -> list[Source]:
    return [
        Source(
            number=whole(source.get("number")) or 0,
            document=name(source.get("document")),
            page=whole(source.get("page")) or 1,
            quoted=text(source.get("quoted")),
            score=min(1.0, max(0.0, number(source.get("score")))),
            is_marked=source.get("marked") is not False,
        )
        for source in as_list(value)
        if isinstance(source, dict)
    ]
