"""A small Ollama for the tests: real HTTP and NDJSON, deterministic text, every failure on demand.

    def test_something(ollama):                     # fixture: a server in a thread; settings point at it
        ollama.script("llama3.2:3b", tokens=50, drop_at=10, times=1)
        ...
        assert ollama.chats[0].num_ctx == 16_384

    python -m tests.ollama_server --port 11435 --tokens-per-second 30 --tokens 400

It is cheap on purpose (one timer and one send for each token), because benches run it beside the product.
Over HTTP: POST /control/script {"model": …, …}, POST /control/release, POST /control/reset, GET /control/requests.
"""

import argparse
import asyncio
import base64
import binascii
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from typing import Any

import pytest

from tests.ollama_text import embedding, expected_pieces, expected_text, passage_numbers, pieces, short_text
from tests.waiting import until

__all__ = ["FAILURES", "Behaviour", "OllamaServer", "Recorded", "expected_text", "ollama"]

FAILURES: dict[str, tuple[int, str]] = {
    "missing": (404, "model 'm' not found"),
    "busy": (503, "server busy, please try again.  maximum pending requests exceeded"),
    "load": (500, "llama-server process has terminated: signal: killed"),
    "memory": (500, "llama-server reported out-of-memory during startup: cudaMalloc failed"),
    "runner": (500, "model runner has unexpectedly stopped, this may be due to resource limitations"),
    "long": (400, "the prompt is longer than the context length currently available (4096)"),
    "nested_long": (
        400,
        (
            '{"error":{"code":400,"message":"request (9000 tokens) exceeds the available context size (4096 tokens), '
            'try increasing it","type":"exceed_context_size_error"}}'
        ),
    ),
    "nested": (500, '{"error":{"code":500,"message":"image input is not supported","type":"server_error"}}'),
}
MID_STREAM = "an error was encountered while running the model: unexpected EOF"


@dataclass(frozen=True)
class Behaviour:
    """How a model answers. Token numbers count from 0: `drop_at=10` means that ten tokens arrive."""

    tokens: int = 120
    tokens_per_second: float = 0.0  # 0: as fast as possible
    first_token_delay: float = 0.0
    text: str | None = None  # instead of the deterministic answer
    thinking: str = "Let me think about that first. "
    fail: str = ""  # a key of FAILURES: refused before the stream
    silent: bool = False  # accepts the request and never says anything
    error_at: int | None = None  # {"error": …} under 200, then the end
    error: str | dict[str, Any] = MID_STREAM
    cut_at: int | None = None  # a tidy end of the body without done
    drop_at: int | None = None  # the TCP connection is reset
    stall_at: int | None = None  # nothing more until `release()`
    blank_lines: bool = False
    done_reason: str = "stop"
    prefill: bool = True  # continues a trailing assistant message


@dataclass(frozen=True)
class FakeModel:
    capabilities: tuple[str, ...] = ("completion", "tools")
    context_length: int = 131_072
    embedding_length: int = 3_072
    size: int = 2_019_393_189
    family: str = "llama"
    parameters: str = "3.2B"


MODELS = {
    "llama3.2:3b": FakeModel(),
    "qwen3:4b": FakeModel(("completion", "tools", "thinking"), 262_144, 2_560, 2_497_293_931, "qwen3", "4.0B"),
    "tiny:1b": FakeModel(("completion",), 8_192, 2_048, 815_319_791, "gemma3", "999.89M"),
    "qwen2.5vl:7b": FakeModel(("completion", "vision"), 128_000, 3_584, 5_969_245_856, "qwen25vl", "8.3B"),
    "nomic-embed-text:latest": FakeModel(("embedding",), 2_048, 768, 274_302_450, "nomic-bert", "137M"),
    "gpt-oss:120b-cloud": FakeModel(("completion", "tools", "thinking"), 131_072, 2_880, 384, "gptoss", "116.8B"),
}


