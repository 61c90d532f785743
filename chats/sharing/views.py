"""The owner's list of shares, and a viewer's read-only pages, which come in pairs: by name or role, and by link."""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import audit
from accounts.capabilities import Capability, may, refusal, requires
from accounts.http import AuthenticatedHttpRequest
from accounts.models import Role, User
from chats import replies
from chats.images.views import shown
from chats.models import Conversation
from chats.sharing import access, giving, listing, presenting
from chats.sharing.access import Admission
from chats.sharing.models import Share
from documents import pages
from documents.collections import listing as shelves

Reading = Callable[..., HttpResponse]

# --- The owner ----------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
def shares(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Whom a conversation is shared with, and sharing it with somebody else."""
    found = get_object_or_404(Conversation.objects.visible_to(request.user), pk=conversation_id)
    if request.method != "POST":
        return _shares(request, found)
    if not may(request.user, Capability.CHAT):
        return HttpResponse(refusal(Capability.CHAT), status=403)
    try:
        said, token = _share(request, found)
    except giving.NotShared as error:
        return _shares(request, found, error=error.text)
    link = request.build_absolute_uri(_link_address(token)) if token else ""
    return _shares(request, found, said=said, link=link)


@require_POST
def end(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, share_id: uuid.UUID) -> HttpResponse:
    """Whoever may not share any more may still end what they shared."""
    mine = Share.objects.visible_to(request.user).select_related("conversation")
    share = get_object_or_404(mine, pk=share_id, conversation_id=conversation_id, conversation__deleted_at=None)
    giving.end(share)
    return _shares(request, share.conversation, said="The share was ended. Pages that showed this chat are closed.")


def _share(request: AuthenticatedHttpRequest, found: Conversation) -> tuple[str, str]:
    """What to say, and the token of a link."""
    try:
        days = int(request.POST.get("days", "0"))
    except ValueError:
        days = -1
    match request.POST.get("kind"):
        case Share.Kind.PERSON:
            giving.with_person(found, request.POST.get("address", "")[:400], days=days)
            return "If this address has an account here, its owner can now read the chat under “Shared with you”.", ""
        case Share.Kind.ROLE:
            giving.with_role(found, request.POST.get("role", ""), days=days)
            return "Everybody with this role can now read the chat under “Shared with you”.", ""
        case Share.Kind.LINK:
            return "The link is ready. Copy it now: it is shown only once.", giving.by_link(found, days=days)[1]
    raise giving.NotShared("Choose whom to share with. Nothing was shared.")


def _link_address(token: str) -> str:
    return reverse("sharing:link_page", args=[token])


def _shares(
    request: AuthenticatedHttpRequest, found: Conversation, *, error: str = "", said: str = "", link: str = ""
) -> HttpResponse:
    context = {
        "conversation": found,
        "shares": listing.given(found),
        "roles": Role.choices,
        "links": settings.SHARE_LINKS,
        "error": error,
        "said": said,
        "link": link,
        "address": request.POST.get("address", "") if error else "",
    }
    template = "sharing/_shares.html" if request.htmx else "sharing/shares.html"
    return render(request, template, context, status=422 if error and not request.htmx else 200)


# --- Viewers ------------------------------------------------------------------------------------------------------


@require_GET
@requires(Capability.READ)
def home(request: AuthenticatedHttpRequest) -> HttpResponse:
    context = {"received": listing.received(request.user), "collections": shelves.received(request.user)}
    return render(request, "sharing/home.html", context)


@login_not_required
@require_GET
def ended(request: HttpRequest) -> HttpResponse:
    """Where an open page goes when it may not stay open. Says the same to everybody."""
    return render(request, "sharing/ended.html")


def _by_name(view: Reading) -> Reading:
    @require_GET
    @wraps(view)
    def by_name(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, **about: Any) -> HttpResponse:
        admission = access.for_person(request.user, conversation_id)
        if admission is None:
            raise Http404
        return view(request, admission, **about)

    return by_name


def _by_link(view: Reading) -> Reading:
    @login_not_required
    @wraps(view)
    def by_link(request: HttpRequest, token: str, **about: Any) -> HttpResponse:
        if not request.user.is_authenticated and settings.SHARE_LINKS != "anybody":
            return redirect_to_login(request.path)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET"])
        admission = access.for_link(request.user, token)
        if admission is None:
            return render(request, "sharing/ended.html", status=410)
        return view(request, admission, **about)

    return by_link


def _page(request: HttpRequest, admission: Admission) -> HttpResponse:
    found = presenting.conversation(admission)
    if found is None:
        raise Http404
    if admission.is_by_link:
        audit.record(
            audit.Action.SHARE_OPENED,
            request=request,
            resource=("chat", found.pk),
            share=admission.share_id,
            owner=admission.owner_id,
        )
    context = {
        "title": str(found),
        "owner": "" if admission.is_by_link or _is_owner(request, admission) else _owner_name(admission),
        "is_owner": _is_owner(request, admission),
        "frame": "base.html" if request.user.is_authenticated else "sharing/guest.html",
        **presenting.part(admission, found.active_leaf_id),
    }
    return render(request, "sharing/page.html", context)


def _is_owner(request: HttpRequest, admission: Admission) -> bool:
    return not admission.is_by_link and request.user.pk == admission.owner_id


def _owner_name(admission: Admission) -> str:
    return User.objects.get(pk=admission.owner_id).display_name


def _earlier(request: HttpRequest, admission: Admission) -> HttpResponse:
    try:
        before = uuid.UUID(request.GET.get("before", ""))
    except ValueError:
        return HttpResponse("The link to earlier messages is incomplete. Reload the page.", status=400)
    return render(request, "sharing/_messages.html", presenting.part(admission, before, below=True))


def _latest(request: HttpRequest, admission: Admission) -> HttpResponse:
    found = presenting.conversation(admission)
    if found is None:
        raise Http404
    return render(request, "sharing/_messages.html", presenting.part(admission, found.active_leaf_id))


def _message(request: HttpRequest, admission: Admission, message_id: uuid.UUID) -> HttpResponse:
    found = presenting.message(admission, message_id)
    if found is None:
        raise Http404
    return render(request, "chats/_message.html", {"message": found, "read_only": True})


def _text(_request: HttpRequest, admission: Admission, message_id: uuid.UUID) -> HttpResponse:
    found = presenting.text(admission, message_id)
    if found is None:
        raise Http404
    return replies.as_written(found)


def _citation(request: HttpRequest, admission: Admission, message_id: uuid.UUID, number: int) -> HttpResponse:
    source = presenting.source(admission, message_id, number)
    if source is None:
        raise Http404
    context = {
        "citation": source,
        "word": pages.place_word(None, source.document_name),
        "admission": admission,
        "frame": "base.html" if request.user.is_authenticated else "sharing/guest.html",
    }
    template = "sharing/_citation.html" if "HX-Request" in request.headers else "sharing/citation.html"
    return render(request, template, context)


def _picture(request: HttpRequest, admission: Admission, message_id: uuid.UUID, number: int) -> HttpResponse:
    found = presenting.picture(admission, message_id, number)
    if found is None:
        raise Http404
    # When the share ends, no browser has it any more.
    return shown(request, found, kept="private, no-store")


page, link_page = _by_name(_page), _by_link(_page)
earlier, link_earlier = _by_name(_earlier), _by_link(_earlier)
latest, link_latest = _by_name(_latest), _by_link(_latest)
message, link_message = _by_name(_message), _by_link(_message)
text, link_text = _by_name(_text), _by_link(_text)
citation, link_citation = _by_name(_citation), _by_link(_citation)
picture, link_picture = _by_name(_picture), _by_link(_picture)
