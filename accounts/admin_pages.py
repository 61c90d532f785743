"""What pages of the administration have in common."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class LookingOnly(admin.ModelAdmin):  # type: ignore[type-arg]  # no subscript at run time
    """Rows come and go elsewhere: here nobody adds, changes or deletes any, whatever their role."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False