@dataclass
class Recorded:
    """A request as it arrived, and what became of it. Times are `time.monotonic()`."""

    path: str
    body: dict[str, Any]
    started: float
    first_token: float | None = None
    ended: float | None = None
    sent: int = 0  # tokens
    outcome: str = "open"  # then: done, refused, failed, cut, dropped, closed (by the client)

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self.body.get("messages", ()))

    @property
    def images(self) -> list[list[bytes]]:
        """Of each message that has some, the pictures as a model would see them."""
        return [[base64.b64decode(i) for i in m["images"]] for m in self.messages if m.get("images")]

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.body.get("options") or {})

    @property
    def num_ctx(self) -> int | None:
        return self.options.get("num_ctx")


def go_json(value: object) -> str:
    """JSON as Go writes it: U+2028, U+2029, <, > and & escaped; everything else, U+0085 too, as it is."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[\u2028\u2029<>&]", lambda found: f"\\u{ord(found[0]):04x}", text)


@lru_cache(maxsize=65_536)
def _encoded(piece: str) -> bytes:
    return go_json(piece).encode()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + ".123456789Z"


class _Answer:
    """One streamed answer: a timer for each token, one write each."""

    def __init__(self, connection: "_Connection", record: Recorded, how: Behaviour, prompt_tokens: int) -> None:
        self.connection, self.record, self.how = connection, record, how
        self.loop = asyncio.get_running_loop()
        self.chat = record.path == "/api/chat"
        self.prompt_tokens = prompt_tokens
        self.thoughts: list[str] = []
        self.texts: list[str] = []
        self.reason = how.done_reason
        self.timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self.released = False
        model = go_json(record.model).encode()
        self.prefix = b'{"model":%b,"created_at":"%b",' % (model, _now().encode())
        self.began = self.loop.time()

    def start(self) -> None:
        if not self.how.silent:
            self.timer = self.loop.call_later(self.how.first_token_delay, self._first)

    def stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()

    def _first(self) -> None:
        self.record.first_token = time.monotonic()
        self.began = self.loop.time()
        self.connection.begin_stream()
        self._tick()

    def _line(self, number: int) -> bytes:
        thinking = number < len(self.thoughts)
        piece = self.thoughts[number] if thinking else self.texts[number - len(self.thoughts)]
        word = _encoded(piece)
        if not self.chat:
            shape = b'"response":"","thinking":%b' if thinking else b'"response":%b'
            return self.prefix + shape % word + b',"done":false}\n'
        shape = b'"content":"","thinking":%b}' if thinking else b'"content":%b}'
        return self.prefix + b'"message":{"role":"assistant",' + shape % word + b',"done":false}\n'

    def _tick(self) -> None:
        how, record = self.how, self.record
        total = len(self.thoughts) + len(self.texts)
        rate = how.tokens_per_second
        due = int((self.loop.time() - self.began) * rate + 1.000001) if rate else record.sent + 64
        out = []
        while record.sent < min(due, total):
            if self._breaks(record.sent, out):
                return
            out.append(self._line(record.sent))
            if how.blank_lines:
                out.append(b"\n")
            record.sent += 1
        if record.sent >= total:
            if not self._breaks(record.sent, out):
                out.append(self._last())
                self.connection.end_stream(out, "done")
            return
        self.connection.write_chunks(out)
        if rate:
            self.timer = self.loop.call_at(self.began + record.sent / rate, self._tick)
        else:
            self.timer = self.loop.call_soon(self._tick)

    def _breaks(self, number: int, out: list[bytes]) -> bool:
        how = self.how
        if how.stall_at == number and not self.released:
            self.connection.write_chunks(out)
            self.connection.server.stalled.append(self)
        elif how.error_at == number:
            out.append(go_json({"error": how.error}).encode() + b"\n")
            self.connection.end_stream(out, "failed")
        elif how.cut_at == number:
            self.connection.end_stream(out, "cut")
        elif how.drop_at == number:
            self.connection.write_chunks(out)
            # A moment, so that what was written leaves before the reset throws it away.
            self.timer = self.loop.call_later(0.02, self.connection.drop)
        else:
            return False
        return True

    def resume(self) -> None:
        if self.connection.answer is not self:  # the client has gone meanwhile
            return
        self.released = True
        self.began = self.loop.time() - (
            self.record.sent / self.how.tokens_per_second if self.how.tokens_per_second else 0
        )
        self._tick()

    def _last(self) -> bytes:
        took = int((self.loop.time() - self.began) * 1e9)
        body = b'"message":{"role":"assistant","content":""},' if self.chat else b'"response":"",'
        return (
            self.prefix
            + body
            + (
                b'"done":true,"done_reason":"%b","total_duration":%d,"load_duration":1234567,"prompt_eval_count":%d,'
                b'"prompt_eval_duration":23456789,"eval_count":%d,"eval_duration":%d}\n'
                % (self.reason.encode(), took + 25_000_000, self.prompt_tokens, self.record.sent, took)
            )
        )

    def whole(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": "".join(self.texts)}
        if self.thoughts:
            message["thinking"] = "".join(self.thoughts)
        self.record.sent = len(self.texts) + len(self.thoughts)
        said = {"message": message} if self.chat else {"response": message["content"]}
        return {"model": self.record.model, "created_at": _now(), **json.loads(self._last()), **said}


class _Connection(asyncio.Protocol):
    """One client connection: parses requests, one at a time, and writes answers."""

    def __init__(self, server: "OllamaServer") -> None:
        self.server = server
        self.buffer = b""
        self.record: Recorded | None = None
        self.answer: _Answer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.connections.discard(self)
        if self.answer is not None:
            self.answer.stop()
        self._over("closed")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while self.record is None:
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            if not found:
                return
            lengths = re.search(rb"(?i)content-length: *(\d+)", head)
            length = int(lengths[1]) if lengths else 0
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            method, path, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
            self._handle(method, path.partition("?")[0], rest[:length])

    def _handle(self, method: str, path: str, raw: bytes) -> None:
        server = self.server
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            return self.reply(400, {"error": "invalid character 'x' looking for beginning of value"})
        if path.startswith("/control/"):
            return self.reply(200, server.control(path.removeprefix("/control/"), body))
        self.record = Recorded(path, body, time.monotonic())
        server.requests.append(self.record)
        if path == "/":
            return self.reply(200, "Ollama is running")
        answer = _ROUTES.get((method, path))
        if answer is None:
            return self.reply(404, "404 page not found")
        if path not in {"/api/chat", "/api/generate"}:
            return self.reply(*answer(server, body))
        return self._answer(body)

    def _answer(self, body: dict[str, Any]) -> None:
        assert self.record is not None
        refused, how = self.server.admit(body)
        everything = "\n".join(str(m.get("content", "")) for m in self.record.messages) or str(body.get("prompt"))
        prompt_tokens = max(1, len(everything) // 4)
        if not refused and body.get("truncate", True) is False and prompt_tokens > (self.record.num_ctx or 4096):
            refused = FAILURES["nested_long"]
        if refused:
            return self.reply(refused[0], {"error": refused[1]})
        if not body.get("messages") and not body.get("prompt"):
            empty = {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "load"}
            return self.reply(200, {"model": self.record.model, "created_at": _now(), **empty})
        self.answer = _Answer(self, self.record, how, prompt_tokens)
        self.server.compose(self.answer, body, everything)
        if body.get("stream", True):
            return self.answer.start()
        return self.reply(200, self.answer.whole())

    def begin_stream(self) -> None:
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        )

    def write_chunks(self, lines: list[bytes]) -> None:
        if lines and not self.transport.is_closing():
            self.transport.write(b"".join([b"%x\r\n%b\r\n" % (len(line), line) for line in lines]))

    def end_stream(self, lines: list[bytes], outcome: str) -> None:
        self.write_chunks(lines)
        if not self.transport.is_closing():
            self.transport.write(b"0\r\n\r\n")
        self._over(outcome)
        if self.buffer:
            self.data_received(b"")

    def drop(self) -> None:
        self._over("dropped")
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.transport.abort()

    def reply(self, status: int, body: object) -> None:
        kind = b"text/plain" if isinstance(body, str) else b"application/json; charset=utf-8"
        data = body.encode() if isinstance(body, str) else go_json(body).encode()
        head = b"HTTP/1.1 %d X\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (status, kind, len(data))
        self.transport.write(head + data)
        self._over("done" if status < 400 else "refused")

    def _over(self, outcome: str) -> None:
        if self.record is not None:
            self.record.outcome = outcome
            self.record.ended = time.monotonic()
        self.record = self.answer = None


class OllamaServer:
    """The server in a thread of its own. `stop()` and `start()` keep the port, as a restart would."""

    def __init__(self, *, port: int = 0, default: Behaviour | None = None) -> None:
        self.port = port
        self.default = default or Behaviour()
        self.connections: set[_Connection] = set()
        self.models = dict(MODELS)
        self.lists_details = True  # False: a server before 0.33, whose list has neither capabilities nor context
        self.reset()

    def reset(self) -> None:
        """Forget requests and scripts; the models stay."""
        self.requests: list[Recorded] = []
        self.loads: list[tuple[str, int | None]] = []  # every (model, num_ctx) that had to be loaded
        self.stalled: list[_Answer] = []
        self._scripts: dict[str, list[tuple[Behaviour, list[int]]]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def chats(self) -> list[Recorded]:
        return [r for r in self.requests if r.path in {"/api/chat", "/api/generate"}]

    def start(self) -> "OllamaServer":
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        if not ready.wait(10):
            raise RuntimeError("The model server of the tests did not start.")
        return self

    def stop(self) -> None:
        """Cut every connection and refuse new ones, as a killed server would."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        server = await self._loop.create_server(
            lambda: _Connection(self), "127.0.0.1", self.port, reuse_address=True, backlog=1024
        )
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stopped.wait()
        server.close()
        for connection in list(self.connections):
            connection.transport.abort()
        await asyncio.sleep(0)

    def script(self, model: str = "*", *, times: int | None = None, **how: Any) -> None:
        """Say how `model` ("*": every model) answers from now on, or only the next `times` requests."""
        behaviour = replace(self.default, **how)
        queue = self._scripts.setdefault(_tagged(model), [])
        if times is None:
            queue.clear()
        queue.insert(0, (behaviour, [times if times is not None else 1 << 60]))

    def release(self) -> None:
        """Let every stalled answer go on."""

        def resume() -> None:
            stalled, self.stalled = self.stalled, []
            for answer in stalled:
                answer.resume()

        self._loop.call_soon_threadsafe(resume)

    def wait_for(self, condition: Callable[[], object], seconds: float = 10.0) -> None:
        until(condition, seconds, told=lambda: "The model server never came to the expected state.", every=0.005)

    def behaviour(self, model: str) -> Behaviour:
        for name in (model, "*:latest"):
            for behaviour, left in self._scripts.get(name, ()):
                if left[0] > 0:
                    left[0] -= 1
                    return behaviour
        return self.default

    def admit(self, body: dict[str, Any]) -> tuple[tuple[int, str] | None, Behaviour]:
        """What Ollama checks before it answers: the model, its capabilities, the options' types."""
        name = str(body.get("model") or "")
        model = self.models.get(_tagged(name))
        if not name:
            return (400, "model is required"), self.default
        if model is None:
            return (404, f"model '{name}' not found"), self.default
        how = self.behaviour(_tagged(name))
        num_ctx = (body.get("options") or {}).get("num_ctx")
        if how.fail:
            return FAILURES[how.fail], how
        if "completion" not in model.capabilities:
            return (400, f'"{name}" does not support chat'), how
        if body.get("think") and "thinking" not in model.capabilities:
            return (400, f'"{name}" does not support thinking'), how
        images = [image for m in body.get("messages", ()) for image in m.get("images") or ()]
        if images and (problem := _problem_with(images)):
            return (400, problem), how
        if images and "vision" not in model.capabilities:
            # Ollama does not look; what it hands the picture to does.
            return FAILURES["nested"], how
        if num_ctx is not None and not isinstance(num_ctx, int):
            return (500, 'option "num_ctx" must be of type integer'), how
        if (_tagged(name), num_ctx) != next((load for load in reversed(self.loads) if load[0] == _tagged(name)), None):
            self.loads.append((_tagged(name), num_ctx))
        return None, how

    def compose(self, answer: _Answer, body: dict[str, Any], everything: str) -> None:
        """Fill in the tokens of an answer, from the request alone."""
        how = answer.how
        messages = answer.record.messages or [{"role": "user", "content": body.get("prompt")}]
        question = next((str(m["content"]) for m in reversed(messages) if m["role"] == "user"), "")
        limit = answer.record.options.get("num_predict")
        limit = limit if isinstance(limit, int) and limit > 0 else None
        if how.text is not None:
            texts = pieces(how.text)
        elif limit is not None and limit <= 64:
            texts = pieces(short_text(question))
        else:
            texts = expected_pieces(question, how.tokens, passage_numbers(everything))
        if messages[-1]["role"] == "assistant" and how.prefill:
            texts = list(_after(texts, str(messages[-1]["content"])))
        if limit is not None and len(texts) > limit:
            texts, answer.reason = texts[:limit], "length"
        answer.texts = texts
        # Like Ollama: a model that can think does so unless it is told not to.
        if "thinking" in self.models[_tagged(answer.record.model)].capabilities and body.get("think", True):
            answer.thoughts = pieces(how.thinking)

    def control(self, verb: str, body: dict[str, Any]) -> object:
        if verb == "script":
            self.script(body.pop("model", "*"), **body)
        elif verb == "release":
            self.release()
        elif verb == "reset":
            self.reset()
        elif verb == "requests":
            return [asdict(record) for record in self.requests]
        else:
            return {"error": "unknown"}
        return {}


