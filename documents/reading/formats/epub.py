"""E-books (EPUB): the chapters in reading order, each read like a web page."""

import io
import posixpath
from collections.abc import Iterator
from urllib.parse import unquote

from documents.errors import CorruptFile, DocumentError, EncryptedFile
from documents.reading.bounds import markup
from documents.reading.bounds.archives import Archive, Budget, Member
from documents.reading.formats import Event, Source, Tools, html
from documents.reading.formats.sections import Block, events
from documents.reading.limits import Limits

_CONTAINER = "META-INF/container.xml"
_CHAPTERS = {"application/xhtml+xml", "text/html"}


def read(source: Source, _: Tools, limits: Limits) -> Iterator[Event]:
    archive = Archive(io.BytesIO(source.data()), Budget(total=limits.unpacked, largest=limits.unpacked // 6))
    members = {str(member.path): member for member in archive.members()}
    chapters = _chapters(archive, members)
    if not chapters:
        raise CorruptFile(detail="no chapters")
    return events(_blocks(archive, [members[name] for name in chapters]), limits)


def _chapters(archive: Archive, members: dict[str, Member]) -> list[str]:
    if _CONTAINER not in members:
        raise CorruptFile(detail="no container")
    root = markup.parse(archive.read(members[_CONTAINER])).find(".//{*}rootfile")
    package_path = unquote(root.get("full-path") or "") if root is not None else ""
    if package_path not in members:
        raise CorruptFile(detail="no package")
    package = markup.parse(archive.read(members[package_path]))
    folder = posixpath.dirname(package_path)
    files = {
        item.get("id"): posixpath.normpath(posixpath.join(folder, unquote(item.get("href") or "")))
        for item in package.iterfind(".//{*}manifest/{*}item")
        if item.get("media-type") in _CHAPTERS
    }
    order = [files.get(entry.get("idref")) for entry in package.iterfind(".//{*}spine/{*}itemref")]
    return [name for name in order if name in members]


def _blocks(archive: Archive, chapters: list[Member]) -> Iterator[Block]:
    locked = 0
    for member in chapters:
        try:
            text = html.text_of(archive.read(member))
        except EncryptedFile:
            locked += 1
            continue
        try:
            yield from html.blocks(text)
        except DocumentError:
            continue  # a cover or another page without words
    if locked == len(chapters):
        raise EncryptedFile
