"""A PDF's own table of contents, by page."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import pypdfium2

_MOST = 5_000


class Entry(NamedTuple):
    level: int
    title: str


def read(document: Any) -> Mapping[int, Sequence[Entry]]:
    """Entries by number of page, in order. Empty where there is no outline, or only a token one."""
    found: dict[int, list[Entry]] = defaultdict(list)
    try:
        for bookmark in islice(document.get_toc(max_depth=8), _MOST):
            title = " ".join(bookmark.get_title().split())
            destination = bookmark.get_dest()
            page = destination.get_index() if destination is not None else None
            if title and page is not None and page >= 0:
                found[page + 1].append(Entry(bookmark.level + 1, title[:300]))
    except (pypdfium2.PdfiumError, UnicodeDecodeError):
        return {}
    return found if sum(map(len, found.values())) > 1 else {}
