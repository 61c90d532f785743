from django.contrib import admin
from django.urls import include, path

from chatsite import installation, views

urlpatterns = [
    path("health", views.health, name="health"),
    path("ready", views.ready, name="ready"),
    path("manifest.webmanifest", installation.manifest, name="manifest"),
    path("service-worker.js", installation.service_worker, name="service_worker"),
    path("offline", installation.offline, name="offline"),
    path("admin/", admin.site.urls),
    path("accounts/", include("accounts.sign_in_urls")),
    path("accounts/sso/", include("accounts.sso.urls")),
    path("", include("accounts.urls")),
    path("", include("accounts.second_factor.urls")),
    path("", include("accounts.invitations.urls")),
    path("", include("accounts.rights.urls")),
    path("", include("documents.passage_search.urls")),
    path("", include("documents.tuning.urls")),
    path("documents/", include("documents.urls")),
    path("documents/", include("documents.collections.urls")),
    path("", include("chats.comparing.urls")),
    path("", include("chats.editing.urls")),
    path("", include("chats.exchange.urls")),
    path("", include("chats.explaining.urls")),
    path("", include("chats.images.urls")),
    path("", include("chats.prompting.urls")),
    path("", include("chats.scoping.urls")),
    path("", include("chats.searching.urls")),
    path("", include("chats.shortcuts.urls")),
    path("", include("chats.rating.urls")),
    path("", include("chats.sharing.urls")),
    path("", include("chats.organising.urls")),
    path("", include("chats.urls")),
]
