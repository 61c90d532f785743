"""What administrators see of documents: that they exist, how large they are and how they fare. Never their content."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from documents.models import Collection, Document, DocumentVersion


class ReadOnly:
    """Documents come and go through the library, which also looks after files and the index."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django passes it
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django passes it
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django passes it
        return False


class VersionInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]  # no subscript at run time
    model = DocumentVersion
    fk_name = "document"
    extra = 0
    fields = ("number", "media_type", "size", "page_count", "passage_count", "created_at", "indexed_at")
    readonly_fields = fields

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django passes it
        return request.user.has_perm("documents.view_document")


@admin.register(Document)
class DocumentAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # no subscript at run time
    list_display = ("name", "owner", "status", "error_code", "created_at")
    list_filter = ("status", "error_code", "created_at")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__email")
    date_hierarchy = "created_at"
    fields = (
        "name",
        "owner",
        "collection",
        "status",
        "error_code",
        "error_text",
        "attempts",
        "claimed_by",
        "lease_until",
        "created_at",
        "updated_at",
    )
    readonly_fields = fields
    inlines = (VersionInline,)


@admin.register(Collection)
class CollectionAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # no subscript at run time
    list_display = ("name", "owner", "created_at")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__email")
