import re
import secrets
import uuid
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.urls import Resolver404, resolve
from django.utils.cache import patch_vary_headers

from chatsite import headers, logs

GetResponse = Callable[[HttpRequest], HttpResponse]

_INTERFACES = ("/api/", "/v1/")
# Views that sign somebody out for good. Deleting an account may also be refused, and then nobody left.
_LEAVING = {"account_logout", "admin:logout", "rights:delete", "rights:withdraw_consent"}
# Pages with a field for questions, which the browser keeps until they are sent.
_ASKING = {"chats:home", "chats:conversation"}
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")


def request_id(get_response: GetResponse) -> GetResponse:
    """Give every request an id, the trusted proxy's if it sent one, and hand it to logs, tasks and the response.

    A visitor's own would stand in the audit log, where it could make many requests look like one, or like another's.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "") if settings.TRUST_PROXY else ""
        current = given if _WELL_FORMED.fullmatch(given) else uuid.uuid4().hex
        token = logs.request_id.set(current)
        request.request_id = current  # type: ignore[attr-defined]  # read by the audit log
        try:
            response = get_response(request)
        finally:
            logs.request_id.reset(token)
        response["X-Request-ID"] = current
        return response

    return middleware


def protection(get_response: GetResponse) -> GetResponse:
    """The headers of every answer (chatsite/headers.py). Stands above all that may answer by itself."""

    def middleware(request: HttpRequest) -> HttpResponse:
        nonce = secrets.token_urlsafe(16)
        request.csp_nonce = nonce  # type: ignore[attr-defined]  # read by the template tag
        response = get_response(request)
        # A file that somebody keeps here may be of any type. It is never one of our pages.
        is_file = response.get("Content-Disposition", "").startswith("attachment")
        is_page = response.get("Content-Type", "").startswith("text/html") and not is_file
        headers.complete(response, policy=headers.page_policy(nonce) if is_page else headers.NOTHING)
        match = request.resolver_match
        if match and match.view_name in _LEAVING and request.method == "POST" and not request.user.is_authenticated:
            # Page pictures and drafts do not stay behind for the next person at this machine.
            response["Clear-Site-Data"] = '"cache", "storage"'
        return response

    return middleware


def cors(get_response: GetResponse) -> GetResponse:
    """Lets the pages of ALLOWED_ORIGINS, and no others, call the programming interfaces and read their answers.

    Never with cookies: such a page brings a key of its own. Pages of ours need none of this, and the rest of the
    product is closed to all other sites.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(_INTERFACES):
            return get_response(request)
        origin = request.headers.get("Origin", "")
        is_allowed = origin.lower() in {allowed.lower() for allowed in settings.ALLOWED_ORIGINS}
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            response = HttpResponse(status=204 if is_allowed else 403)
            if is_allowed:
                response["Access-Control-Allow-Methods"] = "GET, POST, PUT, PATCH, DELETE"
                response["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Last-Event-ID, X-API-Key"
                response["Access-Control-Max-Age"] = "600"
        else:
            response = get_response(request)
            if is_allowed:
                response["Access-Control-Expose-Headers"] = "Retry-After, X-Request-ID"
        if is_allowed:
            response["Access-Control-Allow-Origin"] = origin
        patch_vary_headers(response, ["Origin"])
        return response

    return middleware


def htmx(get_response: GetResponse) -> GetResponse:
    """What every htmx answer needs.

    Caches must keep fragments and pages apart. And where the session has ended, the whole page goes to sign-in and
    comes back afterwards: a redirect would put the sign-in page into the place of a fragment. `ended` has that page say
    why it is there, and whether what was being written is kept.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if "HX-Request" in request.headers and _leads_to_sign_in(response):
            page = urlsplit(request.headers.get("HX-Current-URL", ""))
            path = page.path or "/"
            back = {"next": f"{path}?{page.query}" if page.query else path, "ended": _kept_by(path)}
            address = f"{resolve_url(settings.LOGIN_URL)}?{urlencode(back)}"
            response = HttpResponse(status=204, headers={"HX-Redirect": address})
        response["Vary"] = ", ".join(filter(None, [response.get("Vary", ""), "HX-Request"]))
        return response

    return middleware


def _kept_by(path: str) -> str:
    try:
        return "question" if resolve(path).view_name in _ASKING else "1"
    except Resolver404:
        return "1"


def _leads_to_sign_in(response: HttpResponse) -> bool:
    return response.status_code == 302 and response["Location"].startswith(resolve_url(settings.LOGIN_URL))
