"""What is known of a document from where it came from: when it was published, at which address, under which labels."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from accounts.encryption.errors import KeyMissing
from documents.models import Document
from documents.sources.models import Label, Publication


@dataclass(frozen=True, slots=True)
class Facts:
    """`url` is empty where it is none that a page may link to."""

    published_on: dt.date | None
    url: str
    host: str
    categories: Sequence[str]
    tags: Sequence[str]


def published_on(document: Document) -> dt.date | None:
    """None: it is no post, or one without a date."""
    publication = _publication(document)
    return publication.published_on if publication else None


def of(document: Document) -> Facts | None:
    """None: there is nothing more to say of it."""
    publication = _publication(document)
    if publication is None:
        return None
    try:
        labels = [(label.kind, label.name) for label in document.labels.order_by("kind", "position")]
        url = publication.url
    except KeyMissing:  # the account is being deleted at this moment
        return None
    host = _host(url)
    found = Facts(
        published_on=publication.published_on,
        url=url if host else "",
        host=host,
        categories=[name for kind, name in labels if kind == Label.Kind.CATEGORY],
        tags=[name for kind, name in labels if kind == Label.Kind.TAG],
    )
    return found if found.published_on or found.url or labels else None


def _host(url: str) -> str:
    """Of an address of the web; "" of anything else."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.hostname or "" if parts.scheme in {"http", "https"} else ""


def _publication(document: Document) -> Publication | None:
    return getattr(document, "publication", None)
