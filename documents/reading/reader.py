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
from pathlib import Path
from typing import Any

from documents.errors import BY_CODE, CorruptFile, ParserCrashed, ParserMemory, ParserTimeout, TooLarge
from documents.reading.confine import PROJECT
from documents.reading.formats import Begin, Event, Part, Remark, weight_of
from documents.reading.frames import STOP, Frame, FrameReader, Silence
from documents.reading.limits import Limits
from documents.reading.pages import BadReport, from_payload
from documents.sniffing import Kind

__all__ = ["Begin", "Event", "Limits", "Part", "Remark", "read"]

# What a nursery is.
PROGRAM: tuple[str, ...] = ("-m", "documents.reading.nursery")
# Seconds for a nursery to load everything and for the child's first sign of life.
_BIRTH = 90.0
# Seconds for a child to be gone: after it was told to stop, and after it closed its pipe without a last word.
_DEATH = 15.0
_SILENT_DEATH = 2.0
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
                [sys.executable, *PROGRAM, str(theirs.fileno()), weight],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=PROJECT,
                env={name: os.environ[name] for name in _KEPT if name in os.environ} | _PLAIN,
                start_new_session=True,  # Ctrl-C is for the worker, which then ends the nursery.
            )

    def send(self, job: bytes, source: int, pipe: int) -> None:
        """Raises OSError if the nursery is gone."""
        socket.send_fds(self._channel, [job], [source, pipe])

    def stop(self) -> dict[str, Any]:
        """End the child, if it still lives. How it ended; {} if nobody knows. Raises OSError if the nursery is gone."""
        self._channel.send(STOP)
        return self.ending(within=_DEATH)

    def ending(self, *, within: float) -> dict[str, Any]:
        """Of a child that says nothing more. Raises TimeoutError, and OSError if the nursery is gone."""
        self._channel.settimeout(within)
        message = self._channel.recv(4096)
        if not message:
            raise ConnectionResetError
        ending: dict[str, Any] = json.loads(message)
        return ending

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
        self._born = False
        self._begun = False
        self._remarks = 0
        self._characters = 0
        self._parts = 0
        self._unpacked = 0
        self._piece = bytearray()
        self._due = 1
        self._ended = False

    def events(self, path: Path, options: dict[str, Any]) -> Generator[Event, None, None]:
        receiver, sender = os.pipe()
        try:
            try:
                nursery = self._send(path, options, sender)
            finally:
                os.close(sender)
            try:
                yield from self._listen(FrameReader(receiver), nursery)
            finally:
                self._stop(nursery)
        except Silence as error:
            raise ParserTimeout(detail=f"{self._kind.name} page {self._due}") from error
        except BadReport as error:
            raise ParserCrashed(detail=f"bad report: {error}") from error
        finally:
            os.close(receiver)

    def _send(self, path: Path, options: dict[str, Any], sender: int) -> _Nursery:
        job = {"kind": self._kind.value, "options": options, "limits": dataclasses.asdict(self._limits)}
        message = json.dumps(job).encode()
        source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            try:
                nursery = _nursery(self._weight)
                nursery.send(message, source, sender)
            except OSError:
                # It ended (idle, or killed) between our look and our message.
                _end_nursery(self._weight)
                nursery = _nursery(self._weight)
                nursery.send(message, source, sender)
        finally:
            os.close(source)
        return nursery

    def _listen(self, frames: FrameReader, nursery: _Nursery) -> Generator[Event, None, None]:
        last = time.monotonic() + self._limits.wall
        patience = _BIRTH
        while True:
            # Counted from here, not from the last message: the time we take ourselves is not the child's.
            frame = frames.read(before=min(last, time.monotonic() + patience))
            patience = self._limits.silence
            if frame is None:
                raise self._verdict(nursery)
            match frame.payload.get("type"):
                case "born" if not self._born:
                    self._born = True
                case "error":
                    raise BY_CODE.get(str(frame.payload.get("code")), CorruptFile)(
                        str(frame.payload.get("text"))[:500], detail=_line(frame.payload.get("detail"))
                    )
                case "crash":
                    raise ParserCrashed(detail=_line(frame.payload.get("detail")))
                case "end":
                    return
                case "part":
                    if (part := self._part(frame)) is not None:
                        yield part
                case _:
                    yield self._event(frame)

    def _event(self, frame: Frame) -> Event:
        match frame.payload:
            case {"type": "begin", "pages": int(pages)} if not self._begun:
                self._begun = True
                return {"type": "begin", "pages": min(max(pages, 0), self._limits.pages)}
            case {"type": "remark", "text": str(text)} if self._remarks < self._limits.remarks:
                self._remarks += 1
                return {"type": "remark", "text": text[:500]}
            case {"type": "page"}:
                page = from_payload(frame.payload, frame.blob, number=self._due, limits=self._limits)
                self._due += 1
                self._characters += len(page.text)
                if self._due - 1 > self._limits.pages or self._characters > self._limits.characters:
                    raise TooLarge(
                        "This file holds more text than can be taken in at once. Split it into smaller files."
                    )
                return page
        raise BadReport(str(frame.payload.get("type"))[:40])

    def _part(self, frame: Frame) -> Part | None:
        """Counted here too: who sends them may be in a stranger's hands. None while there is more to come."""
        self._piece += frame.blob
        self._unpacked += len(frame.blob)
        name, more = frame.payload.get("name"), frame.payload.get("more")
        if not isinstance(name, str) or not isinstance(more, bool):
            raise BadReport("part")
        if more:
            if self._unpacked > self._limits.unpacked:
                raise BadReport("parts")
            return None
        self._parts += 1
        if self._parts > self._limits.parts or self._unpacked > self._limits.unpacked:
            raise BadReport("parts")
        content, self._piece = bytes(self._piece), bytearray()
        return Part(name[:1000], content)

    def _verdict(self, nursery: _Nursery) -> ParserCrashed | ParserMemory | ParserTimeout:
        """Why a child ended without a word."""
        try:
            try:
                ending = nursery.ending(within=_SILENT_DEATH)
            except TimeoutError:
                ending = nursery.stop()
        except OSError:
            self._give_up()
            return ParserCrashed(detail="the nursery died")
        self._ended = True
        code, grown_kb = int(ending.get("code", 1)), int(ending.get("grown_kb", 0))
        detail = f"{self._kind.name} page {self._due}, exit code {code}, grown by {grown_kb} kB"
        if code == -signal.SIGXCPU or ending.get("cpu", 0) >= self._limits.cpu:
            return ParserTimeout(detail=detail)
        # A library that gets no memory ends itself, by one of these; so does one that finds an error of its own.
        if code in {-signal.SIGTRAP, -signal.SIGILL, -signal.SIGABRT} or grown_kb * 1024 > self._limits.memory * 0.6:
            return ParserMemory(detail=detail)
        return ParserCrashed(detail=detail)

    def _stop(self, nursery: _Nursery) -> None:
        """Nothing of this child is left when this returns, and its nursery is free for the next."""
        if self._ended:
            return
        try:
            nursery.stop()
        except OSError:
            self._give_up()
        self._ended = True

    def _give_up(self) -> None:
        """A nursery that does not answer goes, and takes its child with it."""
        self._ended = True
        _end_nursery(self._weight)


def _line(said: object) -> str:
    """What a child says, for a log: it cannot make lines that look like others."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(said)[:2000]).split())
