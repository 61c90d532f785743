"""Legal holds in the administration, and who agreed to which notice."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from accounts import audit
from accounts.capabilities import Capability, may
from accounts.models import User
from accounts.rights.models import LegalHold
from accounts.second_factor import RequiresConfirmation


class HoldForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    person = forms.EmailField(help_text="the address the person signs in with")

    class Meta:
        model = LegalHold
        fields = ("reason",)

    def clean_person(self) -> str:
        email = str(self.cleaned_data["person"]).lower()
        user = User.objects.filter(email=email).first()
        if user is None:
            raise forms.ValidationError("Nobody here has this address.")
        if LegalHold.objects.filter(user=user).exists():
            raise forms.ValidationError("This person's data is held already.")
        self.instance.user = user
        return email


@admin.register(LegalHold)
class LegalHoldAdmin(RequiresConfirmation, admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    list_display = ("user", "reason", "created_at")
    form = HoldForm
    search_fields = ("user__email", "reason")

    def get_fields(self, request: HttpRequest, obj: LegalHold | None = None) -> tuple[str, ...]:
        return ("user", "reason", "created_at") if obj else ("person", "reason")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request.user, Capability.MANAGE_USERS)

    def has_view_permission(self, request: HttpRequest, obj: LegalHold | None = None) -> bool:  # noqa: ARG002
        return may(request.user, Capability.MANAGE_USERS)

    has_add_permission = has_module_permission
    has_delete_permission = has_view_permission

    def has_change_permission(self, request: HttpRequest, obj: LegalHold | None = None) -> bool:  # noqa: ARG002
        return False

    def save_model(self, request: HttpRequest, obj: LegalHold, form: Any, change: bool) -> None:
        obj.set_by = request.user.pk
        super().save_model(request, obj, form, change)
        audit.record(audit.Action.LEGAL_HOLD_SET, user=request.user.pk, resource=("user", obj.user_id))

    def delete_model(self, request: HttpRequest, obj: LegalHold) -> None:
        audit.record(audit.Action.LEGAL_HOLD_LIFTED, user=request.user.pk, resource=("user", obj.user_id))
        super().delete_model(request, obj)
