import io
import uuid
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.core.exceptions import TooManyFilesSent
from django.db.models import Sum
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_POST

from accounts import audit
from accounts.capabilities import Capability, requires
from accounts.http import AuthenticatedHttpRequest
from accounts.limits.rates import EXPORT, counted
from accounts.rights import archive
from accounts.second_factor import confirmed_recently
from chats import replies
from chats.exchange import asking, files, writing
from chats.exchange.models import ExchangeJob
from chats.images.models import Picture
from chats.models import Conversation, Message
from documents.uploads import SizeLimit, limit_sizes

# What the page lists of earlier jobs.
_LISTED = 10
# Longer conversations are made into a file by a worker.
_DIRECT = 2_000
_DIRECT_PICTURES = 20_000_000


@never_cache
@require_GET
@requires(Capability.CHAT)
def home(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Import and export. While something is under way, its list asks for its state now and then."""
    template = "exchange/_jobs.html" if request.htmx else "exchange/home.html"
    return render(request, template, _context(request))


@require_POST
@requires(Capability.CHAT)
@confirmed_recently
def export(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The conversations named by `chat`, or all."""
    try:
        chosen = _chosen(request)
        asking.export(request.user, request.POST.get("form", ""), chosen)
    except asking.Refused as refused:
        return _refused(request, refused)
    return to_latest(request)


def to_latest(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The page, at what was asked for last."""
    return replies.go(request, f"{reverse('exchange:home')}#latest")


def _chosen(request: AuthenticatedHttpRequest) -> Iterable[Conversation]:
    try:
        ids = {uuid.UUID(pk) for pk in request.POST.getlist("chat")}
    except ValueError:
        raise asking.Refused("One of the chosen chats is not there. Reload the page and choose again.") from None
    if not ids:
        return ()
    found = list(Conversation.objects.visible_to(request.user).filter(pk__in=ids))
    if len(found) < len(ids):
        raise Http404
    return found


@csrf_exempt
@require_POST
@requires(Capability.CHAT)
def take_in(request: AuthenticatedHttpRequest) -> HttpResponseBase:
    """The limit must stand before anything reads the body, and the CSRF check does; so that check comes last."""
    limit = limit_sizes(request)
    try:
        request.FILES  # noqa: B018 - reads the body, with the limit
    except TooManyFilesSent:
        return _refused(request, asking.Refused("One file can be imported at a time. None of these was taken."))
    return _take_in(request, limit)


@csrf_protect
def _take_in(request: AuthenticatedHttpRequest, limit: SizeLimit) -> HttpResponse:
    try:
        if limit.dropped:
            raise asking.too_large()
        asking.take_in(request.user, request.FILES.get("file"))
    except asking.Refused as refused:
        return _refused(request, refused)
    return to_latest(request)


@never_cache
@require_GET
@requires(Capability.CHAT)
@confirmed_recently
def download(request: AuthenticatedHttpRequest, job_id: uuid.UUID) -> HttpResponse | FileResponse:
    made = ExchangeJob.objects.visible_to(request.user).filter(kind=ExchangeJob.Kind.EXPORT).exclude(file="")
    job = get_object_or_404(made, pk=job_id, expires_at__gt=timezone.now())
    try:
        file = archive.open_archive(job.file, owner_id=request.user.pk)
    except FileNotFoundError:
        raise Http404 from None
    _record_download(request, ("exchange", job.pk), job.form)
    kind = "pdf" if files.is_single(job) else "zip"
    name = f"chatsite-chats-{job.created_at:%Y-%m-%d}-{job.form}.{kind}"
    return FileResponse(file, as_attachment=True, filename=name, content_type=f"application/{kind}")


@require_POST
@requires(Capability.CHAT)
def forget(request: AuthenticatedHttpRequest, job_id: uuid.UUID) -> HttpResponse:
    job = get_object_or_404(ExchangeJob.objects.visible_to(request.user), pk=job_id)
    if job.is_unfinished:
        messages.error(request, "This is still under way. It can be removed when it is done.")
    else:
        asking.forget(job)
    return to_latest(request)


@never_cache
@require_GET
@requires(Capability.CHAT)
def as_json(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse | FileResponse:
    found = _conversation(request, conversation_id)
    if _is_long(found):
        return _by_worker(request, found, ExchangeJob.Form.JSON)
    return _file(request, found, b"".join(writing.json_parts([found])), "json", "application/json")


@never_cache
@require_GET
@requires(Capability.CHAT)
def as_markdown(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse | FileResponse:
    found = _conversation(request, conversation_id)
    if _is_long(found):
        return _by_worker(request, found, ExchangeJob.Form.MARKDOWN)
    text = writing.markdown(found, writing.messages_of(found), with_pictures=True).encode("utf-8", "replace")
    return _file(request, found, text, "md", "text/markdown; charset=utf-8")


def _conversation(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> Conversation:
    rows = Conversation.objects.visible_to(request.user).select_related("folder").prefetch_related("tagged__tag")
    return get_object_or_404(rows, pk=conversation_id)


def _is_long(conversation: Conversation) -> bool:
    if Message.objects.filter(conversation=conversation).count() > _DIRECT:
        return True
    pictures = Picture.objects.filter(message__conversation=conversation).aggregate(total=Sum("size"))
    return (pictures["total"] or 0) > _DIRECT_PICTURES


@confirmed_recently
@counted(EXPORT)
def _by_worker(request: AuthenticatedHttpRequest, found: Conversation, form: str) -> HttpResponse:
    try:
        asking.export(request.user, form, [found])
    except asking.Refused as refused:
        return _refused(request, refused)
    return to_latest(request)


def _file(
    request: AuthenticatedHttpRequest, found: Conversation, content: bytes, extension: str, media_type: str
) -> FileResponse:
    _record_download(request, ("chat", found.pk), extension)
    name = archive.safe_path(f"{writing.file_name(found)}.{extension}".replace("/", "_"))
    return FileResponse(io.BytesIO(content), as_attachment=True, filename=name, content_type=media_type)


def _record_download(request: AuthenticatedHttpRequest, resource: tuple[str, uuid.UUID], form: str) -> None:
    audit.record(audit.Action.EXPORT_DOWNLOADED, user=request.user, request=request, resource=resource, form=form)


def _context(request: AuthenticatedHttpRequest) -> dict[str, Any]:
    own = ExchangeJob.objects.visible_to(request.user)
    jobs = list(own.order_by("-created_at")[:_LISTED])
    return {
        "jobs": jobs,
        "is_waiting": any(job.is_unfinished for job in jobs),
        "chat_count": Conversation.objects.visible_to(request.user).count(),
        "now": timezone.now(),
    }


def _refused(request: AuthenticatedHttpRequest, refused: asking.Refused) -> HttpResponse:
    context = {**_context(request), "refusal": refused.text}
    return render(request, "exchange/home.html", context, status=refused.status)
