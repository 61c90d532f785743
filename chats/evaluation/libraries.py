"""The library that a set's own documents are asked in: an account made for the run, and gone with it.

Nobody can sign in to it: it has no password, and its address leads nowhere. Row-level security keeps its documents from
everybody else, and a search counts words within what its person may read, so nobody's ranking changes meanwhile.
"""

import uuid
from collections.abc import Callable
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile

from accounts.encryption import keys
from accounts.models import Role, User
from accounts.tenancy import acting_as
from chats.evaluation.models import Run
from chats.evaluation.sets import QuestionSet, page_name
from documents import library, versions
from documents.index import NewPassage, searchable_text, write_passages
from documents.models import Document, DocumentVersion
from documents.spaces import active_space, embed

_ADDRESS = "evaluation-{}@chatsite.invalid"


def make() -> User:
    return User.objects.create_user(_ADDRESS.format(uuid.uuid4().hex), role=Role.USER, name="Evaluation")


def remove(owner_id: UUID) -> None:
    """With all its documents, files and its key. Doing it again changes nothing. Callers act as the system."""
    user = User.objects.filter(
        pk=owner_id, email__startswith="evaluation-", email__endswith="@chatsite.invalid"
    ).first()
    if user is None:
        return
    # Not document by document, as a person deletes them: nobody looks at this library, and nobody holds it.
    made = list(DocumentVersion.objects.filter(owner=user))
    versions.delete_rows(made)
    user.delete()
    versions.delete_files([version for version in made if version.blob])
    keys.destroy(owner_id)


def remove_left() -> None:
    """What runs left that were killed. Nobody else evaluates at this moment."""
    for run in Run.objects.exclude(made_owner=None):
        remove(run.made_owner)  # type: ignore[arg-type]  # see above
        Run.objects.filter(pk=run.pk).update(made_owner=None)


def fill(owner: User, questions: QuestionSet, report: Callable[[int, int], None]) -> dict[int, tuple[str, ...]]:
    """What each passage may be called in the set, by its id, the narrowest name first. Callers act as the owner.

    Raises DocumentError and ModelError.
    """
    return _read(owner, questions, report) if questions.files else _write(owner, questions, report)


def _write(owner: User, questions: QuestionSet, report: Callable[[int, int], None]) -> dict[int, tuple[str, ...]]:
    """Each text is one passage, through the door that ingestion uses."""
    names: dict[int, tuple[str, ...]] = {}
    for done, (title, passages) in enumerate(questions.documents.items(), start=1):
        document = Document.objects.create(owner=owner, name=title[:255] or "Untitled", status=Document.Status.READY)
        version = DocumentVersion.objects.create(
            document=document, number=1, blob="", fingerprint="", size=1, media_type="text/plain"
        )
        new = [
            NewPassage(page, 0, text, searchable=searchable_text(document.name, "", text))
            for page, (_, text) in enumerate(passages, start=1)
        ]
        space = active_space()
        write_passages(version, new, embed(space, [passage.searchable for passage in new]), space=space)
        Document.objects.filter(pk=document.pk).update(current_version=version)
        ids = version.chunks.order_by("index").values_list("pk", flat=True)
        called = [title] * len(new) if questions.unit == "document" else [name for name, _ in passages]
        names.update((pk, (name,)) for pk, name in zip(ids, called, strict=True))
        report(done, len(questions.documents))
    return names


def _read(owner: User, questions: QuestionSet, report: Callable[[int, int], None]) -> dict[int, tuple[str, ...]]:
    """As uploads are, here and now."""
    from documents.ingestion import ingest

    names: dict[int, tuple[str, ...]] = {}
    for done, path in enumerate(questions.files, start=1):
        with path.open("rb") as file:
            document = library.add(owner, UploadedFile(file, path.name, size=path.stat().st_size))
        ingest(document.pk)
        with acting_as(owner):
            called = path.stem if questions.by_stem else path.name
            names |= _of_document(Document.objects.get(pk=document.pk), called, questions.unit)
        report(done, len(questions.files))
    return names


def _of_document(document: Document, called: str, unit: str) -> dict[int, tuple[str, ...]]:
    if document.current_version is None:  # it could not be read, and what it answers is not found
        return {}
    chunks = document.current_version.chunks.values_list("pk", "page")
    return {pk: (called,) if unit == "document" else (page_name(called, page), called) for pk, page in chunks}
