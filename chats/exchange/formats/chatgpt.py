"""ChatGPT's conversations.json: a list of conversations, each a `mapping` of nodes with parents and children.

Nodes of the system, of tools and those that its pages hide are no messages here: what stands below them moves up to
the next message above. An answer that ChatGPT wrote in several nodes (thoughts, a call of a tool, its result, the rest)
becomes one again.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chats.exchange.formats.portable import Chat, Turn, Unreadable, moment, name, ordered, text


@dataclass(slots=True)
class _Piece:
    """What one node has to show."""

    is_answer: bool
    content: str
    thinking: str
    model: str
    created: datetime | None
    finished: datetime | None


def recognises(entry: dict[str, Any]) -> bool:
    return isinstance(entry.get("mapping"), dict)


def read(entry: dict[str, Any]) -> Chat:
    mapping: dict[str, Any] = entry["mapping"]
    if not all(isinstance(node, dict) for node in mapping.values()):
        raise Unreadable("one of its messages is damaged")
    parents = {
        key: node.get("parent") if isinstance(node.get("parent"), str) else None for key, node in mapping.items()
    }
    children = {key: [c for c in _list(node.get("children")) if isinstance(c, str)] for key, node in mapping.items()}
    # The roots have no parent that lists them: they stand as in the file.
    order = ordered(parents, children)
    turns, stands_for = _turns(mapping, parents, order)
    current = entry.get("current_node")
    found_id = name(entry.get("conversation_id")) or name(entry.get("id"))
    created = moment(entry.get("create_time"))
    updated = moment(entry.get("update_time"))
    title = name(entry.get("title"))
    return Chat(
        origin=f"chatgpt:{found_id or f'{created}/{title}'}",
        title=title,
        turns=turns,
        shown=stands_for.get(current) if isinstance(current, str) else None,
        created=created,
        updated=updated,
        model=name(entry.get("default_model_slug")),
        archived=updated or created if entry.get("is_archived") is True else None,
        pinned=updated or created if entry.get("is_starred") is True else None,
    )


def _turns(
    mapping: dict[str, Any], parents: dict[str, str | None], order: list[str]
) -> tuple[list[Turn], dict[str, str | None]]:
    """Messages, and for each node the message that stands for it: itself, or the nearest one above."""
    pieces = {key: _piece(mapping[key].get("message")) for key in order}
    below: dict[str | None, int] = {}
    above: dict[str, str | None] = {}
    for key in order:
        parent = parents[key] if parents[key] in pieces else None
        above[key] = parent if parent is None or pieces[parent] is not None else above[parent]
        if pieces[key] is not None:
            below[above[key]] = below.get(above[key], 0) + 1
    turns: dict[str, Turn] = {}
    stands_for: dict[str, str | None] = {}
    for key in order:
        piece, over = pieces[key], above[key]
        parent_id = stands_for[over] if over is not None else None
        if piece is None:
            stands_for[key] = parent_id
        elif parent_id is not None and piece.is_answer and turns[parent_id].is_answer and below[over] == 1:
            _append(turns[parent_id], piece)
            stands_for[key] = parent_id
        else:
            turns[key] = Turn(
                id=key,
                parent=parent_id,
                is_answer=piece.is_answer,
                content=piece.content,
                thinking=piece.thinking,
                model=piece.model,
                created=piece.created,
                finished=piece.finished,
            )
            stands_for[key] = key
    return list(turns.values()), stands_for


def _append(turn: Turn, piece: _Piece) -> None:
    turn.content = "\n\n".join(filter(None, [turn.content, piece.content]))
    turn.thinking = "\n\n".join(filter(None, [turn.thinking, piece.thinking]))
    turn.model = turn.model or piece.model
    turn.finished = piece.finished or turn.finished


def _piece(message: Any) -> _Piece | None:
    """None for what ChatGPT's own pages do not show either."""
    if not isinstance(message, dict):
        return None
    metadata, author, content = (_dict(message.get(key)) for key in ("metadata", "author", "content"))
    if metadata.get("is_visually_hidden_from_conversation") is True:
        return None
    role, kind = text(author.get("role")), content.get("content_type")
    thinking = _thoughts(content) if kind == "thoughts" else ""
    shown = _shown(role, str(kind), content, message.get("recipient"))
    if not shown and not thinking:
        return None
    created = moment(message.get("create_time"))
    is_answer = role != "user"
    return _Piece(
        is_answer=is_answer,
        content=shown,
        thinking=thinking,
        model=name(metadata.get("model_slug")) if is_answer else "",
        created=created,
        finished=(moment(message.get("update_time")) or created) if is_answer else None,
    )


def _shown(role: object, kind: str, content: dict[str, Any], recipient: object) -> str:
    if role == "user" or (role == "assistant" and recipient in (None, "all")):
        if kind == "code":
            return _fenced(_language(content), text(content.get("text")))
        return _parts(content) if kind in {"text", "multimodal_text"} else ""
    # Of tools only the one that runs code shows what it was given and what it said.
    if role == "assistant" and recipient == "python":
        return _fenced("python", text(content.get("text")) or _parts(content))
    if role == "tool" and kind == "execution_output":
        return _fenced("text", text(content.get("text")))
    return ""


def _parts(content: dict[str, Any]) -> str:
    found = []
    for part in _list(content.get("parts")):
        if isinstance(part, str):
            found.append(text(part))
        elif isinstance(part, dict):
            kind = str(part.get("content_type"))
            if kind == "audio_transcription":
                found.append(text(part.get("text")))
            elif kind == "image_asset_pointer":
                # The picture itself lies beside the list, if at all; that there was one is told.
                found.append("*(a picture)*")
    return "\n\n".join(filter(None, found)).strip()


def _thoughts(content: dict[str, Any]) -> str:
    thoughts = [_dict(thought) for thought in _list(content.get("thoughts"))]
    pairs = ((text(thought.get("summary")), text(thought.get("content"))) for thought in thoughts)
    return "\n\n".join("\n\n".join(filter(None, pair)) for pair in pairs).strip()


def _language(content: dict[str, Any]) -> str:
    language = name(content.get("language"))
    return language if language.isalnum() and language != "unknown" else ""


def _fenced(language: str, code: str) -> str:
    if not code.strip():
        return ""
    fence = "```"
    while fence in code:
        fence += "`"
    return f"{fence}{language}\n{code.rstrip()}\n{fence}"


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
