"""ChatGPT's conversations.json: a list of conversations, each a `mapping` of nodes with parents and children.

Nodes of the system, of tools and those that its pages hide are no messages here: what stands below them moves up to
the next message above, and so does the count of what is not taken. An answer that ChatGPT wrote in several nodes
(thoughts, a call of a tool, its result, the rest) becomes one again.
"""

from typing import Any

from chats.exchange.formats.chatgpt_nodes import Piece, piece
from chats.exchange.formats.portable import Chat, Turn, Unreadable, as_list, moment, name, ordered


def recognises(entry: dict[str, Any]) -> bool:
    return isinstance(entry.get("mapping"), dict)


def read(entry: dict[str, Any]) -> Chat:
    mapping: dict[str, Any] = entry["mapping"]
    if not all(isinstance(node, dict) for node in mapping.values()):
        raise Unreadable("one of its messages is damaged")
    parents = {
        key: node.get("parent") if isinstance(node.get("parent"), str) else None for key, node in mapping.items()
    }
    children = {key: [c for c in as_list(node.get("children")) if isinstance(c, str)] for key, node in mapping.items()}
    # The roots have no parent that lists them: they stand as in the file.
    order = ordered(parents, children)
    turns, stands_for = _turns(_pieces(mapping, children), parents, order)
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


def _pieces(mapping: dict[str, Any], children: dict[str, list[str]]) -> dict[str, Piece | None]:
    messages = {key: node.get("message") for key, node in mapping.items()}
    return {
        key: piece(message, [messages[child] for child in children[key] if child in messages])
        for key, message in messages.items()
    }


def _turns(
    pieces: dict[str, Piece | None], parents: dict[str, str | None], order: list[str]
) -> tuple[list[Turn], dict[str, str | None]]:
    """Messages, and for each node the message that stands for it: itself, or the nearest one above."""
    shown = {key: found for key, found in pieces.items() if found and found.is_shown}
    below: dict[str | None, int] = {}
    above: dict[str, str | None] = {}
    for key in order:
        parent = parents[key] if parents[key] in pieces else None
        above[key] = parent if parent is None or parent in shown else above[parent]
        if key in shown:
            below[above[key]] = below.get(above[key], 0) + 1
    turns: dict[str, Turn] = {}
    stands_for: dict[str, str | None] = {}
    for key in order:
        found, over = pieces[key], above[key]
        parent_id = stands_for[over] if over is not None else None
        if key not in shown:
            stands_for[key] = parent_id
            if found is not None and parent_id is not None:
                turns[parent_id].left_out += found.left_out
        elif parent_id is not None and shown[key].is_answer and turns[parent_id].is_answer and below[over] == 1:
            _append(turns[parent_id], shown[key])
            stands_for[key] = parent_id
        else:
            turns[key] = _turn(key, parent_id, shown[key])
            stands_for[key] = key
    return list(turns.values()), stands_for


def _turn(key: str, parent: str | None, found: Piece) -> Turn:
    return Turn(
        id=key,
        parent=parent,
        is_answer=found.is_answer,
        content=found.content,
        thinking=found.thinking,
        model=found.model,
        created=found.created,
        finished=found.finished,
        left_out=found.left_out,
    )


def _append(turn: Turn, found: Piece) -> None:
    turn.content = "\n\n".join(filter(None, [turn.content, found.content]))
    turn.thinking = "\n\n".join(filter(None, [turn.thinking, found.thinking]))
    turn.model = turn.model or found.model
    turn.finished = found.finished or turn.finished
    turn.left_out += found.left_out
