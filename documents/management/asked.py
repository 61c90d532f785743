"""What several commands ask for: an account, and a collection of its. Each error is a sentence for the operator."""

from django.core.management.base import CommandError

from accounts.models import User
from accounts.rights.management.people import account
from documents.collections import keeping
from documents.models import Collection

__all__ = ["account", "collection_of", "find_collection"]


def collection_of(owner: User, name: str) -> Collection:
    """Raises CommandError."""
    found = find_collection(owner, name)
    if found is None:
        raise CommandError(f"{owner} has no collection “{name}”. Nothing was done.")
    return found


def find_collection(owner: User, name: str) -> Collection | None:
    """As a person would find it, whatever its capitals. Names are sealed: they are compared here."""
    wanted = " ".join(name.split()).casefold()
    return next((one for one in keeping.own(owner) if one.name.casefold() == wanted), None)
