"""The administration as one place: its sections, its first page, and the pages that belong to no table."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_safe

from accounts.capabilities import Capability, may, requires
from chatsite.administration import configuration, dashboard, model_list


@dataclass(frozen=True)
class Section:
    label: str
    url: str
    icon: str
    is_current: bool


# Tables by the name of their model, in this order; those that are not named come after them.
_TABLES = {
    "accounts.User": ("People", "people"),
    "invitations.Invitation": ("Invitations", "mail"),
    "documents.Document": ("Documents", "files"),
    "documents.EmbeddingSpace": ("Embedding spaces", "spaces"),
    "evaluation.Run": ("Evaluations", "chart"),
    "audit.AuditEvent": ("Audit log", "log"),
    "lock_out.Failures": ("Lock-outs", "lock"),
    "rights.LegalHold": ("Legal holds", "shield"),
    "rights.DataRequest": ("Data requests", "download"),
    "rights.Consent": ("Agreements", "check"),
}


_OURS = {"accounts", "llms", "documents", "chats"}


class Site(admin.AdminSite):
    site_title = "Administration"
    site_header = "Administration"
    enable_nav_sidebar = False

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """The product's own tables only. Those of libraries have their place on a person's page, or none."""
        models = model_or_iterable if isinstance(model_or_iterable, Iterable) else [model_or_iterable]
        if own := [model for model in models if model.__module__.partition(".")[0] in _OURS]:
            super().register(own, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        return may(request.user, Capability.ADMINISTER)

    def get_urls(self) -> list[Any]:
        own: list[URLPattern] = [
            path("models/", self.admin_view(_models), name="models"),
            path("settings/", self.admin_view(_settings), name="settings"),
        ]
        # Django's way from a row to its page on the site: no table here has one, and its route takes any key for one.
        return [*own, *(entry for entry in super().get_urls() if getattr(entry, "name", "") != "view_on_site")]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            # PostgreSQL takes this character in no text, so no row has such a key.
            if any("\0" in str(value) for value in kwargs.values()):
                raise Http404
            return inner(request, *args, **kwargs)

        return guarded

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        return {**context, "sections": list(_sections(request, context["available_apps"]))}

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        context = {"title": "Dashboard", **dashboard.context(request.user), **(extra_context or {})}
        return super().index(request, context)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # type: ignore[override]  # noqa: ARG002
        """One door: the product's own page, with its limits."""
        return redirect("account_change_password")


def _sections(request: HttpRequest, apps: list[dict[str, Any]]) -> Iterator[Section]:
    def section(label: str, url: str, icon: str, *, exactly: bool = False) -> Section:
        return Section(label, url, icon, request.path == url if exactly else request.path.startswith(url))

    yield section("Dashboard", reverse("admin:index"), "gauge", exactly=True)
    tables = {model["model"]._meta.label: model for app in apps for model in app["models"] if model["admin_url"]}
    for name, (label, icon) in _TABLES.items():
        if name in tables:
            yield section(label, tables[name]["admin_url"], icon)
    for name, model in tables.items():
        if name not in _TABLES:
            yield section(str(model["name"]), model["admin_url"], "folder")
    if may(request.user, Capability.CONFIGURE):
        yield section("Models", reverse("admin:models"), "cpu")
        yield section("Settings", reverse("admin:settings"), "settings")


@require_safe
@requires(Capability.CONFIGURE)
def _models(request: HttpRequest) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": "Models", **model_list.context()}
    return TemplateResponse(request, "admin/models.html", context)


@require_safe
@requires(Capability.CONFIGURE)
def _settings(request: HttpRequest) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": "Settings", "groups": configuration.groups()}
    return TemplateResponse(request, "admin/settings.html", context)
