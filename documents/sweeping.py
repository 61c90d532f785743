"""Files that no row names: what a kill left between the two. Nothing else is ever deleted here."""

import re
import uuid
from collections.abc import Sequence
from datetime import timedelta
from itertools import islice

from django.utils import timezone

from accounts.tenancy import acting_as_system
from documents import blobs
from documents.models import DocumentVersion

# A file is stored before its row is committed: a young one may still get its row.
_YOUNG = timedelta(days=1)
_BATCH = 500
# Files deleted in one round; the next round is a day away.
_MOST = 20_000

_CONTENT = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{32}")
_PICTURE = re.compile(r"pages/[0-9a-f]{2}/([0-9a-f]{32})/[^/]+")
_HALF_WRITTEN = re.compile(r"\.incoming/[0-9a-f]{32}")


def sweep() -> int:
    """How many files were deleted."""
    with acting_as_system("find files without a row"):
        return _sweep()


def _sweep() -> int:
    # A database without any document is more likely the wrong one, or new, than the truth about these files.
    if not DocumentVersion.objects.exists():
        return 0
    old = blobs.older_than(timezone.now() - _YOUNG)
    deleted = 0
    while deleted < _MOST and (batch := list(islice(old, _BATCH))):
        for key in _orphans(batch):
            blobs.delete(key)
            deleted += 1
    return deleted


def _orphans(keys: Sequence[str]) -> list[str]:
    """Those of a form that documents.blobs and documents.page_images make, and of no version that is there."""
    pictures = {key: uuid.UUID(found[1]) for key in keys if (found := _PICTURE.fullmatch(key))}
    contents = [key for key in keys if _CONTENT.fullmatch(key)]
    named = set(DocumentVersion.objects.filter(blob__in=contents).values_list("blob", flat=True))
    alive = set(DocumentVersion.objects.filter(pk__in=set(pictures.values())).values_list("pk", flat=True))
    return [
        *(key for key in contents if key not in named),
        *(key for key, version in pictures.items() if version not in alive),
        *(key for key in keys if _HALF_WRITTEN.fullmatch(key)),
    ]
