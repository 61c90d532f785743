"""Invitations in the administration: the list of them, and the page that sends them."""

from typing import Any

from allauth.core import ratelimit
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.debug import sensitive_variables

from accounts.admin import roles_for
from accounts.capabilities import manageable_roles
from accounts.invitations import inviting
from accounts.invitations.forms import InviteForm
from accounts.invitations.models import Invitation
from accounts.models import User
from accounts.second_factor import is_confirmed
from accounts.second_factor.confirming import ask

_STATES = {
    "open": ("Open", Q(accepted_at=None, revoked_at=None, expires_at__gt=Now())),
    "expired": ("Expired", Q(accepted_at=None, revoked_at=None, expires_at__lte=Now())),
    "accepted": ("Accepted", Q(accepted_at__isnull=False)),
    "withdrawn": ("Withdrawn", Q(revoked_at__isnull=False)),
}


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return [(name, label) for name, (label, _) in _STATES.items()]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Invitation]) -> QuerySet[Invitation]:
        found = _STATES.get(self.value() or "")
        return queryset.filter(found[1]) if found else queryset


@admin.register(Invitation)
class InvitationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # no subscript at run time
    list_display = ("email", "role_label", "state", "sent_by", "sent", "expires")
    list_display_links = None
    list_filter = (StateFilter, "role")
    list_select_related = ("invited_by",)
    search_fields = ("email",)
    search_help_text = "Address"
    ordering = ("-sent_at",)
    list_per_page = 50
    actions = ("resend", "withdraw")
    change_list_template = "admin/invitations/invitation/change_list.html"

    def has_change_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:  # noqa: ARG002
        return False

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    # --- Sending ---

    @sensitive_variables("outcome", "context")
    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",  # noqa: ARG002 - Django's shape
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        if not self.has_add_permission(request) or not isinstance(request.user, User):
            raise PermissionDenied
        # Before the form is shown, so that a pasted list is not lost.
        if not is_confirmed(request):
            return ask(request)
        roles = manageable_roles(request.user)
        form = InviteForm(request.POST or None, roles=[role.value for role in roles])
        closed = "" if inviting.is_open() else inviting.CLOSED
        context = {
            **self.admin_site.each_context(request),
            "title": "Invite people",
            "form": form,
            "roles": roles_for(request.user),
            "closed": closed,
        }
        if not closed and form.is_valid():
            if not ratelimit.consume(request, action="invite", user=request.user):
                limited: HttpResponse = ratelimit.respond_429(request)
                return limited
            try:
                outcome = inviting.invite(request.user, form.cleaned_data["addresses"], form.cleaned_data["role"])
            except inviting.Refused as error:
                form.add_error("addresses", error.sentence)
            else:
                return self._show(request, outcome)
        status = 422 if form.errors else 200
        return TemplateResponse(request, "admin/invitations/invitation/invite.html", context, status=status)

    @sensitive_variables("outcome", "context")
    def _show(self, request: HttpRequest, outcome: inviting.Outcome) -> HttpResponse:
        """No redirect: the links are kept nowhere, so this answer is the only place for them."""
        context = {
            **self.admin_site.each_context(request),
            "title": "Invitations",
            "sent": outcome.sent,
            "refused": outcome.refused,
            "by_hand": [sent for sent in outcome.sent if sent.link],
            "mailed": [sent for sent in outcome.sent if not sent.link],
        }
        response = TemplateResponse(request, "admin/invitations/invitation/sent.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @admin.action(description="Send again, with a new link", permissions=["add"])
    def resend(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> HttpResponse | None:
        if not isinstance(request.user, User):
            raise PermissionDenied
        if not ratelimit.consume(request, action="invite", user=request.user):
            limited: HttpResponse = ratelimit.respond_429(request)
            return limited
        outcome = inviting.Outcome()
        for invitation in queryset[: inviting.MOST_AT_ONCE]:
            try:
                outcome.sent.append(inviting.resend(request.user, invitation))
            except inviting.Refused as error:
                outcome.refused.append((invitation.email, error.sentence))
        return self._show(request, outcome)

    @admin.action(description="Withdraw: the link stops working", permissions=["add"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        count = 0
        for invitation in queryset:
            try:
                inviting.revoke(request.user, invitation)  # type: ignore[arg-type]  # has_add_permission saw to it
            except inviting.Refused as error:
                self.message_user(request, error.sentence, messages.ERROR)
            else:
                count += 1
        if count:
            words = f"{count} {'invitation' if count == 1 else 'invitations'} withdrawn."
            self.message_user(request, words, messages.SUCCESS)

    # --- The list ---

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "POST" and not is_confirmed(request):
            return ask(request)
        return super().changelist_view(request, {"title": "Invitations", **(extra_context or {})})

    @admin.display(description="Role", ordering="role")
    def role_label(self, invitation: Invitation) -> str:
        return invitation.get_role_display()

    @admin.display(description="State")
    def state(self, invitation: Invitation) -> str:
        if invitation.accepted_at:
            label, kind = "Accepted", "ok"
        elif invitation.revoked_at:
            label, kind = "Withdrawn", ""
        elif invitation.expires_at <= timezone.now():
            label, kind = "Expired", "bad"
        else:
            label, kind = "Open", "busy"
        return format_html('<span class="badge {}">{}</span>', kind, label)

    @admin.display(description="Sent by", ordering="invited_by__email")
    def sent_by(self, invitation: Invitation) -> str:
        return invitation.invited_by.display_name if invitation.invited_by else "Nobody any more"

    @admin.display(description="Sent", ordering="sent_at")
    def sent(self, invitation: Invitation) -> str:
        how = "by mail" if invitation.was_mailed else "by hand"
        return f"{timezone.localtime(invitation.sent_at):%-d %b %Y, %H:%M}, {how}"

    @admin.display(description="Expires", ordering="expires_at")
    def expires(self, invitation: Invitation) -> str:
        return f"{timezone.localtime(invitation.expires_at):%-d %b %Y}"
