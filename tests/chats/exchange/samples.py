"""Files as other products write them, small and with everything that matters in them."""

import io
import json
import zipfile
from typing import Any

HOUR = 1_700_000_000.0


def node(key: str, parent: str | None, role: str, text: str, at: float, **metadata: Any) -> dict[str, Any]:
    return {
        "id": key,
        "parent": parent,
        "children": [],
        "message": {
            "id": key,
            "author": {"role": role, "name": None, "metadata": {}},
            "create_time": HOUR + at,
            "update_time": None,
            "content": {"content_type": "text", "parts": [text]},
            "status": "finished_successfully",
            "recipient": "all",
            "metadata": metadata,
        },
    }


def chatgpt(key: str = "c-1", title: str = "Herons") -> dict[str, Any]:
    """A question with two answers, the first of which was asked further; hidden nodes above."""
    nodes = [
        {"id": "root", "parent": None, "children": [], "message": None},
        node("sys", "root", "system", "", 0, is_visually_hidden_from_conversation=True),
        node("q1", "sys", "user", "Where do herons nest?", 1),
        node("a1", "q1", "assistant", "In trees.", 2, model_slug="gpt-4o"),
        node("a2", "q1", "assistant", "In colonies.", 3, model_slug="o3"),
        node("q2", "a1", "user", "Which trees?", 4),
        node("a3", "q2", "assistant", "Tall ones.", 5, model_slug="gpt-4o"),
    ]
    mapping = {found["id"]: found for found in nodes}
    for found in nodes:
        if found["parent"]:
            mapping[found["parent"]]["children"].append(found["id"])
    return {
        "title": title,
        "create_time": HOUR,
        "update_time": HOUR + 6,
        "mapping": mapping,
        "current_node": "a2",
        "conversation_id": key,
        "id": key,
        "default_model_slug": "gpt-4o",
        "is_archived": False,
    }


def told(*nodes: dict[str, Any], key: str = "c-9") -> dict[str, Any]:
    """A chat of the given nodes, one below the other."""
    root = {"id": "root", "parent": None, "children": [], "message": None}
    entry = {**chatgpt(key), "mapping": {"root": root}, "current_node": nodes[-1]["id"]}
    for found in nodes:
        put(entry, {**found, "parent": list(entry["mapping"])[-1]})
    return entry


def put(entry: dict[str, Any], found: dict[str, Any]) -> None:
    entry["mapping"][found["id"]] = found
    entry["mapping"][found["parent"]]["children"].append(found["id"])


def said(key: str, role: str, at: float, content: dict[str, Any], to: str = "all", **metadata: Any) -> dict[str, Any]:
    """A node with a content of some other kind, maybe to a tool. For `told`, which knows what is above."""
    found = node(key, None, role, "", at, **metadata)
    found["message"] |= {"content": content, "recipient": to}
    return found


def picture_of(pointer: str, **metadata: Any) -> dict[str, Any]:
    return {"content_type": "image_asset_pointer", "asset_pointer": pointer, "width": 8, "height": 8,
            "metadata": metadata}  # fmt: skip


def openwebui(key: str = "w-1", title: str = "Kettles") -> dict[str, Any]:
    def message(pk: str, parent: str | None, role: str, content: str, at: int, **more: Any) -> dict[str, Any]:
        return {"id": pk, "parentId": parent, "childrenIds": [], "role": role, "content": content,
                "timestamp": int(HOUR) + at, **more}  # fmt: skip

    thought = (
        '<details type="reasoning" done="true" duration="3">\n'
        "<summary>Thought for 3 seconds</summary>\n> Copper &amp; tin\n</details>\n"
    )
    messages = {
        "m1": message("m1", None, "user", "What is a kettle made of?", 1, models=["llama3.2:3b", "qwen3:4b"]),
        "m2": message("m2", "m1", "assistant", f"{thought}Copper [1].", 2, model="llama3.2:3b", done=True,
                      annotation={"rating": 1, "comment": "Right"},
                      sources=[{"source": {"name": "kettles.pdf"}, "document": ["Kettles are copper."],
                                "metadata": [{"page": 3}]}]),
        "m3": message("m3", "m1", "assistant", "Steel.", 3, model="qwen3:4b", done=True),
    }  # fmt: skip
    messages["m1"]["childrenIds"] = ["m2", "m3"]
    return {
        "id": key,
        "user_id": "u",
        "title": title,
        "chat": {
            "title": title,
            "models": ["llama3.2:3b", "qwen3:4b"],
            "params": {"temperature": 0.4, "num_ctx": 4096},
            "system": "Be brief.",
            "history": {"messages": messages, "currentId": "m2"},
            "messages": [],
            "tags": [],
            "timestamp": int(HOUR) * 1000,
        },
        "updated_at": int(HOUR) + 9,
        "created_at": int(HOUR),
        "share_id": None,
        "archived": True,
        "pinned": True,
        "meta": {"tags": ["kitchen"]},
        "folder_id": None,
    }


def as_file(value: Any) -> bytes:
    return json.dumps(value).encode()


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()