def _after(texts: list[str], written: str) -> Iterator[str]:
    """The pieces that are still to come when `written` exists already (a client may have trimmed its end)."""
    skip = len(written)
    for piece in texts:
        if skip < len(piece):
            yield piece[skip:]
        skip = max(0, skip - len(piece))


def _problem_with(images: list[Any]) -> str:
    """Go takes standard base64 and nothing around it; what reads the picture takes JPEG and PNG."""
    for image in images:
        try:
            content = base64.b64decode(image, validate=True)
        except (binascii.Error, TypeError, ValueError):
            return "illegal base64 data at input byte 4"
        if not content.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
            return "Failed to load image or audio file"
    return ""


def _tagged(name: str) -> str:
    return name if ":" in name else f"{name}:latest"


def _details(model: FakeModel) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": model.family,
        "families": [model.family],
        "parameter_size": model.parameters,
        "quantization_level": "Q4_K_M",
    }


def _tags(server: OllamaServer, body: dict[str, Any]) -> tuple[int, object]:
    rows = [
        {
            "name": name,
            "model": name,
            "modified_at": "2026-08-21T10:00:00.123456789+02:00",
            "size": model.size,
            "digest": f"{number:064x}",
            "details": {
                **_details(model),
                "context_length": model.context_length,
                "embedding_length": model.embedding_length,
            },
            "capabilities": list(model.capabilities),
        }
        for number, (name, model) in enumerate(server.models.items())
    ]
    if not server.lists_details:
        for row in rows:
            del row["capabilities"]
            row["details"] = _details(server.models[str(row["name"])])
    return 200, {"models": rows}


