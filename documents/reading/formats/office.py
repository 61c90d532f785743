"""What the formats of Office have in common: archives within bounds, and files that are wrapped in a password."""

import io
from pathlib import PurePosixPath

import msoffcrypto

from documents.errors import EncryptedFile, WrongPassword, WrongType
from documents.reading.bounds.archives import Archive, Budget
from documents.reading.formats import Source, Tools
from documents.reading.limits import Limits

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_READ = {".xml", ".rels", ".vml"}


def opened(source: Source, tools: Tools, limits: Limits, *, holds: str, label: str) -> bytes:
    """The archive, once it is known to be within bounds and whole, and without its password.

    Raises WrongType where nothing begins with `holds`, EncryptedFile, CorruptFile and TooLarge.
    """
    data = unlocked(source.data(), tools)
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


def unlocked(data: bytes, tools: Tools) -> bytes:
    """Without the password that an Office file of any age is under. Raises EncryptedFile."""
    if not data.startswith(_OLE):
        return data
    # What the library makes of a wrong password, and of files that are none, is not documented.
    try:
        file = msoffcrypto.OfficeFile(io.BytesIO(data))
        if not file.is_encrypted():
            return data
        opened = io.BytesIO()
        if tools.password:
            file.load_key(password=tools.password)
            file.decrypt(opened)
    except Exception as error:
        raise locked(tools) from error
    if not tools.password:
        raise locked(tools)
    return opened.getvalue()


def locked(tools: Tools) -> EncryptedFile:
    """What to say, whether or not a password was given."""
    return WrongPassword() if tools.password else EncryptedFile()
