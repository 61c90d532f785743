"""After a change of name a document is found by the new one, and no longer by the old one."""

from accounts.models import User
from documents import library, tasks
from documents.models import Chunk
from documents.retrieval import search
from tests.retrieval.conftest import AddDocument


def test_the_new_name_is_searched(owner: User, add: AddDocument) -> None:
    document = add(owner, "zanzibar.txt", ["The ferry leaves at noon.", "Tickets are sold on board."])
    add(owner, "other.txt", ["Nothing about boats stands here."])
    before = [(chunk.pk, chunk.content, chunk.boxes) for chunk in Chunk.objects.order_by("pk")]
    postings = set(document.current_version.postings.values_list("term", flat=True))
    library.rename(document, "Reykjavik")
    tasks.index_name(str(document.pk))
    assert [(chunk.pk, chunk.content, chunk.boxes) for chunk in Chunk.objects.order_by("pk")] == before
    changed = set(document.current_version.postings.values_list("term", flat=True))
    assert len(postings - changed) == len(changed - postings) == 1
    assert search(user_id=owner.pk, query="Reykjavik").passages[0].document_id == document.pk
