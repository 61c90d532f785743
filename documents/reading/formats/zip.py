"""ZIP archives: every file in one becomes a document of its own; what is read of the archive is a list of them."""

import io
from collections.abc import Iterator

from documents.errors import CorruptFile, EncryptedFile, NoText
from documents.reading.bounds.archives import Archive, Budget, Member
from documents.reading.formats import Event, Part, Source, Tools
from documents.reading.limits import Limits
from documents.reading.pages import ReadPage

# What systems put beside people's files.
_LITTER = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"}


def read(source: Source, _: Tools, limits: Limits) -> Iterator[Event]:
    budget = Budget(total=limits.unpacked, members=limits.parts)
    archive = Archive(io.BytesIO(source.data()), budget)
    yield {"type": "begin", "pages": 1}
    names: list[str] = []
    troubles: list[str] = []
    yield from _parts(archive, names, troubles)
    if not names:
        raise NoText(" ".join(troubles[:3]) or "There are no files in this archive.")
    yield ReadPage(number=1, text=("Files in this archive:\n\n" + "\n".join(names))[: limits.page_characters])
    for trouble in troubles[: limits.remarks]:
        yield {"type": "remark", "text": trouble}


def _parts(archive: Archive, names: list[str], troubles: list[str], prefix: str = "") -> Iterator[Part]:
    for member in archive.members():
        if _LITTER & set(member.path.parts) or member.path.name.startswith("._"):
            continue
        name = f"{prefix}{member.path}"
        content = _content(archive, member, name, troubles)
        if content is None:
            continue
        if member.path.suffix.lower() == ".zip":
            try:
                inner = archive.inner(content)
            except CorruptFile as error:
                troubles.append(f"“{name}” was not taken in. {error.text}")
                continue
            yield from _parts(inner, names, troubles, f"{name}/")
        else:
            names.append(name)
            yield Part(name, content)


def _content(archive: Archive, member: Member, name: str, troubles: list[str]) -> bytes | None:
    try:
        return archive.read(member)
    except EncryptedFile:
        troubles.append(
            f"“{name}” is protected by a password and was left out. Unpack the archive and upload it alone."
        )
    except CorruptFile:
        troubles.append(f"“{name}” is damaged and was left out. Pack it again and upload it alone.")
    return None
