"""What is known of a document from where it came from: when it was published, at which address, under which labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from accounts.encryption.errors import KeyMissing
from documents.models import Document
from documents.sources.models import Label, Source


@dataclass(frozen=True, slots=True)
class Facts:
    """`url` is empty where it is none that a page may link to."""

    published_at: datetime | None
    url: str
    host: str
    categories: Sequence[str]
    tags: Sequence[str]


def dated(document: Document) -> datetime:
    """When a post was published, or else when the document was added."""
    source = _source(document)
    return (source and source.published_at) or document.created_at


def of(document: Document) -> Facts | None:
    """None: it was uploaded, or taken from a folder."""
    source = _source(document)
    if source is None:
        return None
    try:
        labels = [(label.kind, label.name) for label in document.labels.order_by("kind", "position")]
        address = urlsplit(source.url)
    except (KeyMissing, ValueError):  # the account is being deleted at this moment; or no address after all
        return None
    is_link = address.scheme in {"http", "https"} and bool(address.hostname)
    found = Facts(
        published_at=source.published_at,
        url=source.url if is_link else "",
        host=address.hostname or "" if is_link else "",
        categories=[name for kind, name in labels if kind == Label.Kind.CATEGORY],
        tags=[name for kind, name in labels if kind == Label.Kind.TAG],
    )
    return found if found.published_at or found.url or labels else None


def _source(document: Document) -> Source | None:
    return getattr(document, "source", None)
