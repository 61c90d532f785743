"""An account that goes takes along what it shared and what was shared with it, and nothing else."""

import pytest

from accounts.models import User
from accounts.rights import requesting, working
from accounts.rights.models import DataRequest
from accounts.tenancy import acting_as
from chats import conversation as conversations
from chats.models import Citation
from documents.collections import giving
from documents.collections.models import CollectionShare
from documents.models import Chunk, Collection, Document
from documents.retrieval import search
from tests.chats.conftest import answered
from tests.library.collections.conftest import HARBOUR

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "owner"]),
    pytest.mark.usefixtures("clean_after"),
]


def erased(user: User) -> None:
    request = requesting.erase(user)
    working.do(request.pk)
    request.refresh_from_db()
    assert (request.status, request.error_text) == (DataRequest.Status.DONE, "")
    assert not User.objects.filter(pk=user.pk).exists()


def test_whoever_shared(harbour: Collection, owner: User, stranger: User) -> None:
    """A reader keeps what was quoted, and finds and reads nothing of it any more."""
    giving.with_person(harbour, stranger.email)
    with acting_as(stranger):
        chunk = Chunk.objects.get()
        cited = Citation.objects.create(
            message=answered(conversations.start(stranger)), number=1, chunk=chunk, version=chunk.version,
            document_name="walls.txt", page=1, quoted=HARBOUR, score=1,
        )  # fmt: skip
    erased(owner)
    cited.refresh_from_db()
    assert (cited.quoted, cited.version_id) == (HARBOUR, None)
    assert not CollectionShare.objects.exists()
    with acting_as(stranger):
        assert search(user_id=stranger.pk, query="granite harbour walls").passages == []


def test_whoever_read(harbour: Collection, viewer: User) -> None:
    giving.with_person(harbour, viewer.email)
    giving.with_role(harbour, "viewer")
    erased(viewer)
    assert [share.kind for share in CollectionShare.objects.all()] == ["role"]
    assert Document.objects.filter(collection=harbour).count() == 1
