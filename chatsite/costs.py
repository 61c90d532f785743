"""What each view costs: the one table of who may ask how often. A new view is counted without a line here.

Free are: static files (they are answered before), health, and everything that makes less work: stopping, deleting,
signing out. Reading costs so little that no person and no page of ours comes to its end.
"""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render

from accounts.limits import rates
from accounts.limits.rates import EXPORT, Budget, TooMany

ASK = Budget("ask", person=1, address=10, words="Those were many questions in a short time. This one was not sent.")
UPLOAD = Budget("upload", person=1, address=10, words="Those were many uploads in a short time. Nothing was added.")
# A question has several, and they come one by one.
PICTURE = Budget(
    "picture", person=4, address=40, words="Those were many pictures in a short time. This one was not added."
)
SEARCH = Budget("search", person=1, address=10, words="Those were many searches in a short time.")
# A file that is there or is made while one waits: five at once, then one every two seconds.
DOWNLOAD = Budget(
    "download", person=1, address=10, cost=2, words="Those were many downloads in a short time. This one was not begun."
)
# Guessing is the danger, so an address has no more than a person. allauth counts failures of each account besides.
SIGN_IN = Budget(
    "sign-in",
    person=1,
    address=1,
    words="There were many tries from your address in a short time. Nothing was changed.",
)
# Any other change: a row or two.
CHANGE = Budget("change", person=4, address=40)
# A page of a document as a picture: the first time, a process draws it. Nobody leafs through a hundred at once.
PAGE = Budget("page", person=10, address=None, words="Those were many pages in a short time.")
# Whatever else somebody who has signed in reads, by themselves or for their page: forty in a second for as long as they
# like, four hundred at once. A chat of five hundred messages comes in parts of a few; a page that waits asks every two
# seconds; scripts of one's own notice. By person only: behind one address many people read.
READ = Budget("read", person=40, address=None, words="Those were very many requests in a short time.")
# A page for somebody who has not signed in.
VISIT = Budget("visit", person=None, address=10, words="There were many requests from your address in a short time.")

# What a change costs, by the name of its view.
COSTS: dict[str, Budget | None] = {
    "chats:start": ASK,
    "chats:post_message": ASK,
    "chats:regenerate": ASK,
    "chats:continue_answer": ASK,
    "chats:stop": None,
    "chats:delete": None,
    "images:upload": PICTURE,
    "images:remove": None,
    "images:text": UPLOAD,
    "searching:search": SEARCH,
    "passage_search:search": SEARCH,
    "exchange:export": EXPORT,
    "exchange:take_in": UPLOAD,
    "exchange:forget": None,
    "documents:upload": UPLOAD,
    # Names are opened one by one to be looked into.
    "documents:library": SEARCH,
    "documents:retry": UPLOAD,
    "documents:delete": None,
    "accounts:set_up": SIGN_IN,
    "account_logout": None,
    # Passwords and codes can be guessed here too.
    "second_factor:confirm": SIGN_IN,
    "second_factor:enrol": SIGN_IN,
    "second_factor:remove": SIGN_IN,
    "invitations:accept": SIGN_IN,
    "rights:delete": SIGN_IN,
    "rights:export": EXPORT,
}
# What costs more to read than a page does. With `?q=` every page is a search.
READING = {
    "rights:download": DOWNLOAD,
    "exchange:download": DOWNLOAD,
    # A long one is an export besides, which the view counts.
    "exchange:as_json": DOWNLOAD,
    "exchange:as_markdown": DOWNLOAD,
    "documents:page_image": PAGE,
    "admin:audit_auditevent_export_csv": EXPORT,
    "admin:audit_auditevent_export_json": EXPORT,
}
FREE = {"health", "ready"}
# What signs in, by the beginning of its address: allauth's pages, second factors, other providers.
_SIGN_IN = "/accounts/"
# The way to another provider and back: nothing can be guessed there, and in the morning an office has one address.
_ELSEWHERE = "/accounts/sso/"
_SAFE = {"GET", "HEAD", "OPTIONS"}


def budget_of(request: HttpRequest) -> Budget | None:
    match = request.resolver_match
    name = match.view_name if match else ""
    if name in READING and not isinstance(request.user, AnonymousUser):
        return READING[name]
    if request.method not in _SAFE:
        return COSTS[name] if name in COSTS else _of_a_change(request.path)
    if "q" in request.GET:
        return SEARCH
    if name in FREE:
        return None
    return VISIT if isinstance(request.user, AnonymousUser) else READ


def _of_a_change(path: str) -> Budget:
    if path.startswith(_ELSEWHERE):
        return VISIT
    return SIGN_IN if path.startswith(_SIGN_IN) else CHANGE


class Limits:
    """Middleware: counts before the view, and before anything reads the body of an upload."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        if response.status_code == 429:
            # allauth's own limits for signing in do not say when; most of them are for a minute.
            response.setdefault("Retry-After", "60")
        return response

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponseBase | None:
        if settings.RATE_LIMIT_PER_MINUTE == 0:
            return None
        budget = budget_of(request)
        if budget is not None:
            try:
                rates.check(request, budget)
            except TooMany as refused:
                return too_many(request, refused)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        """A view may count by itself, where only it knows who asks."""
        return too_many(request, error) if isinstance(error, TooMany) else None


def too_many(request: HttpRequest, refused: TooMany) -> HttpResponse:
    """429 in the form that was asked for. What the person wrote is given back to them."""
    response: HttpResponse
    if request.path.startswith(("/api/", "/v1/")):
        problem = {"type": "about:blank", "title": refused.text, "status": 429, "code": refused.code}
        response = JsonResponse(problem, status=429, content_type="application/problem+json")
    elif "HX-Request" in request.headers:
        response = render(request, "limits/_too_many.html", {"text": refused.text}, status=429)
    else:
        context = {"text": refused.text, "retry_after": refused.retry_after, "kept": _kept(request, refused.budget)}
        response = render(request, "429.html", context, status=429)
    response["Retry-After"] = str(refused.retry_after)
    response["Cache-Control"] = "private, no-store"
    return response


def _kept(request: HttpRequest, budget: Budget) -> dict[str, str]:
    """A question that came from a page without scripts, to be sent again from the page that refuses it."""
    if budget is not ASK:
        return {}
    wanted = ("content", "model", "documents_offered", "use_documents")
    return {name: request.POST[name] for name in wanted if name in request.POST}
