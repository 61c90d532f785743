"""What each role may do: one table, asked by views, sockets, tasks, templates and the admin."""

import enum
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from accounts.models import Role, User

P = ParamSpec("P")
R = TypeVar("R", bound=HttpRequest)
T = TypeVar("T", bound=HttpResponseBase)
View = Callable[Concatenate[R, P], T]


class Capability(enum.Enum):
    """A thing that one may do, with the words for telling somebody that they may not."""

    READ = "read what is shared with you"
    CHAT = "start and continue chats"
    UPLOAD = "add and change documents"
    SHARE_PROMPTS = "share templates and personas with everybody"
    ADMINISTER = "open the administration"
    SEE_DOCUMENT_METADATA = "see the kinds, sizes and states of everybody's documents"
    MANAGE_USERS = "manage accounts"
    MANAGE_ADMINISTRATORS = "manage the accounts of admins and super admins"
    SEE_AUDIT = "see the audit log"
    CONFIGURE = "change models and settings"


_VIEWER = {Capability.READ}
_USER = _VIEWER | {Capability.CHAT, Capability.UPLOAD, Capability.SHARE_PROMPTS}
_ADMIN = _USER | {
    Capability.ADMINISTER,
    Capability.SEE_DOCUMENT_METADATA,
    Capability.MANAGE_USERS,
    Capability.SEE_AUDIT,
}
_SUPER_ADMIN = _ADMIN | {Capability.MANAGE_ADMINISTRATORS, Capability.CONFIGURE}

CAPABILITIES: dict[str, frozenset[Capability]] = {
    Role.VIEWER: frozenset(_VIEWER),
    Role.USER: frozenset(_USER),
    Role.ADMIN: frozenset(_ADMIN),
    Role.SUPER_ADMIN: frozenset(_SUPER_ADMIN),
}

# For whoever chooses a role for somebody.
ABOUT_ROLES: dict[str, str] = {
    Role.SUPER_ADMIN: "Everything, also models, settings, admins and other super admins.",
    Role.ADMIN: "Accounts of users and viewers, documents' metadata, the audit log. Never what others' chats say.",
    Role.USER: "Chats and documents of their own.",
    Role.VIEWER: "Reads what others share, and nothing else.",
}

# Which of Django's model permissions a capability brings. The content of chats is in none of them.
_MODEL_PERMISSIONS: dict[Capability, frozenset[str]] = {
    Capability.MANAGE_USERS: frozenset(
        {
            "accounts.view_user",
            "accounts.change_user",
            "invitations.view_invitation",
            "invitations.add_invitation",
            # Looking at what is closed after failed attempts, and opening it.
            "lock_out.view_failures",
            "lock_out.delete_failures",
        }
    ),
    Capability.SEE_DOCUMENT_METADATA: frozenset(
        {"documents.view_document", "documents.view_embeddingspace", "evaluation.view_run"}
    ),
    Capability.SEE_AUDIT: frozenset({"audit.view_auditevent"}),
}


def may(user: User | AnonymousUser, capability: Capability) -> bool:
    return isinstance(user, User) and user.is_active and capability in CAPABILITIES.get(user.role, frozenset())


def may_manage(user: User | AnonymousUser, role: str) -> bool:
    """Whether `user` may create and change accounts of this role. Who administers is managed by super admins only."""
    administers = Capability.ADMINISTER in CAPABILITIES.get(role, frozenset())
    needed = Capability.MANAGE_ADMINISTRATORS if administers else Capability.MANAGE_USERS
    return may(user, needed)


def manageable_roles(user: User | AnonymousUser) -> list[Role]:
    """The roles that `user` may give, highest first."""
    return [role for role in Role if may_manage(user, role)]


class Granted:
    """For templates: `{% if may.upload %}`, the names being those of the table in small letters."""

    def __init__(self, user: User | AnonymousUser) -> None:
        self._user = user

    def __getitem__(self, name: str) -> bool:
        return may(self._user, Capability[name.upper()])


def model_permissions(user: User) -> Iterable[str]:
    for capability, permissions in _MODEL_PERMISSIONS.items():
        if may(user, capability):
            yield from permissions


def requires(capability: Capability) -> Callable[[View[R, P, T]], View[R, P, T]]:
    """For views: answer 403, with a sentence, to a signed-in person whose role does not have the capability."""

    def decorator(view: View[R, P, T]) -> View[R, P, T]:
        @wraps(view)
        def wrapper(request: R, /, *args: P.args, **kwargs: P.kwargs) -> T:
            if not may(request.user, capability):
                raise PermissionDenied(refusal(capability))
            return view(request, *args, **kwargs)

        return wrapper

    return decorator


def refusal(capability: Capability) -> str:
    return f"Your account may not {capability.value}. An administrator can change that."
