"""Whose password here counts, and for whom somebody else decides who comes in.

Where groups give roles, a password of one's own would be a way around them: whoever was taken out of a group, or
switched off at the provider, would keep the role for as long as they know the password or have the mailbox. So an
account that came from such a provider signs in there and nowhere else. The same goes for accounts of a directory, which
checks passwords itself.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.models import Role, User
from accounts.sso.configuration import DIRECTORY, Configuration


def counts(user: User) -> bool:
    return not decided_by(user)


def decided_by(user: User) -> str:
    """The name of the provider that decides instead of a password here, or nothing.

    Super admins whom no group made one are left out: theirs is the way in when the provider is away.
    """
    sso: Configuration = settings.SSO
    if not sso.deciding or is_for_emergencies(user):
        return ""
    links = SocialAccount.objects.filter(user=user, provider__in=sso.deciding).order_by("date_joined")
    provider: str | None = links.values_list("provider", flat=True).first()
    return sso.deciding[provider] if provider else ""


def is_for_emergencies(user: User) -> bool:
    return user.role == Role.SUPER_ADMIN and not user.role_from_groups


def what_to_do(name: str) -> str:
    """For a person who has shown that the account is theirs: nobody else may learn that there is one."""
    how = f"Use the password of {name}." if name == DIRECTORY else f"Sign in with {name}."
    return f"A password of Chatsite's own does not open your account: {name} decides who comes in. {how}"


def only_where_they_count(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For pages about one's own password."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        name = decided_by(request.user) if isinstance(request.user, User) else ""
        if not name:
            return view(request, *args, **kwargs)
        return render(request, "account/password_elsewhere.html", {"name": name}, status=403)

    return wrapper
