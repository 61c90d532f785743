"""What is in the index, as it reads, for comparing one ingestion with another; and what must never be in it.

In the product's own processes, called by benches (prints JSON):

python -m bench.indexed upload ADDRESS COUNT SEED    files of bench.mixed, as through the library's page
python -m bench.indexed digests ADDRESS              {name of a document: a digest of all that was made of it}
python -m bench.indexed retry ADDRESS                what failed is queued again, as by its button: how many
python -m bench.indexed search ADDRESS               search until the input ends: {searches, failed, longest}
"""

import hashlib
import io
import json
import select
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accounts.models import User
    from documents.models import Document

# Each must find nothing.
FORBIDDEN = {
    "a passage without its version": """SELECT FROM documents_chunk AS part
        WHERE NOT EXISTS (SELECT FROM documents_documentversion WHERE id = part.version_id)""",
    "a page without its version": """SELECT FROM documents_page AS part
        WHERE NOT EXISTS (SELECT FROM documents_documentversion WHERE id = part.version_id)""",
    "a posting without its version": """SELECT FROM documents_posting AS part
        WHERE NOT EXISTS (SELECT FROM documents_documentversion WHERE id = part.version_id)""",
    "a posting of a passage that is not there": """SELECT FROM (
            SELECT version_id, unnest(passages) >> 24 AS chunk_id FROM documents_posting) AS place
        WHERE NOT EXISTS (SELECT FROM documents_chunk WHERE id = chunk_id AND version_id = place.version_id)""",
    "a vector of a passage that is not there": """SELECT FROM documents_embedding AS part
        WHERE NOT EXISTS (SELECT FROM documents_chunk WHERE id = part.chunk_id AND version_id = part.version_id)""",
    "a passage without a vector": """SELECT FROM documents_chunk AS part
        JOIN documents_embeddingspace AS space ON space.state = 'active'
        WHERE NOT EXISTS (SELECT FROM documents_embedding WHERE chunk_id = part.id AND space_id = space.id)""",
    "a passage twice": """SELECT FROM documents_chunk GROUP BY version_id, page, start HAVING count(*) > 1""",
    "a document with other passages than it says": """SELECT FROM documents_documentversion AS version
        WHERE passage_count <> (SELECT count(*) FROM documents_chunk WHERE version_id = version.id)
            OR page_count <> (SELECT count(*) FROM documents_page WHERE version_id = version.id)""",
    "half a document": """SELECT FROM documents_chunk AS part
        JOIN documents_documentversion AS version ON version.id = part.version_id
        WHERE version.indexed_at IS NULL""",
    "a file taken in twice": """SELECT FROM documents_documentversion
        GROUP BY owner_id, fingerprint HAVING count(*) > 1""",
}


def digests(owner: "User") -> dict[str, str]:
    from documents.models import Document

    return {document.name: _digest(document) for document in Document.objects.visible_to(owner)}


def _digest(document: "Document") -> str:
    """Of everything that searching and citing read, whoever owns it: terms without their key, ids by their order."""
    version = document.versions.get()
    chunks = list(version.chunks.order_by("index"))
    index_of = {chunk.pk: chunk.index for chunk in chunks}
    postings = [
        sorted((index_of[packed >> 24], packed & 0xFFFFFF) for packed in passages)
        for passages in version.postings.values_list("passages", flat=True)
    ]
    vectors = {index_of[pk]: list(vector) for pk, vector in version.embeddings.values_list("chunk_id", "vector")}
    content: list[Any] = [
        [document.status, document.error_code, version.page_count, version.passage_count, version.term_count],
        version.language,
        [(page.number, page.text, page.width, page.height) for page in version.pages.order_by("number")],
        [
            (chunk.index, chunk.page, chunk.start, chunk.content, chunk.heading, chunk.boxes, chunk.length)
            for chunk in chunks
        ],
        sorted(postings),
        sorted(vectors.items()),
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def forbidden() -> list[str]:
    """What is there and must not be."""
    from django.db import connection

    found = []
    with connection.cursor() as cursor:
        for what, sql in FORBIDDEN.items():
            cursor.execute(f"SELECT EXISTS ({sql})")
            if cursor.fetchone() == (True,):
                found.append(what)
    return found


# --- In the product's own processes -------------------------------------------------------------------------------


def _upload(owner: "User", count: str, seed: str) -> int:
    from django.core.files.uploadedfile import UploadedFile

    from bench import mixed
    from documents import library

    given = mixed.files(int(count), int(seed))
    uploads = library.upload(
        owner, [UploadedFile(io.BytesIO(content), name, size=len(content)) for name, content in given.items()]
    )
    assert not uploads.refusals, uploads.refusals
    return len(uploads.documents)


def _retry(owner: "User") -> int:
    from documents import library
    from documents.models import Document

    failed = Document.objects.visible_to(owner).filter(status=Document.Status.FAILED)
    return sum(library.retry(document) for document in failed)


def _search(owner: "User") -> dict[str, Any]:
    """One search after the other. Failed is one that raises, or finds nothing."""
    from documents.retrieval import search
    from tests.files import samples

    searches, failed, longest, page = 0, 0, 0.0, 0
    print("searching", flush=True)
    while not select.select([sys.stdin], [], [], 0.1)[0]:
        begun, page = time.perf_counter(), page % 20 + 1
        try:
            found = search(user_id=owner.pk, query=samples.fact(page))
        except Exception as error:  # noqa: BLE001 - it is counted and shown
            print(type(error).__name__, error, file=sys.stderr)
            failed += 1
        else:
            failed += not any(samples.fact(page) in " ".join(passage.text.split()) for passage in found.passages)
        searches, longest = searches + 1, max(longest, time.perf_counter() - begun)
    return {"searches": searches, "failed": failed, "longest_ms": round(longest * 1000)}


def main() -> None:
    import django

    django.setup()
    from accounts.models import User
    from accounts.tenancy import acting_as_system

    verbs = {"upload": _upload, "digests": digests, "retry": _retry, "search": _search}
    with acting_as_system("a bench"):
        if sys.argv[1] == "forbidden":
            print(json.dumps(forbidden()))
            return
        owner, _ = User.objects.get_or_create(email=sys.argv[2], defaults={"role": "user"})
        print(json.dumps(verbs[sys.argv[1]](owner, *sys.argv[3:])))


if __name__ == "__main__":
    main()
