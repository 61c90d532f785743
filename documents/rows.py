"""How a document shows in the library: the words and numbers of its row."""

from dataclasses import dataclass
from typing import Any, Self

from django.db.models import Prefetch, QuerySet

from accounts.labels import by_name
from documents.errors import BY_CODE, EncryptedFile
from documents.models import Document, DocumentTag, DocumentVersion, Tag
from documents.pages import place_word
from documents.sniffing import Kind


def for_rows(documents: "QuerySet[Document]") -> "QuerySet[Document]":
    """With what `Row.of` needs. Two more queries for all of them, whatever their number."""
    newest = DocumentVersion.objects.order_by("document", "-number").distinct("document")
    tagged = DocumentTag.objects.select_related("tag")
    return documents.prefetch_related(
        Prefetch("versions", queryset=newest, to_attr="newest"), Prefetch("tagged", queryset=tagged, to_attr="taggings")
    )


@dataclass(frozen=True)
class Row:
    document: Document
    version: DocumentVersion | None
    tags: tuple[Tag, ...] = ()

    @classmethod
    def of(cls, document: Document) -> Self:
        """`document` comes from a query `for_rows`."""
        read: Any = document
        newest: list[DocumentVersion] = read.newest
        tags = by_name(tagging.tag for tagging in read.taggings)
        return cls(document=document, version=newest[0] if newest else None, tags=tuple(tags))

    @property
    def mark(self) -> str:
        """The type in a few capitals."""
        return type_mark(self.version.media_type) if self.version else "?"

    @property
    def is_busy(self) -> bool:
        return self.document.status == Document.QUEUED or self.document.status in Document.WORKING

    @property
    def is_failed(self) -> bool:
        return self.document.status == Document.Status.FAILED

    @property
    def is_searched(self) -> bool:
        """Whether there is a version to be found in, even while a newer one is read or after it failed."""
        return self.document.current_version_id is not None

    @property
    def is_new_version(self) -> bool:
        """Whether what is read, or could not be, was to take the place of a version that is searched meanwhile."""
        return self.is_searched and (self.is_busy or self.is_failed)

    @property
    def words(self) -> str:
        """The status as a person would say it."""
        document = self.document
        done, total = document.progress_done, document.progress_total
        match document.status:
            case Document.Status.PARSING if total > 1:
                return f"Reading {self.unit} {min(done + 1, total)} of {total}"
            case Document.Status.EMBEDDING if total:
                return f"Indexing, {100 * done // total} %"
            case Document.Status.FAILED:
                return document.error_text or "This file could not be read."
            case _:
                return str(document.get_status_display())

    @property
    def unit(self) -> str:
        """What its parts are called."""
        return place_word(self.version.media_type if self.version else None, self.document.name).lower()

    @property
    def may_retry(self) -> bool:
        """Whether reading the same bytes again can end differently."""
        error = BY_CODE.get(self.document.error_code)
        return error is None or error.retryable

    @property
    def asks_for_password(self) -> bool:
        return self.is_failed and self.document.error_code == EncryptedFile.code

    @property
    def remark(self) -> str:
        """What a person should know of a document that is ready, for instance which pages could not be read."""
        return self.document.error_text if self.document.status == Document.Status.READY else ""

    @property
    def has_measure(self) -> bool:
        """Whether progress is known well enough for a bar of a certain length."""
        return self.document.status in Document.WORKING and self.document.progress_total > 1


def type_mark(media_type: str) -> str:
    return next((kind.name for kind in Kind if kind == media_type), "?")
