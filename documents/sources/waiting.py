"""Following the reading of documents to its end."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from uuid import UUID

from documents.models import Document

_LOOK_EVERY = 1.0
_AT_ONCE = 1_000
# Seconds without any change after which it is likely that no worker runs.
STILL = 60.0


@dataclass(frozen=True)
class Reading:
    """`left` wait or are being read; `failed` are names with a sentence for people. Deleted ones are not counted."""

    ready: int
    left: int
    failed: list[tuple[str, str]]
    is_still: bool = False


def follow(documents: Collection[UUID], *, at_most: float | None, report: Callable[[Reading], None]) -> Reading:
    """Until nothing of it is left, or `at_most` seconds have passed. Callers act as the owner."""
    began = changed = time.monotonic()
    before: tuple[int, ...] = ()
    while True:
        reading, state = _look(list(documents))
        now = time.monotonic()
        if state != before:
            before, changed = state, now
        reading = Reading(reading.ready, reading.left, reading.failed, is_still=now - changed > STILL)
        report(reading)
        if not reading.left or (at_most is not None and now - began >= at_most):
            return reading
        time.sleep(_LOOK_EVERY)


def _look(documents: list[UUID]) -> tuple[Reading, tuple[int, ...]]:
    """Also numbers that change when anything goes on."""
    ready = left = pages = 0
    failed: list[tuple[str, str]] = []
    for start in range(0, len(documents), _AT_ONCE):
        rows = Document.objects.filter(pk__in=documents[start : start + _AT_ONCE])
        for document in rows.only("id", "owner", "status", "progress_done", "name", "error_text"):
            pages += document.progress_done
            if document.status == Document.Status.READY:
                ready += 1
            elif document.status == Document.Status.FAILED:
                failed.append((document.name, document.error_text))
            else:
                left += 1
    return Reading(ready, left, failed), (ready, left, len(failed), pages)
