"""Links for a new password, as the settings name them to allauth, whose forms import this while they are being loaded:
so they come first, always."""

from allauth.account.forms import EmailAwarePasswordResetTokenGenerator

from accounts import local_passwords
from accounts.models import User


class Tokens(EmailAwarePasswordResetTokenGenerator):  # type: ignore[misc]  # allauth has no type hints
    """A link that was mailed before the account came to a provider that decides is good for nothing any more."""

    def check_token(self, user: User | None, token: str | None) -> bool:
        return user is not None and local_passwords.counts(user) and bool(super().check_token(user, token))
