"""What administrators see of documents: whose they are, of what kind, how large, and how they fare.

A file's name is content, so it is not among them: a document is known here by its kind and its number.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html

from accounts import audit
from accounts.admin import show_storage
from accounts.admin_pages import LookingOnly
from accounts.capabilities import Capability, may
from accounts.tenancy import acting_as_system
from documents import figures
from documents.models import Document, DocumentVersion
from documents.rows import type_mark
from documents.spaces_admin import EmbeddingSpaceAdmin

__all__ = ["DocumentAdmin", "EmbeddingSpaceAdmin"]

# Nothing else of a document leaves the database for these pages.
_FIELDS = (
    "id",
    "owner",
    "owner__email",
    "owner__name",
    "status",
    "error_code",
    "attempts",
    "created_at",
    "updated_at",
    "claimed_by",
    "lease_until",
)
_VERSION_FIELDS = (
    "id",
    "owner",
    "document",
    "number",
    "media_type",
    "size",
    "page_count",
    "passage_count",
    "language",
    "created_at",
    "indexed_at",
)
_KINDS = {Document.Status.READY: "ok", Document.Status.FAILED: "bad"}

show_storage(figures.bytes_by_owner)


@admin.register(Document)
class DocumentAdmin(LookingOnly):
    # Documents come and go through the library, which also looks after files and the index.
    list_display = ("document", "owned_by", "state", "pages", "size", "added")
    list_filter = ("status", "error_code")
    search_fields = ("owner__email", "owner__name")
    search_help_text = "Owner, or a document's number"
    ordering = ("-created_at",)
    list_per_page = 50
    # A count of everything, beside the one of what was found, would cost a second scan.
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        newest = DocumentVersion.objects.only(*_VERSION_FIELDS).order_by("document", "-number").distinct("document")
        rows = Document.objects.only(*_FIELDS).select_related("owner")
        return rows.prefetch_related(Prefetch("versions", queryset=newest, to_attr="newest"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Document], search_term: str
    ) -> tuple[QuerySet[Document], bool]:
        try:
            return queryset.filter(pk=UUID(search_term.strip())), False
        except ValueError:
            return super().get_search_results(request, queryset, search_term)

    # --- Everybody's rows, for these two pages only, and only for who may see them ---

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        about = "Whose documents there are, and how they fare. Names and content belong to their owners."
        context = {"title": "Documents", "list_about": about, **(extra_context or {})}
        return self._with_all_rows(request, "", lambda: super(DocumentAdmin, self).changelist_view(request, context))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 - Django's shape
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        return self._with_all_rows(request, object_id, lambda: self._about(request, object_id))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:  # noqa: ARG002
        """What happened to a document stands in the audit log."""
        raise PermissionDenied

    def _with_all_rows(self, request: HttpRequest, object_id: str, answer: Callable[[], HttpResponse]) -> HttpResponse:
        if not may(request.user, Capability.SEE_DOCUMENT_METADATA):
            raise PermissionDenied
        audit.record(audit.Action.METADATA_READ, request=request, resource=("document", object_id))
        with acting_as_system("show documents' metadata"):
            response = answer()
            # Here, and not later: what the template asks for is asked with the same rights.
            return response.render() if isinstance(response, TemplateResponse) else response

    def _about(self, request: HttpRequest, object_id: str) -> HttpResponse:
        document = self.get_object(request, object_id)
        if document is None:
            return redirect("admin:documents_document_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": f"{self._mark(document)} {_number(document)}",
            "document": document,
            "state": document.get_status_display(),
            "kind": _KINDS.get(Document.Status(document.status), "busy"),
            "facts": _facts(document),
            "versions": document.versions.only(*_VERSION_FIELDS).order_by("-number"),
        }
        return TemplateResponse(request, "admin/documents/document/about.html", context)

    # --- The list ---

    @admin.display(description="Document")
    def document(self, document: Document) -> str:
        mark = self._mark(document)
        return format_html(
            '<span class="type-mark {}">{}</span> <code>{}</code>', mark.lower(), mark, _number(document)
        )

    @admin.display(description="Owner", ordering="owner__email")
    def owned_by(self, document: Document) -> str:
        return document.owner.email

    @admin.display(description="State", ordering="status")
    def state(self, document: Document) -> str:
        kind = _KINDS.get(Document.Status(document.status), "busy")
        code = document.error_code.replace("_", " ")
        words = f"{document.get_status_display()}: {code}" if code else document.get_status_display()
        return format_html('<span class="badge {}">{}</span>', kind, words)

    @admin.display(description="Pages")
    def pages(self, document: Document) -> str:
        return str(self._newest(document).page_count or "") if self._newest(document) else ""

    @admin.display(description="Size")
    def size(self, document: Document) -> str:
        return str(filesizeformat(self._newest(document).size)) if self._newest(document) else ""

    @admin.display(description="Added", ordering="created_at")
    def added(self, document: Document) -> str:
        return _moment(document.created_at)

    def _newest(self, document: Document) -> Any:
        newest = getattr(document, "newest", [])
        return newest[0] if newest else None

    def _mark(self, document: Document) -> str:
        newest = self._newest(document)
        return type_mark(newest.media_type) if newest else "?"


def _facts(document: Document) -> list[tuple[str, str]]:
    lease = f"{document.claimed_by}, until {_moment(document.lease_until)}" if document.lease_until else ""
    facts = [
        ("Number", str(document.pk)),
        ("Owner", document.owner.email),
        ("Added", _moment(document.created_at)),
        ("Changed", _moment(document.updated_at)),
        ("Attempts", str(document.attempts)),
        ("Reason", document.error_code.replace("_", " ")),
        ("Being read by", lease),
    ]
    return [(name, value) for name, value in facts if value]


def _number(document: Document) -> str:
    """Enough of the identifier to tell it from its neighbours."""
    return str(document.pk)[:8]


def _moment(moment: Any) -> str:
    return f"{timezone.localtime(moment):%-d %b %Y, %H:%M}"
