from django.core.management.base import CommandError

from accounts.models import User


def account(email: str) -> User:
    """Raises CommandError, with a sentence for the operator."""
    user = User.objects.filter(email=email.strip().lower()).first()
    if user is None:
        raise CommandError(f"There is no account with the address {email}. Nothing was done.")
    return user
