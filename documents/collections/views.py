"""The pages of collections: one's own and those of others, what is in one, and whom it is shared with."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.capabilities import Capability, may, refusal, requires
from accounts.http import AuthenticatedHttpRequest
from accounts.models import Role
from accounts.rights.requesting import Held
from documents.collections import access, giving, keeping, listing
from documents.collections.errors import CollectionError
from documents.collections.models import CollectionShare
from documents.finding import document_of, identifier
from documents.models import Collection, Document
from documents.rows import Row, for_rows

_ROWS_A_PAGE = 50
# Documents offered for putting in, and documents in one request.
_MOST_OFFERED = 200
_MOST_AT_ONCE = 500


@never_cache
@require_http_methods(["GET", "POST"])
@requires(Capability.READ)
def home(request: AuthenticatedHttpRequest) -> HttpResponse:
    """All that there are for a person, and making one."""
    if request.method != "POST":
        return _home(request)
    if not may(request.user, Capability.UPLOAD):
        return HttpResponse(refusal(Capability.UPLOAD), status=403)
    name = request.POST.get("name", "")
    try:
        made = keeping.create(request.user, name)
    except CollectionError as error:
        return _home(request, error=error.text, name=name[:200])
    return redirect("collections:page", made.pk)


def _home(request: AuthenticatedHttpRequest, *, error: str = "", name: str = "") -> HttpResponse:
    context = {
        "own": listing.own(request.user),
        "received": listing.received(request.user),
        "may_change": may(request.user, Capability.UPLOAD),
        "error": error,
        "name": name,
    }
    return render(request, "collections/home.html", context, status=422 if error else 200)


@never_cache
@require_safe
@requires(Capability.READ)
def page(request: AuthenticatedHttpRequest, collection_id: UUID) -> HttpResponse:
    """What is in one, for its owner and for whom it is shared with."""
    found = access.readable_collection(request.user.pk, collection_id)
    if found is None:
        raise Http404
    return _page(request, found)


def _page(request: AuthenticatedHttpRequest, found: Collection, *, error: str = "") -> HttpResponse:
    is_own = found.owner_id == request.user.pk
    inside = for_rows(Document.objects.filter(collection=found, owner=found.owner_id))
    if not is_own:
        # What is not read yet is the owner's business.
        inside = inside.filter(current_version__isnull=False)
    shown = Paginator(inside.order_by("-created_at", "pk"), _ROWS_A_PAGE).get_page(request.GET.get("page"))
    may_change = is_own and may(request.user, Capability.UPLOAD)
    context = {
        "collection": found,
        "is_own": is_own,
        "may_change": may_change,
        "page": shown,
        "rows": [Row.of(document) for document in shown],
        "offered": _offered(request, found) if may_change else [],
        "shares": listing.given(found) if is_own else [],
        "until": None if is_own else access.until(request.user.pk, found.pk),
        "error": error,
    }
    return render(request, "collections/page.html", context, status=422 if error else 200)


def _offered(request: AuthenticatedHttpRequest, found: Collection) -> list[Document]:
    others = Document.objects.visible_to(request.user).exclude(collection=found).select_related("collection")
    return list(others.order_by("-created_at", "pk")[:_MOST_OFFERED])


@require_POST
@requires(Capability.UPLOAD)
def rename(request: AuthenticatedHttpRequest, collection_id: UUID) -> HttpResponse:
    found = _own(request, collection_id)
    return _done(request, found, lambda: keeping.rename(found, request.POST.get("name", "")), "It has a new name.")


@require_POST
@requires(Capability.UPLOAD)
def fill(request: AuthenticatedHttpRequest, collection_id: UUID) -> HttpResponse:
    found, documents = _own(request, collection_id), _chosen(request)
    return _done(request, found, lambda: _told(keeping.put(request.user, documents, found), "put in"))


@require_POST
@requires(Capability.UPLOAD)
def take_out(request: AuthenticatedHttpRequest, collection_id: UUID) -> HttpResponse:
    found, documents = _own(request, collection_id), _chosen(request)
    return _done(request, found, lambda: _told(keeping.take_out(request.user, documents, found), "taken out"))


@require_POST
@requires(Capability.UPLOAD)
def delete(request: AuthenticatedHttpRequest, collection_id: UUID) -> HttpResponse:
    found = _own(request, collection_id)
    try:
        keeping.delete(found)
    except Held as held:
        # Asked for by htmx, which shows no page that comes with an error.
        messages.error(request, held.text)
        return redirect("collections:page", found.pk)
    messages.success(request, "The collection was deleted. Its documents are kept, and are shared with nobody.")
    return redirect("collections:home")


@require_POST
@requires(Capability.UPLOAD)
def choose(request: AuthenticatedHttpRequest, document_id: UUID) -> HttpResponse:
    """From a document's page: which collection it is in, or in none."""
    try:
        said = _place(request, document_of(request, document_id))
    except CollectionError as error:
        messages.error(request, error.text)
    else:
        messages.success(request, said)
    return redirect("documents:detail", document_id)


