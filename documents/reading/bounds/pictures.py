"""Pictures that are small on disk and vast in memory. Looks at the beginning only, and decodes nothing."""

from typing import IO, Final, NamedTuple

import PIL.Image

from documents.errors import CorruptFile, TooLarge

# A scan of an A3 page with 600 dots an inch has 70 million.
MOST_PIXELS: Final = 100_000_000
MOST_FRAMES: Final = 500
FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP")


class Size(NamedTuple):
    width: int
    height: int
    frames: int


def measure(file: IO[bytes]) -> Size:
    """Raises TooLarge, and CorruptFile for what is no picture that can be read."""
    try:
        with PIL.Image.open(file, formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise _too_large(width, height)
            frames = int(getattr(picture, "n_frames", 1))
    except PIL.Image.DecompressionBombError as error:
        raise TooLarge(_VAST, detail=str(error)) from error
    # Whatever a broken header makes of Pillow; what that may be is not documented.
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise CorruptFile(detail=f"{type(error).__name__}: {error}") from error
    if frames > MOST_FRAMES:
        raise TooLarge(f"This picture has {frames:,} frames; {MOST_FRAMES:,} can be taken in.")
    return Size(width, height, frames)


_VAST: Final = "This picture is larger than can be taken in. Make it smaller and upload that."


def _too_large(width: int, height: int) -> TooLarge:
    return TooLarge(
        f"This picture has {width:,} × {height:,} pixels; {MOST_PIXELS // 1_000_000} million can be taken in. "
        "Make it smaller and upload that."
    )
