"""Accounts in the administration: the list of people, and one person's page with what can be done for them."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from allauth.account.decorators import secure_admin_login
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime

from accounts import administration, audit
from accounts.capabilities import ABOUT_ROLES, manageable_roles, may_manage
from accounts.invitations import inviting
from accounts.lock_out.models import Failures
from accounts.models import Role, User
from accounts.rights import administering as rights
from accounts.second_factor import is_confirmed
from accounts.second_factor.confirming import ask
from accounts.verbs import BY_NAME, PASSWORD_LINK, VERBS, Verb, is_locked

# One door: the product's own sign-in, with its limits.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

BytesByOwner = Callable[[Collection[UUID]], Mapping[UUID, int]]
_bytes_by_owner: list[BytesByOwner] = []


def show_storage(bytes_by_owner: BytesByOwner) -> None:
    """For an application that keeps files: how many bytes it keeps for each of some people, in one question."""
    _bytes_by_owner.append(bytes_by_owner)


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # no subscript at run time
    class Meta:
        model = User
        fields = ("email", "name")
        labels: ClassVar = {"email": "E-mail address", "name": "Name"}

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("active", "Active"),
            ("suspended", "Suspended"),
            ("locked", "Locked after failures"),
            ("never", "Never signed in"),
        ]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        match self.value():
            case "active":
                return queryset.filter(is_active=True)
            case "suspended":
                return queryset.filter(is_active=False)
            case "locked":
                return queryset.filter(pk__in=_locked_out().values("user"))
            case "never":
                return queryset.filter(last_login=None)
            case _:
                return queryset


class SecondFactorFilter(admin.SimpleListFilter):
    title = "second factor"
    parameter_name = "second_factor"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return [("on", "On"), ("off", "Off")]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        return queryset.filter(second_factor__isnull=self.value() == "off") if self.value() else queryset


@admin.register(User)
class UserAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # no subscript at run time
    list_display = ("person", "role_label", "state", "second_factor_label", "seen", "storage")
    list_filter = ("role", StateFilter, SecondFactorFilter)
    search_fields = ("email", "name")
    search_help_text = "Name or address"
    ordering = ("email",)
    list_per_page = 50
    change_list_template = "admin/accounts/user/change_list.html"

    # --- Who may do what ---

    def has_add_permission(self, request: HttpRequest) -> bool:
        """People are invited."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:  # noqa: ARG002
        """A person who was here has chats and files: suspend the account."""
        return False

    # --- The list ---

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """What the filters ask for, and nothing else: Django would also tell what somebody's password hash begins
        with, a character at a time."""
        asked = lookup.partition("__")[0]
        return asked in {"role", "state", "second_factor"} and super().lookup_allowed(lookup, value, request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        people: QuerySet[User] = super().get_queryset(request)
        return people.annotate(is_locked=Exists(_locked_out().filter(user=OuterRef("pk"))))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "POST" and not is_confirmed(request):
            return ask(request)
        shown = super().changelist_view(
            request, {"title": "People", "may_invite": inviting.is_open(), **(extra_context or {})}
        )
        audit.record(audit.Action.METADATA_READ, request=request, resource=("user", ""))
        return shown

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        kept = _storage({person.pk for person in changelist.result_list})
        for person in changelist.result_list:
            person.bytes_kept = kept.get(person.pk, 0)
        return changelist

    @admin.display(description="Person", ordering="email")
    def person(self, user: User) -> str:
        return format_html('<span class="who">{}</span><span class="muted small">{}</span>', user.display_name, user)

    @admin.display(description="Role", ordering="role")
    def role_label(self, user: User) -> str:
        return user.get_role_display()

    @admin.display(description="State", ordering="is_active")
    def state(self, user: User) -> str:
        label, kind = _state(user)
        return format_html('<span class="badge {}">{}</span>', kind, label)

    @admin.display(description="Second factor", ordering="second_factor")
    def second_factor_label(self, user: User) -> str:
        return "Off" if user.second_factor is None else "On"

    @admin.display(description="Last sign-in", ordering="last_login")
    def seen(self, user: User) -> str:
        return _moment(user.last_login) if user.last_login else "Never"

    @admin.display(description="Storage")
    def storage(self, user: User) -> str:
        return str(filesizeformat(getattr(user, "bytes_kept", 0)))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        if not self.has_change_permission(request):
            return {}
        return {verb.name: (_bulk(verb), verb.name, verb.label) for verb in VERBS}

    # --- One person ---

    def get_urls(self) -> list[Any]:
        erase = self.admin_site.admin_view(rights.erase)
        return [path("<uuid:user_id>/erase/", erase, name="accounts_user_erase"), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 - Django's shape
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        person = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, person):
            raise PermissionDenied
        if person is None:
            return redirect("admin:accounts_user_changelist")
        profile = ProfileForm(instance=User.objects.get(pk=person.pk))
        link = ""
        if request.method != "POST":
            audit.record(audit.Action.METADATA_READ, request=request, resource=("user", person.pk))
        else:
            if not may_manage(request.user, person.role):
                raise PermissionDenied(administration.NotYours.sentence)
            if not is_confirmed(request):
                return ask(request)
            answer = self._act(request, person)
            if isinstance(answer, HttpResponseBase):
                return answer
            profile, link = answer
        context = {
            **self.admin_site.each_context(request),
            "title": person.display_name,
            "person": person,
            "state": dict(zip(("label", "kind"), _state(person), strict=True)),
            "facts": _facts(person),
            "profile": profile,
            "roles": roles_for(request.user),
            "verbs": [*(verb for verb in VERBS if verb.fits(person)), *_password_verb(person)],
            "is_managed": may_manage(request.user, person.role),
            "above": administration.NotYours.sentence,
            "link": link,
            "rights": rights.about(person),
        }
        status = 422 if profile.errors else 200
        return TemplateResponse(request, "admin/accounts/user/person.html", context, status=status)

    def _act(self, request: HttpRequest, person: User) -> HttpResponse | tuple[ProfileForm, str]:
        """Do what was asked for. A page to show again: a form with errors, or a link that is shown once."""
        by = _acting(request)
        wanted = request.POST.get("do", "")
        unchanged = ProfileForm(instance=person)
        try:
            if wanted == "profile":
                form = ProfileForm(request.POST, instance=User.objects.get(pk=person.pk))
                if not form.is_valid():
                    return form, ""
                administration.change_address(person, form.cleaned_data["email"], form.cleaned_data["name"], by=by)
                self.message_user(request, "The name and the address are saved.", messages.SUCCESS)
            elif wanted == "role":
                role = Role(request.POST.get("role", ""))
                administration.change_role(person, role, by=by)
                self.message_user(request, f"{person} has the role “{role.label}” now.", messages.SUCCESS)
            elif wanted == PASSWORD_LINK:
                if link := administration.hand_out_password_link(person, by=by):
                    return unchanged, link
                words = f"A link for choosing a password is on its way to {person}."
                self.message_user(request, words, messages.SUCCESS)
            else:
                verb = BY_NAME[wanted]
                verb.act(person, by)
                self.message_user(request, f"{person}: {verb.done}.", messages.SUCCESS)
        except (KeyError, ValueError):
            self.message_user(request, "Nothing was done: the form was incomplete. Try again.", messages.ERROR)
        except administration.Refused as error:
            self.message_user(request, f"Nothing was changed. {error.sentence}", messages.ERROR)
        return redirect("admin:accounts_user_change", person.pk)


@dataclass(frozen=True)
class RoleChoice:
    value: str
    label: str
    about: str


def roles_for(user: Any) -> list[RoleChoice]:
    """The roles that this person may give, with a line about each."""
    return [RoleChoice(role.value, str(role.label), ABOUT_ROLES[role]) for role in manageable_roles(user)]


def _password_verb(person: User) -> list[Verb]:
    if not person.is_active:
        return []
    about = "Send a link for choosing a new password, or get it shown to pass on where no mail can be sent."
    return [Verb(PASSWORD_LINK, "Send a password link", about, "", lambda _person, _by: None)]


def _bulk(verb: Verb) -> Callable[[UserAdmin, HttpRequest, QuerySet[User]], None]:
    def action(model_admin: UserAdmin, request: HttpRequest, people: QuerySet[User]) -> None:
        by, count = _acting(request), 0
        for person in people:
            try:
                verb.act(person, by)
            except administration.Refused as error:
                words = f"{person} was left as it is. {error.sentence}"
                model_admin.message_user(request, words, messages.ERROR)
            else:
                count += 1
        if count:
            words = f"{count} {'account' if count == 1 else 'accounts'} {verb.done}."
            model_admin.message_user(request, words, messages.SUCCESS)

    return action


def _locked_out() -> QuerySet[Failures]:
    closed: QuerySet[Failures] = Failures.objects.locked()
    return closed


def _acting(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def _storage(people: Collection[UUID]) -> dict[UUID, int]:
    kept: dict[UUID, int] = {}
    for bytes_by_owner in _bytes_by_owner:
        for owner, size in bytes_by_owner(people).items():
            kept[owner] = kept.get(owner, 0) + size
    return kept


def _state(user: User) -> tuple[str, str]:
    if not user.is_active:
        return "Suspended", "bad"
    if is_locked(user):
        return "Locked", "bad"
    return ("Active", "ok") if user.last_login else ("Never signed in", "")


def _facts(user: User) -> list[tuple[str, str]]:
    return [
        ("Signs in with", user.email),
        ("Role", user.get_role_display()),
        ("Second factor", "Off" if user.second_factor is None else "On"),
        ("Last sign-in", _moment(user.last_login) if user.last_login else "Never"),
        ("Joined", _moment(user.date_joined)),
        ("Storage", str(filesizeformat(_storage([user.pk]).get(user.pk, 0)))),
    ]


def _moment(moment: Any) -> str:
    return date_format(localtime(moment), "j M Y, H:i")
