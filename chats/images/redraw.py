"""A program of its own: a picture from standard input, drawn anew in the sizes that are kept, to standard output.

Run by chats.images.drawing, never imported there: whatever a hostile file does to the decoder, it does to a process
that lives for a moment, has no network, no files, little memory and time, and holds nothing.

    python -m chats.images.redraw MOST_PIXELS

What comes out is one line of JSON and then the bytes of each size. Only pixels are taken over: no place, no camera, no
time, no comment, no colour profile, no second picture hidden behind the first.
"""

import io
import json
import os
import sys
from typing import Any

import PIL.Image
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    ImageCms,
    ImageOps,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from documents.reading import confine
from documents.reading.kernel import namespaces
from documents.reading.limits import MEGABYTE

# Loaded before the doors close.
_PLUGINS = (BmpImagePlugin, GifImagePlugin, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, WebPImagePlugin)
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
# Beyond their pixels JPEG files lose by being packed again; these do not.
_EXACT = {"PNG", "GIF", "BMP"}

_MEMORY = 1024 * MEGABYTE
_CPU = 20  # seconds
_LARGEST = 64 * MEGABYTE

# Pixels of the longer side.
_FULL, _SIGHT, _SMALL = 2560, 1280, 480
# An exact one that is larger than this is kept as JPEG after all.
_MOST_EXACT = 4 * MEGABYTE


class _Refused(Exception):
    """By a word that the parent knows."""


def main(most_pixels: int) -> int:
    content = sys.stdin.buffer.read()
    PIL.Image.preinit()
    srgb = ImageCms.createProfile("sRGB")
    confine.die_with_parent()
    namespaces.leave(processes=False)
    confine.drop_privileges()
    nothing = os.open(os.devnull, os.O_RDONLY)
    confine.keep_descriptors((sys.stdout.fileno(), sys.stderr.fileno(), nothing))
    confine.limit(memory=_MEMORY, cpu=_CPU, output=_LARGEST)
    confine.close_for_reading(nothing)
    try:
        head, parts = _drawn(content, most_pixels, srgb)
    except _Refused as refused:
        head, parts = {"refused": str(refused)}, []
    except MemoryError:
        head, parts = {"refused": "pixels"}, []
    except Exception:  # noqa: BLE001 - whatever a decoder says of a stranger's file
        head, parts = {"refused": "damaged"}, []
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n")
    for part in parts:
        sys.stdout.buffer.write(part)
    return 0


def _drawn(content: bytes, most_pixels: int, srgb: Any) -> tuple[dict[str, Any], list[bytes]]:
    PIL.Image.MAX_IMAGE_PIXELS = None  # asked below, in our own words
    try:
        picture = PIL.Image.open(io.BytesIO(content), formats=_FORMATS)
    except PIL.UnidentifiedImageError as error:
        raise _Refused("unknown") from error
    # The head says how large it is; nothing is unpacked before this.
    width, height = picture.size
    if width * height > most_pixels:
        raise _Refused("pixels")
    if not width or not height:
        raise _Refused("damaged")
    is_exact = picture.format in _EXACT
    # A JPEG of a large camera is unpacked at a fraction of its size.
    picture.draft(None, (_FULL, _FULL))
    picture.load()
    full = _fitted(_upright(picture, srgb), _FULL)
    content, kind = _packed(full, is_exact=is_exact)
    head: dict[str, Any] = {"type": kind, "width": full.width, "height": full.height}
    small = _flat(_fitted(full, _SMALL))
    parts = {"full": content, "small": _jpeg(small, 82)}
    if max(full.size) > _SIGHT:
        parts["sight"], _ = _packed(_fitted(full, _SIGHT), is_exact=is_exact)
    head["parts"] = {name: len(part) for name, part in parts.items()}
    return head, list(parts.values())


def _upright(picture: Any, srgb: Any) -> Any:
    """As its camera was held, in the colours that every screen expects."""
    profile = picture.info.get("icc_profile")
    turned = ImageOps.exif_transpose(picture)
    has_alpha = turned.mode in {"RGBA", "LA", "PA"} or "transparency" in turned.info
    if profile and turned.mode in {"RGB", "RGBA", "CMYK", "L"}:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            wanted = "RGBA" if turned.mode == "RGBA" else "RGB"
            turned = ImageCms.profileToProfile(turned, source, srgb, outputMode=wanted) or turned
        except (ImageCms.PyCMSError, ValueError, TypeError, OSError):
            pass  # a profile that does not fit: the numbers as they are
    plain = turned.convert("RGBA" if has_alpha else "RGB")
    # A new picture: what the file said of itself stays behind with the old one.
    clean = PIL.Image.new(plain.mode, plain.size)
    clean.paste(plain)
    return clean


def _fitted(picture: Any, side: int) -> Any:
    if max(picture.size) <= side:
        return picture
    fitted = picture.copy()
    fitted.thumbnail((side, side), PIL.Image.Resampling.LANCZOS, reducing_gap=3)
    return fitted


def _packed(picture: Any, *, is_exact: bool) -> tuple[bytes, str]:
    if is_exact or picture.mode == "RGBA":
        out = io.BytesIO()
        picture.save(out, "PNG", compress_level=6)
        if out.tell() <= _MOST_EXACT:
            return out.getvalue(), "image/png"
    return _jpeg(_flat(picture), 90), "image/jpeg"


def _flat(picture: Any) -> Any:
    """Without holes, on white."""
    if picture.mode != "RGBA":
        return picture
    ground = PIL.Image.new("RGB", picture.size, "white")
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def _jpeg(picture: Any, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
