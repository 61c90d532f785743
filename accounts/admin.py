from collections.abc import Callable
from typing import Any

# Imported so that they have registered their models, some of which are taken out again below.
import allauth.account.admin  # noqa: F401
import django.contrib.auth.admin  # noqa: F401
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress, EmailConfirmation
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db.models import Field, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html

from accounts import administration
from accounts.capabilities import may_manage
from accounts.models import Role, User

admin.site.site_header = "Chatsite administration"
admin.site.site_title = "Chatsite administration"
admin.site.index_title = "Administration"
# One door: the product's own sign-in, with its limits.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
# A person has one address, edited with the account, and one role instead of groups.
admin.site.unregister([EmailAddress, Group])
if admin.site.is_registered(EmailConfirmation):
    admin.site.unregister(EmailConfirmation)


class UserForm(forms.ModelForm):  # type: ignore[type-arg]  # no subscript at run time
    class Meta:
        model = User
        fields = ("email", "name", "role", "is_active")

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        role = values.get("role", self.instance.role)
        is_active = values.get("is_active", self.instance.is_active)
        try:
            administration.keep_a_super_admin(self.instance, role=role, is_active=is_active)
        except administration.LastSuperAdmin as error:
            raise forms.ValidationError(error.sentence) from error
        return values


@admin.register(User)
class UserAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # no subscript at run time
    form = UserForm
    list_display = ("email", "name", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    search_fields = ("email", "name")
    ordering = ("email",)
    list_per_page = 50
    readonly_fields = ("last_login", "date_joined")
    actions = [  # noqa: RUF012 - Django's own shape
        "suspend",
        "reactivate",
        "send_password_link",
        "sign_out_everywhere",
    ]

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            about = "A link for choosing a password is mailed to the person, or shown to you if no mail can be sent."
            return [(None, {"fields": ("email", "name", "role"), "description": about})]
        return [
            (None, {"fields": ("email", "name", "role", "is_active")}),
            ("Seen", {"fields": ("last_login", "date_joined")}),
        ]

    # --- Who may do what ---

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or may_manage(request.user, obj.role))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Only an invitation that nobody used. A person who was here has chats and files: suspend the account."""
        return (
            obj is not None
            and obj.last_login is None
            and self.has_change_permission(request, obj)
            and (obj != request.user and not (obj.role == Role.SUPER_ADMIN and obj.is_active))
        )

    def formfield_for_choice_field(self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "role":
            kwargs["choices"] = [choice for choice in Role.choices if may_manage(request.user, choice[0])]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    # --- What is done ---

    def save_model(self, request: HttpRequest, obj: User, form: "ModelForm[User]", change: bool) -> None:
        if not change:
            obj.set_unusable_password()
            super().save_model(request, obj, form, change)
            self._hand_over_link(request, obj)
            return
        super().save_model(request, obj, form, change)
        administration.follow_address(obj)
        if not obj.is_active:
            obj.end_sessions()

    @admin.action(description="Suspend: end all sessions, keep everything", permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._for_each(request, queryset, administration.suspend, "suspended")

    @admin.action(description="Open again", permissions=["change"])
    def reactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._for_each(request, queryset, administration.reactivate, "opened again")

    @admin.action(description="Sign out everywhere", permissions=["change"])
    def sign_out_everywhere(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._for_each(request, queryset, User.end_sessions, "signed out everywhere")

    @admin.action(description="Send a link for a new password", permissions=["change"])
    def send_password_link(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset.filter(is_active=True):
            if may_manage(request.user, user.role):
                self._hand_over_link(request, user)

    def _for_each(self, request: HttpRequest, users: QuerySet[User], verb: Callable[[User], None], done: str) -> None:
        count = 0
        for user in users:
            if not may_manage(request.user, user.role):
                self.message_user(request, f"{user} was left as it is: you may not manage this role.", messages.WARNING)
                continue
            try:
                verb(user)
            except administration.LastSuperAdmin as error:
                self.message_user(request, f"{user} was left as it is. {error.sentence}", messages.ERROR)
            else:
                count += 1
        if count:
            self.message_user(request, f"{count} {'account' if count == 1 else 'accounts'} {done}.", messages.SUCCESS)

    def _hand_over_link(self, request: HttpRequest, user: User) -> None:
        if administration.mail_password_link(user):
            self.message_user(request, f"A link for choosing a password is on its way to {user}.", messages.SUCCESS)
            return
        words = "No mail was sent. Give {} this link for choosing a password; it works once, for three days: {}"
        self.message_user(request, format_html(words, user, administration.password_link(user)), messages.WARNING)
