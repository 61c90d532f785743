"""What the formats of Office have in common: archives within bounds, and files that are wrapped in a password."""

import io
from pathlib import PurePosixPath

from documents.errors import EncryptedFile, WrongType
from documents.reading.bounds.archives import Archive, Budget
from documents.reading.formats import Source
from documents.reading.limits import Limits

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_READ = {".xml", ".rels", ".vml"}


def opened(source: Source, limits: Limits, *, holds: str, label: str) -> bytes:
    """The archive, once it is known to be within bounds and whole, and without its password.

    Raises WrongType where nothing begins with `holds`, EncryptedFile, CorruptFile and TooLarge.
    """
    data = unlocked(source.data())
    archive = Archive(io.BytesIO(data), Budget(total=limits.unpacked // 2))
    # Pictures and the like are not read.
    members = [member for member in archive.members() if PurePosixPath(member.path).suffix.lower() in _READ]
    if not any(str(member.path).startswith(holds) for member in members):
        raise WrongType(f"This file is named like {label}, but does not hold one.")
    for member in members:
        with archive.stream(member) as content:
            while content.read(1 << 20):
                pass
    return data


def unlocked(data: bytes) -> bytes:
    """Without the password that an Office file is wrapped in."""
    if not data.startswith(_OLE):
        return data
    raise EncryptedFile
