"""The entries of an uploaded file, one by one: of a JSON file or of those in a ZIP, in little memory.

What is known of a file is only what has been read of it. So every bound is kept while reading: how much a ZIP unpacks
to, how deep one entry is nested, and how large it is.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

from chats.exchange.formats.portable import Unreadable
from documents.errors import DocumentError
from documents.reading.bounds.archives import Archive, Budget
from documents.reading.limits import MEGABYTE

_DEEPEST: Final = 60
# Bytes of memory that an entry may take: all its names and texts, lists, objects and numbers. A few bytes of a file can
# be a hundred here.
_LARGEST: Final = 128 * MEGABYTE
_CONTAINER: Final = 120
_PLACE: Final = 32
_UNPACKED: Final = 2_000 * MEGABYTE
_STEP: Final = 64 * 1024


class BadFile(Exception):
    """The file ends here, as far as it can be read. `text` is a sentence for the person."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Entry:
    """`value`, or why there is none. `size`: about how many bytes of memory it takes."""

    value: Any = None
    title: str = ""
    problem: Unreadable | None = None
    size: int = 0


def entries(file: IO[bytes]) -> Iterator[Entry]:
    """Raises BadFile, after those that came before the damage."""
    file.seek(0)
    if file.read(4).startswith(b"PK"):
        file.seek(0)
        yield from _of_archive(file)
    else:
        file.seek(0)
        yield from _of_json(file)


def _of_archive(file: IO[bytes]) -> Iterator[Entry]:
    budget = Budget(total=_UNPACKED, largest=_UNPACKED)
    try:
        archive = Archive(file, budget)
        lists = [member for member in archive.members() if _is_list(member.path.name)]
        if not lists:
            raise BadFile(
                "There is no conversations.json in this ZIP file, so nothing was imported. Choose the file that you "
                "got from the export, as it came."
            )
        for member in sorted(lists, key=lambda member: str(member.path)):
            with archive.stream(member) as content:
                yield from _of_json(content)
    except DocumentError as error:
        raise BadFile(error.text) from error


def _is_list(name: str) -> bool:
    """ChatGPT's, in one file or numbered ones; or ours."""
    return name.endswith(".json") and name.startswith(("conversations", "chats"))


def _of_json(file: IO[bytes]) -> Iterator[Entry]:
    """A list of entries; an object that holds such a list; or one entry by itself."""
    events = _events(file)
    first, _ = next(events, ("", None))
    if first == "start_array":
        yield from _items(events)
    elif first == "start_map":
        yield from _inside(events)
    else:
        raise BadFile("This file is not JSON, so nothing was imported. Choose the file that you got from the export.")


def _events(file: IO[bytes]) -> Iterator[tuple[str, Any]]:
    import ijson

    index = 0
    source = _Bytes(file)
    try:
        for event, value in ijson.basic_parse(source, use_float=True, buf_size=_STEP):
            source.unheard = 0
            yield event, value
            index += 1
    except _Endless as error:
        raise BadFile(
            "A text in this file is larger than can be taken in. What came before it is imported. Ask for a new "
            "export, or take that text out, and import it again: only what is missing is added."
        ) from error
    except (ijson.JSONError, UnicodeDecodeError, ValueError) as error:
        what = "is not JSON" if not index else "is damaged or cut off"
        raise BadFile(
            f"This file {what} from here on. What came before is imported; ask for a new export and import that, and "
            "only what is missing is added."
        ) from error


class _Endless(Exception):
    """One text of the file, which the parser gathers before it tells of it, does not end."""


class _Bytes:
    """Without the mark that some editors put in front of a file. `unheard`: since the parser told of something."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._is_first = True
        self.unheard = 0

    def read(self, size: int = -1) -> bytes:
        self.unheard += max(size, 0)
        if self.unheard > _LARGEST:
            raise _Endless
        if not self._is_first or size <= 0:
            return self._file.read(size)
        self._is_first = False
        begin = self._file.read(size)
        return (begin.removeprefix(b"\xef\xbb\xbf") or self._file.read(size)) if begin else begin


def _items(events: Iterator[tuple[str, Any]]) -> Iterator[Entry]:
    for event, value in events:
        if event == "end_array":
            return
        yield _built(events, event, value)


def _inside(events: Iterator[tuple[str, Any]]) -> Iterator[Entry]:
    """Ours has its list under `chats`, others have one under `conversations`. Else the object is itself an entry."""
    held: dict[str, Any] = {}
    size, has_list = 0, False
    for event, value in events:
        if event == "end_map":
            break
        key = value
        begin, scalar = next(events, ("", None))
        if key in {"chats", "conversations"} and begin == "start_array":
            has_list = True
            yield from _items(events)
            continue
        built = _built(events, begin, scalar, most=_LARGEST - size)
        if built.problem:
            yield built
            return
        held[key] = built.value
        size += built.size + _PLACE + sys.getsizeof(key)
    if not has_list:
        title = held.get("title")
        yield Entry(held, title if isinstance(title, str) else "")


def _built(events: Iterator[tuple[str, Any]], event: str, value: Any, *, most: int | None = None) -> Entry:
    """One value, from its first event to its last. What is nested too deep or too large is read, and left."""
    most = _LARGEST if most is None else most
    if event not in {"start_map", "start_array"}:
        size = sys.getsizeof(value)
        return Entry(problem=Unreadable("it is too large")) if size > most else Entry(value, size=size)
    root: Any = {} if event == "start_map" else []
    stack, keys = [root], [""]
    depth, size, problem = 1, 0, None
    for event, value in events:
        if event in {"start_map", "start_array"}:
            depth += 1
            size += _CONTAINER
            if depth > _DEEPEST:
                problem = problem or Unreadable("it is nested too deeply")
            if size > most:
                problem = problem or Unreadable("it is too large")
            if not problem:
                made: Any = {} if event == "start_map" else []
                _put(stack[-1], keys[-1], made)
                stack.append(made)
                keys.append("")
        elif event in {"end_map", "end_array"}:
            depth -= 1
            if not depth:
                break
            if not problem:
                stack.pop()
                keys.pop()
        else:
            size += _PLACE + sys.getsizeof(value)
            if size > most:
                problem = problem or Unreadable("it is too large")
            if problem:
                continue
            if event == "map_key":
                keys[-1] = value
            else:
                _put(stack[-1], keys[-1], value)
    title = root.get("title") if isinstance(root, dict) else ""
    title = title if isinstance(title, str) else ""
    return Entry(title=title, problem=problem) if problem else Entry(root, title, size=size)


def _put(into: Any, key: str, value: Any) -> None:
    if isinstance(into, dict):
        into[key] = value
    else:
        into.append(value)
