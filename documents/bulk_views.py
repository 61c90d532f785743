"""What is done with the marked documents of the library, in one request: tag, move, read again, delete."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.capabilities import Capability, requires
from accounts.http import AuthenticatedHttpRequest
from documents import library as shelf
from documents import tagging
from documents.collections import keeping
from documents.collections.errors import CollectionError
from documents.errors import DocumentError
from documents.library_views import show
from documents.models import Collection, Document, Tag

# The most that one request may change.
MOST = 500


@require_POST
@requires(Capability.UPLOAD)
def several(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The pressed button says what: put or take (a tag), move, retry, delete. What is not the person's is not there."""
    verb = next((name for name in _VERBS if name in request.POST), "")
    try:
        documents = _marked(request, verb)
        if verb == "delete" and not request.POST.get("confirmed"):
            return render(request, "documents/delete_several.html", {"documents": documents})
        said = _VERBS[verb](request, documents)
    except (DocumentError, CollectionError) as error:
        messages.error(request, error.text)
    except (Tag.DoesNotExist, Collection.DoesNotExist) as error:
        raise Http404 from error
    else:
        messages.success(request, said)
    return show(request) if request.htmx else redirect("documents:library")


def _marked(request: AuthenticatedHttpRequest, verb: str) -> list[Document]:
    """Raises DocumentError; 404 where nothing of it is the person's own."""
    if not verb:
        raise DocumentError("Choose what to do with the documents. Nothing was changed.")
    given = request.POST.getlist("document")
    if not given:
        raise DocumentError("No document was marked. Mark at least one, then choose what to do.")
    if len(given) > MOST:
        raise DocumentError(f"At most {MOST} documents can be changed at once. Nothing was changed; mark fewer.")
    try:
        keys = {UUID(pk) for pk in given}
    except ValueError as error:
        raise DocumentError("The list of marked documents is broken. Nothing was changed; reload the page.") from error
    documents = list(Document.objects.visible_to(request.user).filter(pk__in=keys))
    if not documents:
        raise Http404
    return documents


def _tag(request: AuthenticatedHttpRequest, documents: list[Document]) -> str:
    wanted = tagging.chosen(request.user, request.POST["put"], request.POST.get("new_tag", ""))
    changed = tagging.tag(documents, wanted)
    return _counted(len(changed), "got the tag.", "The marked documents have this tag already.")


def _untag(request: AuthenticatedHttpRequest, documents: list[Document]) -> str:
    changed = tagging.untag(documents, tagging.chosen(request.user, request.POST["take"], ""))
    return _counted(len(changed), "lost the tag.", "None of the marked documents has this tag.")


def _move(request: AuthenticatedHttpRequest, documents: list[Document]) -> str:
    """Into a collection of one's own."""
    try:
        key = UUID(request.POST["move"])
    except ValueError as error:
        raise DocumentError("This cannot be chosen. Nothing was changed; choose from the list.") from error
    collection = Collection.objects.get(owner=request.user, pk=key)
    moved = keeping.put(request.user, [document.pk for document in documents], collection)
    return _counted(moved, "{} moved to the collection.", "The marked documents are in this collection already.")


def _retry(_request: AuthenticatedHttpRequest, documents: list[Document]) -> str:
    return _counted(shelf.retry(*documents), "{} queued again.", "None of the marked documents had failed.")


def _delete(_request: AuthenticatedHttpRequest, documents: list[Document]) -> str:
    return _counted(shelf.delete(*documents), "{} deleted.", "The marked documents are gone already.")


def _counted(number: int, what: str, none: str) -> str:
    """`what` has a place for "was" or "were", as in "{} deleted."; a past tense of its own needs none."""
    if not number:
        return none
    return f"1 document {what.format('was')}" if number == 1 else f"{number} documents {what.format('were')}"


_VERBS: dict[str, Callable[[AuthenticatedHttpRequest, list[Document]], str]] = {
    "put": _tag,
    "take": _untag,
    "move": _move,
    "retry": _retry,
    "delete": _delete,
}
