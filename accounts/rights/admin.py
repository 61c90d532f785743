"""In the administration: legal holds, who agreed to which notice, and what became of people's requests."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime

from accounts import audit
from accounts.capabilities import Capability, may, may_manage
from accounts.models import User
from accounts.rights.models import Consent, DataRequest, LegalHold
from accounts.second_factor import RequiresConfirmation
from accounts.tenancy import acting_as, acting_as_system


def may_hold(by: User | AnonymousUser, person: User) -> bool:
    """Set a hold on this person's data, or lift it. Nobody decides about themselves."""
    return by.pk != person.pk and may_manage(by, person.role)


class HoldForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    person = forms.EmailField(help_text="the address the person signs in with")
    # Who fills it in.
    by: User

    class Meta:
        model = LegalHold
        fields = ("reason",)

    def clean_person(self) -> str:
        email = str(self.cleaned_data["person"]).lower()
        user = User.objects.filter(email=email).first()
        if user is None:
            raise forms.ValidationError("Nobody here has this address.")
        if not may_hold(self.by, user):
            raise forms.ValidationError(
                "You may not hold this person's data. Another administrator can, for a super admin a super admin."
            )
        if LegalHold.objects.filter(user=user).exists():
            raise forms.ValidationError("This person's data is held already.")
        # The lock under which an erasure begins: either it sees this hold, or it is seen here.
        list(User.objects.select_for_update().filter(pk=user.pk).values_list("pk"))
        with acting_as(user):
            if DataRequest.objects.filter(owner_id=user.pk, kind=DataRequest.Kind.ERASURE, status="working").exists():
                raise forms.ValidationError("It is too late: this account is being deleted, and its key is destroyed.")
        self.instance.user = user
        return email


@admin.register(LegalHold)
class LegalHoldAdmin(RequiresConfirmation, admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    list_display = ("user", "reason", "since")
    form = HoldForm
    search_fields = ("user__email", "reason")

    @admin.display(description="Since", ordering="created_at")
    def since(self, hold: LegalHold) -> str:
        return _moment(hold.created_at)

    def get_fields(self, request: HttpRequest, obj: LegalHold | None = None) -> tuple[str, ...]:
        return ("user", "reason", "since") if obj else ("person", "reason")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request.user, Capability.MANAGE_USERS)

    def has_view_permission(self, request: HttpRequest, obj: LegalHold | None = None) -> bool:  # noqa: ARG002
        return may(request.user, Capability.MANAGE_USERS)

    has_add_permission = has_module_permission

    def has_delete_permission(self, request: HttpRequest, obj: LegalHold | None = None) -> bool:
        if obj is None:
            return may(request.user, Capability.MANAGE_USERS)
        return may_hold(request.user, obj.user)

    def get_form(self, request: HttpRequest, obj: LegalHold | None = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.by = request.user
        return form

    def has_change_permission(self, request: HttpRequest, obj: LegalHold | None = None) -> bool:  # noqa: ARG002
        return False

    def save_model(self, request: HttpRequest, obj: LegalHold, form: Any, change: bool) -> None:
        if not may_hold(request.user, obj.user):
            raise PermissionDenied
        obj.set_by = request.user.pk
        super().save_model(request, obj, form, change)
        audit.record(audit.Action.LEGAL_HOLD_SET, user=request.user.pk, resource=("user", obj.user_id))

    def delete_model(self, request: HttpRequest, obj: LegalHold) -> None:
        if not may_hold(request.user, obj.user):
            raise PermissionDenied
        audit.record(audit.Action.LEGAL_HOLD_LIFTED, user=request.user.pk, resource=("user", obj.user_id))
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[LegalHold]) -> None:
        """One by one, so that each is recorded; all or none."""
        holds = list(queryset.select_related("user"))
        if not all(may_hold(request.user, hold.user) for hold in holds):
            raise PermissionDenied
        for hold in holds:
            self.delete_model(request, hold)


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    """A list of everybody's rows, for who manages accounts. There is nothing in them but states and times."""

    list_per_page = 50
    list_display_links = None
    ordering = ("-pk",)
    about = ""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request.user, Capability.MANAGE_USERS)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return may(request.user, Capability.MANAGE_USERS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        audit.record(audit.Action.METADATA_READ, request=request, resource=(self.opts.model_name or "", ""))
        with acting_as_system("show who agreed, and what was asked for"):
            response = super().changelist_view(request, {"list_about": self.about, **(extra_context or {})})
            # Here, and not later: what the template asks for is asked with the same rights.
            return response.render() if isinstance(response, TemplateResponse) else response

    def change_view(self, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """A row says all there is."""
        return redirect(f"admin:rights_{self.opts.model_name}_changelist")

    def history_view(self, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """What happened stands in the audit log."""
        raise PermissionDenied


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    list_display = ("owner", "version", "given", "withdrawn")
    list_filter = ("version",)
    list_select_related = ("owner",)
    search_fields = ("owner__email", "version")
    search_help_text = "Address or version"
    about = "Who agreed to which version of the notice."

    @admin.display(description="Agreed", ordering="given_at")
    def given(self, consent: Consent) -> str:
        return _moment(consent.given_at)

    @admin.display(description="Withdrawn", ordering="withdrawn_at")
    def withdrawn(self, consent: Consent) -> str:
        return _moment(consent.withdrawn_at)


@admin.register(DataRequest)
class DataRequestAdmin(ReadOnlyAdmin):
    list_display = ("person", "kind", "state", "asked", "finished", "asked_by")
    list_filter = ("kind", "status")
    ordering = ("-created_at",)
    about = "Copies and deletions that were asked for. Of an account that is gone, only its number is left."

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        rows: QuerySet[DataRequest] = changelist.result_list
        people = dict(User.objects.filter(pk__in={row.owner_id for row in rows}).values_list("pk", "email"))
        for row in rows:
            row.person = people.get(row.owner_id, str(row.owner_id))  # type: ignore[attr-defined]  # read below
        return changelist

    @admin.display(description="Person")
    def person(self, request: DataRequest) -> str:
        return str(getattr(request, "person", request.owner_id))

    @admin.display(description="State", ordering="status")
    def state(self, request: DataRequest) -> str:
        kinds = {DataRequest.Status.DONE: "ok", DataRequest.Status.FAILED: "bad"}
        words = request.get_status_display()
        if request.status == DataRequest.Status.WORKING:
            words = f"{words}, {request.percent} %"
        kind = kinds.get(DataRequest.Status(request.status), "busy")
        return format_html('<span class="badge {}">{}</span>', kind, words)

    @admin.display(description="Asked for", ordering="created_at")
    def asked(self, request: DataRequest) -> str:
        return _moment(request.created_at)

    @admin.display(description="Ended", ordering="finished_at")
    def finished(self, request: DataRequest) -> str:
        return _moment(request.finished_at)

    @admin.display(description="By")
    def asked_by(self, request: DataRequest) -> str:
        return "An administrator" if request.by_administrator else "The person"


def _moment(moment: Any) -> str:
    return date_format(localtime(moment), "j M Y, H:i") if moment else ""
