"""The worker's side of reading: hand a file to a child, take its pages as they come, and never wait for ever."""

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from documents.errors import BY_CODE, CorruptFile, ParserCrashed, ParserMemory, ParserTimeout, TooLarge
from documents.reading.formats import Begin, Event, Remark, weight_of
from documents.reading.frames import FrameReader, Silence
from documents.reading.limits import Limits
from documents.reading.pages import BadReport, from_payload
from documents.sniffing import Kind

__all__ = ["Begin", "Event", "Limits", "Remark", "read"]

# Seconds for a nursery to load everything and for the child's first sign of life.
_BIRTH = 90.0
_PROJECT = Path(__file__).resolve().parents[2]
# What the child's environment is cut down to: no secrets, no address of a server.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TESSDATA_PREFIX", "VIRTUAL_ENV")


def read(
    path: Path, kind: Kind, *, options: Mapping[str, Any] | None = None, limits: Limits | None = None
) -> Generator[Event, None, None]:
    """The events of documents.reading.formats, in order. Raises a DocumentError.

    Closing the generator ends the child at once.
    """
    limits = limits or Limits()
    with _lock:
        yield from _Reading(kind, limits).events(path, dict(options or {}))


class _Nursery:
    """A process that children are forked from, and the way to it."""

    def __init__(self, weight: str) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.owner = os.getpid()
        self._channel = ours
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "documents.reading.nursery", str(theirs.fileno()), weight],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=_PROJECT,
                env={name: os.environ[name] for name in _KEPT if name in os.environ} | _PLAIN,
                start_new_session=True,  # Ctrl-C is for the worker, which then ends the nursery.
            )

    def send(self, job: bytes, source: int, pipe: int) -> None:
        """Raises OSError if the nursery is gone."""
        socket.send_fds(self._channel, [job], [source, pipe])

    def is_usable(self) -> bool:
        return self.owner == os.getpid() and self.process.poll() is None

    def end(self) -> None:
        self._channel.close()
        if self.owner == os.getpid():
            self.process.kill()
            self.process.wait()


# No threads that a fork would lose.
_PLAIN = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_THREAD_LIMIT": "1",
    "PYTHONUTF8": "1",
}
_nurseries: dict[str, _Nursery] = {}
# A nursery raises one child at a time, and so does a worker.
_lock = threading.Lock()


def _nursery(weight: str) -> _Nursery:
    nursery = _nurseries.get(weight)
    if nursery is None or not nursery.is_usable():
        if nursery is not None:
            nursery.end()
        nursery = _nurseries[weight] = _Nursery(weight)
    return nursery


def _end_nursery(weight: str) -> None:
    if (nursery := _nurseries.pop(weight, None)) is not None:
        nursery.end()


class _Reading:
    """One file, one child."""

    def __init__(self, kind: Kind, limits: Limits) -> None:
        self._kind = kind
        self._weight = weight_of(kind)
        self._limits = limits
        self._child = 0
        self._base_kb = 0
        self._ended = False
        self._characters = 0
        self._due = 1

    def events(self, path: Path, options: dict[str, Any]) -> Generator[Event, None, None]:
        receiver, sender = os.pipe()
        try:
            try:
                self._send(path, options, sender)
            finally:
                os.close(sender)
            yield from self._listen(FrameReader(receiver, largest=self._limits.frame))
        except Silence as error:
            raise ParserTimeout(detail=f"{self._kind.name} page {self._due}") from error
        except BadReport as error:
            raise ParserCrashed(detail=f"bad report: {error}") from error
        finally:
            os.close(receiver)
            if not self._ended:
                self._kill()

    def _send(self, path: Path, options: dict[str, Any], sender: int) -> None:
        job = {"kind": self._kind.value, "options": options, "limits": dataclasses.asdict(self._limits)}
        message = json.dumps(job).encode()
        source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            try:
                _nursery(self._weight).send(message, source, sender)
            except OSError:
                # It ended (idle, or killed) between our look and our message.
                _end_nursery(self._weight)
                _nursery(self._weight).send(message, source, sender)
        finally:
            os.close(source)

    def _listen(self, frames: FrameReader) -> Generator[Event, None, None]:
        last = time.monotonic() + self._limits.wall
        patience = _BIRTH
        finished = False
        while True:
            # Counted from here, not from the last message: the time we take ourselves is not the child's.
            payload = frames.read(before=min(last, time.monotonic() + patience))
            patience = self._limits.silence
            if payload is None:
                raise ParserCrashed(detail="the nursery died")
            match payload.get("type"):
                case "born" if not self._child:
                    self._child, self._base_kb = int(payload["pid"]), int(payload["base_kb"])
                case "error":
                    raise BY_CODE.get(payload.get("code", ""), CorruptFile)(
                        str(payload.get("text"))[:500], detail=str(payload.get("detail"))[:2000]
                    )
                case "end":
                    finished = True
                case "exit":
                    self._ended = True
                    if not finished:
                        raise self._verdict(payload)
                    return
                case _:
                    yield self._event(payload)

    def _event(self, payload: dict[str, Any]) -> Event:
        match payload:
            case {"type": "begin", "pages": int(pages)}:
                return {"type": "begin", "pages": min(max(pages, 0), self._limits.pages)}
            case {"type": "remark", "text": str(text)}:
                return {"type": "remark", "text": text[:500]}
            case {"type": "page"}:
                page = from_payload(payload, number=self._due, limits=self._limits)
                self._due += 1
                self._characters += len(page.text)
                if self._due - 1 > self._limits.pages or self._characters > self._limits.characters:
                    raise TooLarge(
                        "This file holds more text than can be taken in at once. Split it into smaller files."
                    )
                return page
        raise BadReport(str(payload.get("type"))[:40])

    def _verdict(self, payload: dict[str, Any]) -> ParserCrashed | ParserMemory | ParserTimeout:
        """Why a child ended without a word."""
        code = int(payload.get("code", 1))
        grown_kb = int(payload.get("peak_kb", 0)) - self._base_kb
        detail = f"{self._kind.name} page {self._due}, exit code {code}, grown by {grown_kb} kB"
        if code == -signal.SIGXCPU:
            return ParserTimeout(detail=detail)
        # A library that gets no memory ends itself, by one of these; so does one that finds an error of its own.
        if code in {-signal.SIGTRAP, -signal.SIGILL, -signal.SIGABRT} or grown_kb * 1024 > self._limits.memory * 0.6:
            return ParserMemory(detail=detail)
        return ParserCrashed(detail=detail)

    def _kill(self) -> None:
        """The child with its own children; without a child to name, the nursery, which takes its child with it."""
        if self._child:
            with suppress(ProcessLookupError):
                os.killpg(self._child, signal.SIGKILL)
        else:
            _end_nursery(self._weight)
