"""An export of ChatGPT with many conversations, taken in through the page, and again.

    python -m bench.importing --chats 1000 --keep
    python -m bench.importing --chats 1000 --kill     # the worker dies by kill -9 half way

The file is shaped as real ones are: hidden nodes, thoughts, branches, code, tables and formulas, in a ZIP.
"""

import argparse
import io
import json
import random
import time
import zipfile
from typing import Any

import httpx

from bench import report
from bench.stack import ModelServer, Stack

SEED = 4
_WORDS = "heron kettle copper river nest colony willow morning letter engine garden window paper".split()
_CODE = "```python\ndef nest(heron: str) -> int:\n    return len(heron) * 42\n```"
_TABLE = "| bird | count |\n|------|------:|\n| heron | 42 |\n| stork | 7 |"
_FORMULA = "$$\\sum_{i=1}^n i = \\frac{n(n+1)}{2}$$"


def export(chats: int) -> bytes:
    draw = random.Random(SEED)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("conversations.json", json.dumps([_chat(number, draw) for number in range(chats)]))
        archive.writestr("chat.html", "<html></html>")
        archive.writestr("user.json", "{}")
    return out.getvalue()


def _chat(number: int, draw: random.Random) -> dict[str, Any]:
    start = 1_690_000_000 + number * 3600.5
    mapping: dict[str, Any] = {}

    def add(parent: str | None, role: str, content: dict[str, Any], **more: Any) -> str:
        key = f"{number}-{len(mapping)}"
        metadata = more.pop("metadata", {"model_slug": "gpt-4o"} if role == "assistant" else {})
        message = {
            "id": key,
            "author": {"role": role, "name": None, "metadata": {}},
            "create_time": start + len(mapping) * 9.25,
            "update_time": None,
            "content": content,
            "status": "finished_successfully",
            "end_turn": True,
            "weight": 1.0,
            "metadata": metadata,
            "recipient": "all",
            "channel": None,
            **more,
        }
        mapping[key] = {"id": key, "message": message, "parent": parent, "children": []}
        if parent:
            mapping[parent]["children"].append(key)
        return key

    def text(words: int) -> dict[str, Any]:
        parts = [" ".join(draw.choices(_WORDS, k=words)) + ".", draw.choice([_CODE, _TABLE, _FORMULA, ""])]
        return {"content_type": "text", "parts": ["\n\n".join(parts)]}

    hidden = {"is_visually_hidden_from_conversation": True}
    last = add(None, "system", {"content_type": "text", "parts": [""]}, metadata=hidden)
    for _ in range(draw.randint(2, 22)):
        question = add(last, "user", text(draw.randint(5, 60)))
        for _ in range(1 + (draw.random() < 0.15)):
            above = question
            if draw.random() < 0.1:
                thought = {"content_type": "thoughts", "thoughts": [{"summary": "Look", "content": "At herons."}]}
                above = add(above, "assistant", thought)
            last = add(above, "assistant", text(draw.randint(40, 400)))
    return {
        "title": f"Chat {number}", "create_time": start, "update_time": start + 900, "mapping": mapping,
        "current_node": last, "conversation_id": f"bench-{number}", "id": f"bench-{number}", "is_archived": False,
        "default_model_slug": "gpt-4o",
    }  # fmt: skip


def take_in(stack: Stack, browser: httpx.Client, content: bytes, *, kill_at: int = 0) -> dict[str, Any]:
    browser.get("/settings/exchange")
    began = time.monotonic()
    answer = browser.post(
        "/settings/exchange/import",
        data={"csrfmiddlewaretoken": browser.cookies["csrftoken"]},
        files={"file": ("export.zip", content, "application/zip")},
        headers={"Referer": f"{stack.url}/settings/exchange"},
    )
    assert answer.status_code == 302, answer.text[:2000]
    uploaded = time.monotonic() - began
    seen: set[int] = set()
    while True:
        state, imported, known, broken, done, total = stack.rows(
            "SELECT status, imported, known, broken, progress_done, progress_total FROM exchange_exchangejob "
            "ORDER BY created_at DESC LIMIT 1"
        )[0]
        seen.add(100 * done // max(1, total))
        if kill_at and imported >= kill_at:
            stack.kill("documents")
            kill_at = 0
        if state in {"done", "failed"}:
            break
        time.sleep(0.1)
    return {
        "state": state, "seconds": round(time.monotonic() - began, 1), "upload_seconds": round(uploaded, 1),
        "imported": imported, "known": known, "broken": broken, "steps_of_progress_seen": len(seen),
    }  # fmt: skip


def page(runs: list[dict[str, Any]]) -> str:
    heads = ("chats", "messages", "file, MB", "killed half way", "seconds", "seconds, again", "double")
    rows = [
        (r["chats"], r["messages"], r["file_mb"], "yes" if r["killed"] else "no", r["first"]["seconds"],
         r["again"]["seconds"], r["chats_stored"] - r["chats"])
        for r in runs
    ]  # fmt: skip
    return f"# Importing\n\n{report.table(heads, rows)}\n" + "".join(f"* {report.described(r)}\n" for r in runs)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--chats", type=int, default=1000)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    content = export(options.chats)
    with ModelServer() as model, Stack(model_url=model.url) as stack:
        session = json.loads(stack.run("bench.people", "1"))[0]["session"]
        with httpx.Client(base_url=stack.url, cookies={"sessionid": session}, timeout=120) as browser:
            first = take_in(stack, browser, content, kill_at=options.chats // 2 if options.kill else 0)
            again = take_in(stack, browser, content)
        ((messages,),) = stack.rows("SELECT count(*) FROM chats_message")
        ((chats,),) = stack.rows("SELECT count(*) FROM exchange_origin")
    result = {
        "chats": options.chats, "messages": messages, "file_mb": round(len(content) / 1e6, 1), "chats_stored": chats,
        "killed": options.kill, "first": first, "again": again,
    }  # fmt: skip
    assert (first["imported"], again["known"], chats) == (options.chats, options.chats, options.chats), result
    print(json.dumps(result, indent=2))
    if options.keep:
        name = f"{options.chats}-chats{'-killed' * options.kill}"
        print(report.write("importing", name, result, page))


if __name__ == "__main__":
    main()
