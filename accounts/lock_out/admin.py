from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import audit
from accounts.lock_out.models import Failures
from accounts.second_factor import RequiresConfirmation


@admin.register(Failures)
class FailuresAdmin(RequiresConfirmation, admin.ModelAdmin):  # type: ignore[type-arg]  # no subscript at run time
    """What is closed now, and the administrator's way to open it sooner."""

    list_display = ("kind", "account", "address", "locked_until")
    list_display_links = None
    list_filter = ("kind",)
    list_select_related = ("user",)
    search_fields = ("user__email", "address")
    ordering = ("-locked_until",)
    actions = ["open"]  # noqa: RUF012 - Django's own shape

    def get_queryset(self, request: HttpRequest) -> QuerySet[Failures]:
        return super().get_queryset(request).filter(pk__in=Failures.objects.locked())

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Named as in the menu."""
        return super().changelist_view(request, {"title": "Lock-outs", **(extra_context or {})})

    @admin.display(ordering="user__email")
    def account(self, row: Failures) -> str:
        return str(row.user or ("an address without an account" if row.kind == "account" else "–"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, _obj: Failures | None = None) -> bool:
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, object]:  # type: ignore[override]  # Django's triples
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    @admin.action(description="Open: sign-in is possible again at once", permissions=["delete"])
    def open(self, request: HttpRequest, queryset: QuerySet[Failures]) -> None:
        rows = list(queryset)
        for row in rows:
            self.delete_model(request, row)
        count = len(rows)
        self.message_user(request, f"{count} {'way' if count == 1 else 'ways'} in opened.", messages.SUCCESS)

    def delete_model(self, request: HttpRequest, obj: Failures) -> None:
        """Also what Django's own page for one row calls."""
        audit.record(audit.Action.UNLOCKED, request=request, resource=("closed_way", obj.key), kind=obj.kind)
        super().delete_model(request, obj)
