"""What makes a browser offer to install the site: a manifest, and a service worker that shows a page when there is no
connection. The worker keeps that page and its style sheets and nothing else, so nothing of anybody's is ever in its
cache."""

import hashlib
import json

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_safe

# What the page without a connection shows.
_OFFLINE_FILES = ("css/base.css", "css/components.css", "icons/favicon.svg")


@login_not_required
@require_safe
def manifest(_request: HttpRequest) -> JsonResponse:
    about = {
        "id": "/",
        "name": "Chatsite",
        "short_name": "Chatsite",
        "description": "Chat with your models and your documents.",
        "lang": "en",
        "start_url": reverse("chats:home"),
        "scope": "/",
        "display": "standalone",
        "background_color": "#fcfbf9",
        "theme_color": "#11595a",
        "icons": [
            {"src": static("icons/favicon.svg"), "type": "image/svg+xml", "sizes": "any"},
            {"src": static("icons/app-192.png"), "type": "image/png", "sizes": "192x192"},
            {"src": static("icons/app-512.png"), "type": "image/png", "sizes": "512x512"},
            {
                "src": static("icons/app-maskable-512.png"),
                "type": "image/png",
                "sizes": "512x512",
                "purpose": "maskable",
            },
        ],
        "shortcuts": [
            {"name": "New chat", "url": reverse("chats:home")},
            {"name": "Documents", "url": reverse("documents:library")},
        ],
    }
    return JsonResponse(about, content_type="application/manifest+json")


@login_not_required
@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    page = render(request, "installation/offline.html").content
    files = [static(path) for path in _OFFLINE_FILES]
    version = hashlib.sha256(page + "".join(files).encode()).hexdigest()[:12]
    context = {"kept_json": json.dumps({"version": version, "page": reverse("offline"), "files": files})}
    response = render(request, "installation/service_worker.js", context, content_type="text/javascript")
    # A worker asks under its own policy.
    response["Content-Security-Policy"] = "default-src 'none'; connect-src 'self'; style-src 'self'; img-src 'self'"
    response["Cache-Control"] = "no-cache"
    return response


@login_not_required
@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """The same for everybody: the worker keeps it."""
    return render(request, "installation/offline.html")