def _place(request: AuthenticatedHttpRequest, document: Document) -> str:
    """What to say."""
    wanted = request.POST.get("collection", "")
    if not wanted:
        if document.collection is not None:
            keeping.take_out(request.user, [document.pk], document.collection)
        return "The document is in no collection."
    key = identifier(wanted)
    found = Collection.objects.filter(owner=request.user, pk=key).first() if key else None
    if found is None:
        raise CollectionError("This collection is not there any more. The document is where it was.")
    keeping.put(request.user, [document.pk], found)
    return "The document is in the collection."


@never_cache
@require_http_methods(["GET", "POST"])
def shares(request: AuthenticatedHttpRequest, collection_id: UUID) -> HttpResponse:
    """Whom a collection is shared with, and sharing it with somebody else."""
    found = _own(request, collection_id)
    if request.method != "POST":
        return _shares(request, found)
    if not may(request.user, Capability.UPLOAD):
        return HttpResponse(refusal(Capability.UPLOAD), status=403)
    try:
        said = _share(request, found)
    except CollectionError as error:
        return _shares(request, found, error=error.text)
    return _shares(request, found, said=said)


@require_POST
def end(request: AuthenticatedHttpRequest, collection_id: UUID, share_id: UUID) -> HttpResponse:
    """Whoever may not share any more may still end what they shared."""
    mine = CollectionShare.objects.visible_to(request.user).select_related("collection")
    share = get_object_or_404(mine, pk=share_id, collection_id=collection_id)
    giving.end(share)
    return _shares(request, share.collection, said="The share was ended. Nothing of it can be read or found any more.")


def _share(request: AuthenticatedHttpRequest, found: Collection) -> str:
    days = request.POST.get("days", "0")
    number = int(days) if days.isdecimal() and len(days) < 5 else -1
    match request.POST.get("kind"):
        case CollectionShare.Kind.PERSON:
            giving.with_person(found, request.POST.get("address", "")[:400], days=number)
            return "If this address has an account here, its owner can now read and search the collection."
        case CollectionShare.Kind.ROLE:
            giving.with_role(found, request.POST.get("role", ""), days=number)
            return "Everybody with this role can now read and search the collection."
    raise CollectionError("Choose whom to share with. Nothing was shared.")


def _shares(request: AuthenticatedHttpRequest, found: Collection, *, error: str = "", said: str = "") -> HttpResponse:
    context = {
        "collection": found,
        "shares": listing.given(found),
        "roles": Role.choices,
        "error": error,
        "said": said,
        "address": request.POST.get("address", "")[:400] if error else "",
    }
    template = "collections/_shares.html" if request.htmx else "collections/shares.html"
    return render(request, template, context, status=422 if error and not request.htmx else 200)


def _own(request: AuthenticatedHttpRequest, collection_id: UUID) -> Collection:
    return get_object_or_404(Collection.objects.filter(owner=request.user).select_related("owner"), pk=collection_id)


def _chosen(request: AuthenticatedHttpRequest) -> list[UUID]:
    """What is no identifier is nobody's document."""
    found = map(identifier, request.POST.getlist("documents")[:_MOST_AT_ONCE])
    return [key for key in found if key is not None]


def _done(
    request: AuthenticatedHttpRequest, found: Collection, verb: Callable[[], Any], said: str = ""
) -> HttpResponse:
    """What the verb returns is what is said, unless something is given."""
    try:
        result = verb()
    except CollectionError as error:
        found.refresh_from_db()
        return _page(request, found, error=error.text)
    messages.success(request, said or str(result))
    return redirect("collections:page", found.pk)


def _told(count: int, done: str) -> str:
    if not count:
        return "Nothing was changed: no document was marked that could be moved."
    return f"{count} document{'s were' if count != 1 else ' was'} {done}."
