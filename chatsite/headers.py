"""What every answer tells the browser, whoever makes it: Django, the handler around it, or the server below both."""

from collections.abc import Iterator

from django.conf import settings
from django.http.response import HttpResponseBase

# Only names that browsers know: Chromium complains of each other one in the console of every page.
_POWERS = (
    "accelerometer autoplay browsing-topics camera display-capture encrypted-media fullscreen geolocation "
    "gyroscope hid identity-credentials-get idle-detection local-fonts magnetometer microphone midi payment "
    "picture-in-picture screen-wake-lock serial usb xr-spatial-tracking"
)

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # By http, browsers look up the names in links before anybody follows them, and a name can carry a message.
    "X-DNS-Prefetch-Control": "off",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{power}=()" for power in _POWERS.split()),
    "Cross-Origin-Opener-Policy": "same-origin",
    # Other sites may not draw our pictures or run our scripts. Fetching by CORS, for whom it is open, is another thing.
    "Cross-Origin-Resource-Policy": "same-origin",
}
# For what is no page: pictures, files, JSON, redirects, refusals. If a browser showed it as a page after all, that
# page could do nothing.
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# Neither kept on disk nor shown to the next person at this machine. Going back asks the server again, or, in browsers
# that keep whole pages in memory, shows the page as it was left; those drop it when the cookies change at sign-out.
PRIVATE = "private, no-store"


def page_policy(nonce: str) -> str:
    """Nothing from elsewhere, nothing inline. The nonce is for the script tags that htmx's template tag writes."""
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'" + ("; upgrade-insecure-requests" if settings.HTTPS else "")
    )


def always() -> Iterator[tuple[str, str]]:
    yield from _ALWAYS.items()
    if settings.SECURE_HSTS_SECONDS:
        # Browsers take it from a secure connection only, so it does no harm on another.
        yield "Strict-Transport-Security", f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains; preload"


def complete(response: HttpResponseBase, *, policy: str = NOTHING) -> None:
    """Add what is missing. What a view has set stays."""
    for name, value in always():
        response.setdefault(name, value)
    response.setdefault("Content-Security-Policy", policy)
    response.setdefault("Cache-Control", PRIVATE)


def raw(content_type: str) -> list[tuple[bytes, bytes]]:
    """All of it for an answer that is made outside Django."""
    given = {
        "Content-Type": content_type,
        **dict(always()),
        "Content-Security-Policy": NOTHING,
        "Cache-Control": PRIVATE,
    }
    return [(name.encode(), value.encode()) for name, value in given.items()]
