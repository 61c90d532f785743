"""Pictures for a question that is being written, one request each, and those of questions as they are looked at."""

import uuid

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.html import escape
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.capabilities import Capability, requires
from accounts.http import AuthenticatedHttpRequest
from chats.images import keeping, taking_in
from chats.images import text as texts
from chats.images.errors import PictureRefused
from chats.images.models import Picture
from documents.uploads import SizeLimit, limit_sizes


@csrf_exempt
@require_POST
@requires(Capability.CHAT)
def upload(request: AuthenticatedHttpRequest) -> HttpResponseBase:
    """One picture, as `file`. The limit must stand before anything reads the body, and the CSRF check does; so that
    check comes last. Answers the preview for the composer, or a sentence."""
    limit = limit_sizes(request, settings.IMAGE_MAX_SIZE)
    try:
        request.FILES  # noqa: B018 - reads the body, with the limit
    except TooManyFilesSent:
        return _refused(PictureRefused("Pictures are added one by one. None of these was added."))
    return _upload(request, limit)


@csrf_protect
def _upload(request: AuthenticatedHttpRequest, limit: SizeLimit) -> HttpResponse:
    if limit.dropped:
        return _refused(taking_in.too_large())
    file = request.FILES.get("file")
    if file is None:
        return _refused(PictureRefused("No picture came with this request, so none was added. Choose one."))
    try:
        picture = taking_in.add(request.user, file, file.name or "")
    except PictureRefused as refused:
        return _refused(refused)
    return render(request, "images/_waiting.html", {"pictures": [picture]}, status=201)


@never_cache
@require_GET
@requires(Capability.CHAT)
def waiting(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The previews of those of `?id=…` that are still there and not sent: a page was loaded again."""
    wanted = _ids(request.GET.getlist("id")[: settings.IMAGES_PER_MESSAGE])
    found = Picture.objects.visible_to(request.user).unsent().in_bulk(wanted)
    pictures = [found[pk] for pk in wanted if pk in found]
    return render(request, "images/_waiting.html", {"pictures": pictures})


@require_GET
def draft(request: AuthenticatedHttpRequest, picture_id: uuid.UUID) -> HttpResponse:
    return shown(request, _unsent(request, picture_id))


@require_POST
@requires(Capability.CHAT)
def remove(request: AuthenticatedHttpRequest, picture_id: uuid.UUID) -> HttpResponse:
    taking_in.remove(_unsent(request, picture_id))
    return HttpResponse(status=204)


@never_cache
@require_http_methods(["GET", "POST"])
@requires(Capability.CHAT)
def text(request: AuthenticatedHttpRequest, picture_id: uuid.UUID) -> HttpResponse:
    """The text in a picture: asked for by POST, and given, with 202 until it is there, by GET."""
    found = _unsent(request, picture_id)
    if request.method == "POST":
        texts.ask(found)
    match found.reading:
        case Picture.Reading.DONE:
            return HttpResponse(found.text, content_type="text/plain; charset=utf-8")
        case Picture.Reading.ASKED | Picture.Reading.NOT_ASKED:
            return HttpResponse(status=202)
    words = texts.WORDS[Picture.Reading(found.reading)]
    return HttpResponse(words, status=422, content_type="text/plain; charset=utf-8")


@require_GET
def picture(
    request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID, number: int
) -> HttpResponse:
    mine = Picture.objects.visible_to(request.user)
    found = get_object_or_404(mine, message_id=message_id, message__conversation_id=conversation_id, number=number)
    return shown(request, found)


def shown(request: HttpRequest, found: Picture, *, kept: str = "private, max-age=3600") -> HttpResponse:
    """The picture, or with `?small` its preview. For whoever may see it; the caller knows."""
    size: keeping.Size = "small" if "small" in request.GET else "full"
    try:
        with keeping.opened(found, size) as file:
            content = file.read()
    except FileNotFoundError as error:
        raise Http404 from error
    headers = {"Cache-Control": kept, "X-Content-Type-Options": "nosniff", "Content-Disposition": "inline"}
    return HttpResponse(content, content_type=keeping.media_type(found, size), headers=headers)


def _unsent(request: AuthenticatedHttpRequest, picture_id: uuid.UUID) -> Picture:
    return get_object_or_404(Picture.objects.visible_to(request.user).unsent(), pk=picture_id)


def _ids(given: list[str]) -> list[uuid.UUID]:
    found = []
    for pk in given:
        try:
            found.append(uuid.UUID(pk))
        except ValueError:
            continue
    return found


def _refused(refused: PictureRefused) -> HttpResponse:
    return HttpResponse(escape(refused.text), status=refused.status)
