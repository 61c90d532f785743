"""An export of ChatGPT with many conversations, taken in through the page, and again, and a newer one of the same.

    python -m bench.importing --chats 1000 --keep
    python -m bench.importing --chats 1000 --kill     # the worker dies by kill -9 half way

The file is shaped as real ones are: hidden nodes, thoughts, branches, code, tables and formulas, searches with marks of
citations, pictures that were drawn or added, attached files, documents beside the chat and code that ran, in a ZIP. In
the newer one every tenth conversation went on.
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


# Of all answers, what share is what: searched with citations, drawn, a document beside the chat, code that ran.
_KINDS, _SHARES = ("plain", "searched", "drawn", "canvas", "ran"), (82, 8, 4, 3, 3)
_WITH_PICTURE, _WITH_FILE = 0.05, 0.04
_CITED = "\ue200cite\ue202turn0search3\ue202turn0news1\ue201"


def export(chats: int, *, newer: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        told = [_Chat(number).told(goes_on=newer and number % 10 == 0) for number in range(chats)]
        archive.writestr("conversations.json", json.dumps(told))
        archive.writestr("chat.html", "<html></html>")
        archive.writestr("user.json", "{}")
    return out.getvalue()


class _Chat:
    def __init__(self, number: int) -> None:
        self.number, self.draw = number, random.Random(f"{SEED}-{number}")
        self.start = 1_690_000_000 + number * 3600.5
        self.mapping: dict[str, Any] = {}

    def told(self, *, goes_on: bool) -> dict[str, Any]:
        hidden = {"is_visually_hidden_from_conversation": True}
        last = self._add(None, "system", {"content_type": "text", "parts": [""]}, metadata=hidden)
        for _ in range(self.draw.randint(2, 22)):
            last = self._exchange(last)
        if goes_on:
            last = self._exchange(last)
        key = f"bench-{self.number}"
        return {
            "title": f"Chat {self.number}", "create_time": self.start, "update_time": self.start + 900 + goes_on,
            "mapping": self.mapping, "current_node": last, "conversation_id": key, "id": key, "is_archived": False,
            "default_model_slug": "gpt-4o",
        }  # fmt: skip

    def _add(self, parent: str | None, role: str, content: dict[str, Any], **more: Any) -> str:
        key = f"{self.number}-{len(self.mapping)}"
        metadata = more.pop("metadata", {"model_slug": "gpt-4o"} if role == "assistant" else {})
        message = {
            "id": key,
            "author": {"role": role, "name": None, "metadata": {}},
            "create_time": self.start + len(self.mapping) * 9.25,
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
        self.mapping[key] = {"id": key, "message": message, "parent": parent, "children": []}
        if parent:
            self.mapping[parent]["children"].append(key)
        return key

    def _exchange(self, last: str) -> str:
        question = self._question(last)
        for _ in range(1 + (self.draw.random() < 0.15)):
            above = question
            if self.draw.random() < 0.1:
                thought = {"content_type": "thoughts", "thoughts": [{"summary": "Look", "content": "At herons."}]}
                above = self._add(above, "assistant", thought)
            last = self._answer(above, self.draw.choices(_KINDS, _SHARES)[0])
        return last

    def _question(self, above: str) -> str:
        content, attached = _parts(self._text(self.draw.randint(5, 60))), []
        if self.draw.random() < _WITH_PICTURE:
            content = _parts(_pointer("file_q"), *content["parts"])
            attached.append({"id": "file_q", "name": "heron.jpg", "mime_type": "image/jpeg", "size": 81_234})
        if self.draw.random() < _WITH_FILE:
            attached.append({"id": "file_r", "name": "report.pdf", "mime_type": "application/pdf", "size": 812_345})
        return self._add(above, "user", content, metadata={"attachments": attached} if attached else {})

    def _answer(self, above: str, kind: str) -> str:
        words = self._text(self.draw.randint(40, 400))
        if kind == "searched":
            above = self._call(above, "web.run", '{"search_query": [{"q": "herons"}]}', _parts("Results"))
            reference = {"matched_text": _CITED, "alt": "([Herons](https://herons.example/nests))", "items": []}
            about = {"model_slug": "gpt-4o", "content_references": [reference], "citations": []}
            return self._add(above, "assistant", _parts(f"{words}\n\nThey nest in trees. {_CITED}"), metadata=about)
        if kind == "drawn":
            drawn = _parts(_pointer("file_d", dalle={"prompt": "A heron at dawn"}))
            return self._call(above, "dalle.text2im", '{"prompt": "A heron at dawn"}', drawn)
        if kind == "canvas":
            call = json.dumps({"name": "Nests", "type": "document", "content": words})
            above = self._call(above, "canmore.create_textdoc", call, _parts("Successfully created"))
        if kind == "ran":
            output = {"content_type": "execution_output", "text": "42"}
            above = self._call(above, "python", "print(6 * 7)", output)
        return self._add(above, "assistant", _parts(words))

    def _call(self, above: str, tool: str, given: str, result: dict[str, Any]) -> str:
        call = self._add(
            above, "assistant", {"content_type": "code", "language": "unknown", "text": given}, recipient=tool
        )
        return self._add(call, "tool", result)

    def _text(self, words: int) -> str:
        return f"{' '.join(self.draw.choices(_WORDS, k=words))}.\n\n{self.draw.choice([_CODE, _TABLE, _FORMULA, ''])}"


def _parts(*parts: Any) -> dict[str, Any]:
    kind = "text" if all(isinstance(part, str) for part in parts) else "multimodal_text"
    return {"content_type": kind, "parts": list(parts)}


def _pointer(key: str, **metadata: Any) -> dict[str, Any]:
    pointer = f"sediment://{key}"
    return {"content_type": "image_asset_pointer", "asset_pointer": pointer, "width": 1024, "height": 1024,
            "metadata": metadata}  # fmt: skip


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
        state, imported, continued, known, broken, left_out, done, total = stack.rows(
            "SELECT status, imported, continued, known, broken, left_out, progress_done, progress_total "
            "FROM exchange_exchangejob ORDER BY created_at DESC LIMIT 1"
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
        "imported": imported, "continued": continued, "known": known, "broken": broken, "not_taken": left_out,
        "steps_of_progress_seen": len(seen),
    }  # fmt: skip


def page(runs: list[dict[str, Any]]) -> str:
    heads = (
        "chats", "messages", "file, MB", "killed half way", "seconds", "seconds, again", "seconds, newer", "double",
    )  # fmt: skip
    rows = [
        (r["chats"], r["messages"], r["file_mb"], "yes" if r["killed"] else "no", r["first"]["seconds"],
         r["again"]["seconds"], r["newer"]["seconds"] if "newer" in r else "", r["chats_stored"] - r["chats"])
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
            newer = take_in(stack, browser, export(options.chats, newer=True))
        ((more,),) = stack.rows("SELECT count(*) FROM chats_message")
        ((chats,),) = stack.rows("SELECT count(*) FROM exchange_origin")
    result = {
        "chats": options.chats, "messages": messages, "file_mb": round(len(content) / 1e6, 1), "chats_stored": chats,
        "killed": options.kill, "first": first, "again": again, "newer": newer, "messages_more": more - messages,
    }  # fmt: skip
    went_on = -(-options.chats // 10)
    assert (newer["continued"], newer["known"]) == (went_on, options.chats - went_on), result
    # A question and one or two answers each.
    assert 2 * went_on <= more - messages <= 3 * went_on, result
    assert (first["imported"], again["known"], chats) == (options.chats, options.chats, options.chats), result
    print(json.dumps(result, indent=2))
    if options.keep:
        name = f"{options.chats}-chats{'-killed' * options.kill}"
        print(report.write("importing", name, result, page))


if __name__ == "__main__":
    main()
