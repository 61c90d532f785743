import re
import secrets
import uuid
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url

from chatsite import logs

GetResponse = Callable[[HttpRequest], HttpResponse]

_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")


def request_id(get_response: GetResponse) -> GetResponse:
    """Give every request an id, the proxy's if it sent one, and hand it to logs, tasks and the response."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        current = given if _WELL_FORMED.fullmatch(given) else uuid.uuid4().hex
        token = logs.request_id.set(current)
        try:
            response = get_response(request)
        finally:
            logs.request_id.reset(token)
        response["X-Request-ID"] = current
        return response

    return middleware


def content_security_policy(get_response: GetResponse) -> GetResponse:
    """Nothing from elsewhere, nothing inline. The nonce is for the script tags that htmx's template tag writes."""

    def middleware(request: HttpRequest) -> HttpResponse:
        nonce = secrets.token_urlsafe(16)
        request.csp_nonce = nonce  # type: ignore[attr-defined]  # read by the template tag
        response = get_response(request)
        response.setdefault(
            "Content-Security-Policy",
            f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; "
            "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'",
        )
        return response

    return middleware


def htmx(get_response: GetResponse) -> GetResponse:
    """What every htmx answer needs.

    Caches must keep fragments and pages apart. And where the session has ended, the whole page goes to sign-in and
    comes back afterwards: a redirect would put the sign-in page into the place of a fragment.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if "HX-Request" in request.headers and _leads_to_sign_in(response):
            page = urlsplit(request.headers.get("HX-Current-URL", ""))
            back = urlencode({"next": page.path or "/"})
            response = HttpResponse(status=204, headers={"HX-Redirect": f"{resolve_url(settings.LOGIN_URL)}?{back}"})
        response["Vary"] = ", ".join(filter(None, [response.get("Vary", ""), "HX-Request"]))
        return response

    return middleware


def _leads_to_sign_in(response: HttpResponse) -> bool:
    return response.status_code == 302 and response["Location"].startswith(resolve_url(settings.LOGIN_URL))
