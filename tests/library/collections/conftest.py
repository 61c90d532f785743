from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from documents.collections import giving, keeping
from documents.collections.models import CollectionShare
from documents.models import Collection
from tests.retrieval.conftest import AddDocument, add, clean_after

__all__ = ["add", "clean_after"]  # a ready document, through the product's own door

HARBOUR = "The harbour walls were built of granite in 1871, because the sandstone of the old walls had crumbled."
FERRY = "The ferry to the island leaves from the north pier at eight in the morning and comes back at six."


@pytest.fixture
def viewer(db: None) -> User:
    return User.objects.create_user("viewer@example.org", role="viewer")


@pytest.fixture
def harbour(owner: User, add: AddDocument) -> Collection:
    """The owner's collection with one document; another of theirs stands outside."""
    collection = keeping.create(owner, "Harbour")
    keeping.put(owner, [add(owner, "walls.txt", [HARBOUR]).pk], collection)
    add(owner, "private.txt", ["The owner's diary speaks of granite in a harbour."])
    return collection


def browser_of(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def expire(share: CollectionShare) -> None:
    CollectionShare.objects.filter(pk=share.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


# The ways in which what a share lets somebody read ends.
ENDS: dict[str, Callable[[CollectionShare], Any]] = {
    "ended by the owner": giving.end,
    "expired": expire,
    "the collection deleted": lambda share: keeping.delete(share.collection),
    "the document taken out": lambda share: keeping.take_out(
        share.collection.owner, share.collection.documents.values_list("pk", flat=True), share.collection
    ),
    "the owner suspended": lambda share: User.objects.filter(pk=share.collection.owner_id).update(is_active=False),
    "the owner's account deleted": lambda share: User.objects.get(pk=share.collection.owner_id).delete(),
}
