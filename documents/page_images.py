"""Pictures of PDF pages: made when somebody looks, in a short-lived process, and kept."""

import logging
import subprocess
import threading
from uuid import UUID

from documents import blobs, short_lived
from documents.models import DocumentVersion

logger = logging.getLogger(__name__)

_RENDERER = ("-m", "documents.render_page")
_SECONDS = 30
# Part of the key: a change of scale or renderer is a new picture. Old ones go with the document.
_EDITION = 1

# Each renderer may take a core and much memory, and a visitor's browser asks for several pages at once.
_slots = threading.BoundedSemaphore(2)


class NoPicture(Exception):
    """The page cannot be shown as a picture: the text has to do."""


def page_image(version: DocumentVersion, number: int) -> bytes:
    """A PNG. Only the page asked for is ever rendered, however long the document. Raises NoPicture."""
    key = f"{_folder(version.pk)}/{number}-{_EDITION}.png"
    try:
        with blobs.open_blob(key, owner_id=version.owner_id) as file:
            return file.read()
    except FileNotFoundError:
        picture = _render(version, number)
        blobs.put(key, picture, owner_id=version.owner_id)
        return picture


def forget(version_id: UUID) -> None:
    blobs.delete_folder(_folder(version_id))


def _folder(version_id: UUID) -> str:
    return f"pages/{version_id.hex[:2]}/{version_id.hex}"


def _render(version: DocumentVersion, number: int) -> bytes:
    if not _slots.acquire(timeout=_SECONDS):
        raise NoPicture("Too many pages are being drawn.")
    try:
        with blobs.sealed(version.blob, owner_id=version.owner_id) as file, short_lived.in_memory("picture") as picture:
            # Of the keys it gets that of this one file, through a pipe: arguments can be seen by other processes.
            code = short_lived.run(
                [*_RENDERER, str(file.descriptor), str(number)],
                picture,
                seconds=_SECONDS,
                pass_fds=[file.descriptor],
                input=file.key + version.password.encode(),
            )
            picture.seek(0)
            drawn = picture.read()
    except (subprocess.TimeoutExpired, FileNotFoundError) as error:
        logger.warning("Page %s of version %s was not drawn: %s", number, version.pk, type(error).__name__)
        raise NoPicture from error
    finally:
        _slots.release()
    if code or not drawn:
        logger.warning("Page %s of version %s was not drawn: exit code %s", number, version.pk, code)
        raise NoPicture
    return drawn
