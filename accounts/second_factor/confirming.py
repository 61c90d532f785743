"""Confirming that it is still the same person, before what matters: deleting, exporting, keys, roles, one's sign-in."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from accounts.going_back import is_own_address

P = ParamSpec("P")
R = TypeVar("R", bound=HttpRequest)
T = TypeVar("T", bound=HttpResponseBase)

# Seconds that a confirmation lasts. Signing in is one.
CONFIRM_WITHIN = 15 * 60
# In the session: when it was last shown that it is the person themselves.
CONFIRMED_AT = "confirmed_at"
# In a visitor's session: the sign-in to come has to prove who it is, also at another provider (accounts.sso).
ANEW = "sign_in_anew"


def note_sign_in(request: HttpRequest | None, **_: Any) -> None:
    """A sign-in confirms, unless another provider let the person in because of one that it remembers: then it counts
    from that one on."""
    if request is not None:
        request.session.pop(ANEW, None)
        request.session[CONFIRMED_AT] = int(getattr(request, "proved_at", time.time()))


def confirm(request: HttpRequest) -> None:
    request.session[CONFIRMED_AT] = int(time.time())


def demand_anew(request: HttpRequest) -> None:
    request.session[ANEW] = True


def is_demanded_anew(request: HttpRequest) -> bool:
    return bool(request.session.get(ANEW))


def is_confirmed(request: HttpRequest) -> bool:
    confirmed_at: int = request.session.get(CONFIRMED_AT, 0)
    return 0 <= time.time() - confirmed_at < CONFIRM_WITHIN


def confirmed_recently(
    view: Callable[Concatenate[R, P], T],
) -> Callable[Concatenate[R, P], T | HttpResponse]:
    """For views: ask a person first who has not confirmed lately. What was posted is not kept; the page says so."""

    @wraps(view)
    def wrapper(request: R, /, *args: P.args, **kwargs: P.kwargs) -> T | HttpResponse:
        if not is_confirmed(request):
            return ask(request)
        return view(request, *args, **kwargs)

    return wrapper


def ask(request: HttpRequest) -> HttpResponse:
    """To the page that asks. It leads back to where the person was, or for a page to that page."""
    is_htmx = "HX-Request" in request.headers
    if is_htmx:
        back = _path(request.headers.get("HX-Current-URL", ""))
    elif request.method in {"GET", "HEAD"}:
        back = request.get_full_path()
    else:
        back = _path(request.headers.get("Referer", ""))
    query = {"next": back} if back else {}
    if request.method not in {"GET", "HEAD"}:
        query["again"] = "1"
    address = f"{reverse('second_factor:confirm')}?{urlencode(query)}"
    if is_htmx:
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return redirect(address)


def safe_next(request: HttpRequest) -> str:
    """Where a page of this package leads to: what `next` says if it is an address of this very host."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if is_own_address(request, wanted) and not urlsplit(wanted).path.startswith(reverse("second_factor:confirm")):
        return wanted
    return str(settings.LOGIN_REDIRECT_URL)


def _path(address: str) -> str:
    parts = urlsplit(address)
    return parts.path + (f"?{parts.query}" if parts.query else "")


class RequiresConfirmation:
    """For a ModelAdmin that changes rights: asked before a form is shown, so that nothing typed is lost, and before
    an action is done."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return ask(request) if not is_confirmed(request) else super().changeform_view(request, *args, **kwargs)  # type: ignore[misc]

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return ask(request) if not is_confirmed(request) else super().delete_view(request, *args, **kwargs)  # type: ignore[misc]

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method == "POST" and not is_confirmed(request):
            return ask(request)
        return super().changelist_view(request, *args, **kwargs)  # type: ignore[misc]