def _ps(server: OllamaServer, body: dict[str, Any]) -> tuple[int, object]:
    rows = [
        {
            "name": name,
            "model": name,
            "size": server.models[name].size,
            "size_vram": 0,
            "digest": "0" * 64,
            "details": _details(server.models[name]),
            "expires_at": "2318-01-01T00:00:00Z",
            "context_length": num_ctx or 4096,
        }
        for name, num_ctx in dict(server.loads).items()
    ]
    return 200, {"models": rows}


def _show(server: OllamaServer, body: dict[str, Any]) -> tuple[int, object]:
    name = str(body.get("model") or body.get("name") or "")
    model = server.models.get(_tagged(name))
    if model is None:
        return 404, {"error": f"model '{name}' not found"}
    info = {
        "general.architecture": model.family,
        f"{model.family}.context_length": model.context_length,
        f"{model.family}.embedding_length": model.embedding_length,
    }
    shown = {"license": "…", "parameters": 'stop "<|eot_id|>"', "template": "{{ .Prompt }}", "tensors": []}
    return 200, {
        **shown,
        "details": _details(model),
        "model_info": info,
        "capabilities": list(model.capabilities),
        "modified_at": "2026-08-21T10:00:00Z",
    }


def _embed(server: OllamaServer, body: dict[str, Any]) -> tuple[int, object]:
    name = str(body.get("model") or "")
    model = server.models.get(_tagged(name))
    if model is None:
        return 404, {"error": f'model "{name}" not found, try pulling it first'}
    how = server.behaviour(_tagged(name))
    if how.fail:
        return FAILURES[how.fail][0], {"error": FAILURES[how.fail][1]}
    given = body.get("input", "")
    texts = [given] if isinstance(given, str) else given
    vectors = [embedding(text, model.embedding_length) for text in texts if text or len(texts) > 1]
    counted = sum(max(1, len(text) // 4) for text in texts)
    return 200, {"model": name, "embeddings": vectors, "total_duration": 14_143_917, "prompt_eval_count": counted}


def _embeddings(server: OllamaServer, body: dict[str, Any]) -> tuple[int, object]:
    status, answer = _embed(server, {**body, "input": [body.get("prompt", ""), ""]})
    assert isinstance(answer, dict)
    return (status, {"embedding": answer["embeddings"][0]}) if status == 200 else (status, answer)


def _nothing(server: OllamaServer, body: dict[str, Any]) -> tuple[int, object]:
    raise AssertionError("streamed routes are answered by the connection")


_ROUTES: dict[tuple[str, str], Callable[[OllamaServer, dict[str, Any]], tuple[int, object]]] = {
    ("GET", "/api/version"): lambda server, body: (200, {"version": "0.33.0"}),
    ("GET", "/api/tags"): _tags,
    ("GET", "/api/ps"): _ps,
    ("POST", "/api/show"): _show,
    ("POST", "/api/embed"): _embed,
    ("POST", "/api/embeddings"): _embeddings,
    ("POST", "/api/chat"): _nothing,
    ("POST", "/api/generate"): _nothing,
}


@pytest.fixture
def ollama(settings: Any) -> Iterator[OllamaServer]:
    """A model server of this test's own, and settings that point at it."""
    server = OllamaServer().start()
    settings.OLLAMA_BASE_URL = server.url
    settings.LLM_PROVIDER = "auto"
    yield server
    server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    for option in fields(Behaviour):
        if option.name in {"tokens", "tokens_per_second", "first_token_delay"}:
            kind = int if option.name == "tokens" else float
            parser.add_argument(f"--{option.name.replace('_', '-')}", type=kind, default=option.default)
    chosen = vars(parser.parse_args())
    server = OllamaServer(port=chosen.pop("port"), default=Behaviour(**chosen)).start()
    print(json.dumps({"port": server.port, "url": server.url}), flush=True)  # noqa: T201 - what a bench waits for
    threading.Event().wait()


if __name__ == "__main__":
    main()
