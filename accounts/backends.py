from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model
from django.http import HttpRequest

from accounts import audit, local_passwords
from accounts.capabilities import model_permissions
from accounts.models import Role, User
from accounts.statements import Statement

Person = AbstractBaseUser | AnonymousUser
# Named where somebody is signed in without being asked for a password: several backends may be set.
LOCAL = "accounts.backends.RoleBackend"


_with_key = Statement(lambda pk: User.objects.filter(pk=pk))


class RoleBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth has no type hints
    """Sign-in by e-mail address; Django's permissions (those the admin asks for) follow from the role.

    A suspended account is nobody: `get_user`, asked at every request and at every socket's connect, finds none.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        """With PASSWORD_SIGN_IN off, passwords of super admins only: their way in when another provider is away.

        Nobody's for whom a provider decides (accounts.local_passwords). Who knows the password is told where to go.
        """
        user: User | None = super().authenticate(request, **credentials)
        may_use_password = settings.SSO.passwords or (user is not None and user.role == Role.SUPER_ADMIN)
        if not may_use_password:
            # Without this, a suspended person's right password would show.
            self.unstash_authenticated_user()
            return None
        if user is not None and (provider := local_passwords.decided_by(user)):
            audit.record(audit.Action.SIGN_IN_REFUSED, user=user, because="password of another provider's account")
            if request is not None:
                request.sign_in_notice = local_passwords.what_to_do(provider)  # type: ignore[attr-defined]
            return None
        return user

    def get_user(self, user_id: Any) -> User | None:
        user: User | None = _with_key.first(user_id)
        return user if user is not None and self.user_can_authenticate(user) else None

    def get_all_permissions(self, user_obj: Person, obj: Model | None = None) -> set[str]:  # noqa: ARG002 - Django's shape
        if not isinstance(user_obj, User) or not user_obj.is_active:
            return set()
        return set(model_permissions(user_obj))

    # There are no permissions of single accounts or groups: a role's are all.
    get_user_permissions = get_all_permissions
    get_group_permissions = get_all_permissions

    def has_perm(self, user_obj: Person, perm: str, obj: Model | None = None) -> bool:
        return perm in self.get_all_permissions(user_obj, obj)

    def has_module_perms(self, user_obj: Person, app_label: str) -> bool:
        return any(perm.startswith(f"{app_label}.") for perm in self.get_all_permissions(user_obj))
