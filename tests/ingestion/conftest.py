import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from documents import blobs
from documents.models import Document, DocumentVersion
from documents.reading import formats, reader
from documents.reading.formats import Event
from documents.reading.limits import Limits
from documents.reading.pages import ReadPage
from documents.sniffing import HEAD_SIZE, PICTURES, Kind, sniff
from tests.conftest import PASSWORD

if TYPE_CHECKING:
    from accounts.models import User

Read = Callable[..., tuple[list[ReadPage], list[str]]]
Upload = Callable[[bytes, str], Document]


# What may need a program outside, which only a child's keeper runs.
NEEDING_TOOLS = PICTURES | {Kind.PDF}


def _texts(events: Iterable[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, ReadPage)]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read bytes in a child process: the pages, and the remarks about them. Confinement changes nothing of the text."""

    def read_(content: bytes, name: str, limits: Limits | None = None) -> tuple[list[ReadPage], list[str]]:
        path = tmp_path / "file"
        path.write_bytes(content)
        kind = sniff(content[:HEAD_SIZE], len(content), name)
        events: list[Event] = list(reader.read(path, kind, options={"languages": "eng"}, limits=limits))
        pages = [event for event in events if isinstance(event, ReadPage)]
        assert events[0] == {"type": "begin", "pages": len(pages)}
        if limits is None and kind not in NEEDING_TOOLS:
            assert _texts(formats.read(kind, formats.Source(str(path)), formats.Tools(), Limits())) == _texts(events)
        return pages, [event["text"] for event in events if not isinstance(event, ReadPage) and "text" in event]

    return read_


@pytest.fixture
def someone(transactional_db: None) -> "User":
    """Ingestion renews its lease from a thread, which sees only what is committed."""
    from accounts.models import User

    return User.objects.create_user("reader@example.org", PASSWORD, role="user")


@pytest.fixture
def upload(someone: "User") -> Upload:
    def upload_(content: bytes, name: str) -> Document:
        document = Document.objects.create(owner=someone, name=name)
        blob = blobs.store(io.BytesIO(content), owner_id=someone.pk)
        DocumentVersion.objects.create(
            document=document,
            number=1,
            blob=blob.key,
            fingerprint=blob.fingerprint,
            size=blob.size,
            media_type=sniff(content[:HEAD_SIZE], len(content), name),
        )
        return document

    return upload_
