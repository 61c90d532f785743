"""Having a picture drawn anew by a short-lived process (chats.images.redraw), and looking at what it says."""

import json
import logging
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, Protocol

from django.conf import settings

from chats.images.errors import PictureRefused
from documents import short_lived

logger = logging.getLogger(__name__)

_PROGRAM = ("-m", "chats.images.redraw")
_SECONDS = 30
_STEP = 256 * 1024
# Each may take a core and much memory, and a browser sends several pictures at once.
_slots = threading.BoundedSemaphore(2)

_BEGINNINGS = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}
_SIZES = ("full", "small", "sight")
_LARGEST_SIDE = 4096

READABLE = "JPEG, PNG, WebP, GIF and BMP pictures can be added."
_KEPT = "Your question and the other pictures are kept."
# Beginnings of files that people take for pictures of a kind that can be shown, and what they are.
_OTHERS = (
    (4, (b"ftyphei", b"ftyphev", b"ftypmif1", b"ftypmsf1"), "This is a HEIC picture, as iPhones take them."),
    (4, (b"ftypavif",), "This is an AVIF picture."),
    (0, (b"II*\0", b"MM\0*"), "This is a TIFF picture."),
    (0, (b"%PDF-",), "This is a PDF: add it under Documents, and ask about it there."),
    (0, (b"<svg", b"<?xml"), "This is a drawing (SVG) and not a picture."),
)


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True)
class Drawn:
    """`parts` are the bytes of each size: full, small and, where the full one is large, sight."""

    media_type: str
    width: int
    height: int
    parts: Mapping[str, bytes]

    @property
    def size(self) -> int:
        return sum(map(len, self.parts.values()))


def draw(file: Readable) -> Drawn:
    """Raises PictureRefused, with words for the person."""
    begin = file.read(64)
    if not begin:
        raise PictureRefused(f"This file is empty, so it was not added. {_KEPT}")
    for offset, beginnings, words in _OTHERS:
        if begin[offset:].lstrip(b"\xef\xbb\xbf \r\n").startswith(beginnings):
            raise PictureRefused(f"{words} It was not added. {READABLE} {_KEPT}")
    with short_lived.in_memory("picture") as given, short_lived.in_memory("picture") as made:
        given.write(begin)
        while part := file.read(_STEP):
            given.write(part)
        given.seek(0)
        _run(given, made)
        made.seek(0)
        return _heard(made)


def _run(given: IO[bytes], made: IO[bytes]) -> None:
    if not _slots.acquire(timeout=_SECONDS):
        raise PictureRefused(f"Too many pictures are being looked at. This one was not added: try again. {_KEPT}")
    try:
        most_pixels = str(settings.IMAGE_MAX_MEGAPIXELS * 1_000_000)
        code = short_lived.run([*_PROGRAM, most_pixels], made, seconds=_SECONDS, stdin=given)
    except subprocess.TimeoutExpired as error:
        raise PictureRefused(
            f"Looking at this picture took too long, so it was not added. Save it smaller and add that. {_KEPT}"
        ) from error
    finally:
        _slots.release()
    if code:
        logger.warning("A picture was not drawn: exit code %s", code)
        raise _damaged()


def _heard(made: IO[bytes]) -> Drawn:
    """The program has seen a stranger's file: what it says is believed as far as it can be checked."""
    try:
        head: dict[str, Any] = json.loads(made.readline(4096))
        if "refused" in head:
            raise _refusal(head["refused"])
        kind, width, height = head["type"], int(head["width"]), int(head["height"])
        parts = {name: made.read(int(head["parts"][name])) for name in _SIZES if name in head["parts"]}
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged() from error
    begins = _BEGINNINGS.get(kind, b"\0")
    is_right = parts.keys() >= {"full", "small"} and 0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE
    if not is_right or not parts["full"].startswith(begins) or not parts["small"].startswith(_BEGINNINGS["image/jpeg"]):
        raise _damaged()
    if "sight" in parts and not parts["sight"].startswith(tuple(_BEGINNINGS.values())):
        raise _damaged()
    return Drawn(kind, width, height, parts)


def _refusal(why: object) -> PictureRefused:
    if why == "pixels":
        most = settings.IMAGE_MAX_MEGAPIXELS
        return PictureRefused(
            f"This picture unpacks to more than {most} million pixels, so it was not added. Save it smaller and add "
            f"that. {_KEPT}"
        )
    if why == "unknown":
        return PictureRefused(f"This file is no picture that can be shown, so it was not added. {READABLE} {_KEPT}")
    return _damaged()


def _damaged() -> PictureRefused:
    return PictureRefused(
        f"This picture is damaged and could not be read, so it was not added. Open it in its own program, save it anew "
        f"and add that. {_KEPT}"
    )
