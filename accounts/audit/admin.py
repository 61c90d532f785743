"""The audit log in the administration: to read, to search, to export, and nothing else."""

import hmac
import json
import time
from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from accounts.admin_pages import LookingOnly
from accounts.audit import exporting, sealing
from accounts.audit.actions import Action
from accounts.audit.finding import ROUTINE, EventFilter, name_people
from accounts.audit.models import AuditEvent, AuditSeal
from accounts.audit.recording import record
from accounts.capabilities import Capability, may
from accounts.encryption import keys
from accounts.models import User
from accounts.second_factor import confirmed_recently
from accounts.tenancy import acting_as_system

# Pages reach back so far; who looks for more narrows the dates. A count of all would read the whole table.
MOST_COUNTED = 10_000
# Seconds.
NOTE_AGAIN_AFTER = 300
# In the session: a hash of what was looked for last in the log, and when.
_READ = "audit_read"


class Pages(Paginator):  # type: ignore[type-arg]  # no subscript at run time
    @cached_property
    def count(self) -> int:
        found: Any = self.object_list
        return min(int(found.order_by()[: MOST_COUNTED + 1].count()), MOST_COUNTED)


class Events(ChangeList):
    """Django's list, filtered by a form of its own."""

    form: EventFilter

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        others = super().get_filters_params(params)
        return {name: value for name, value in others.items() if name not in EventFilter.base_fields}

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[AuditEvent]:
        self.form = EventFilter(request.GET)
        self.leaves_out = self.form.leaves_out
        found = self.form.apply(super().get_queryset(request, exclude_parameters))
        return found.exclude(action__in=ROUTINE) if self.leaves_out else found

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.has_active_filters = self.form.is_active
        self.is_more = self.result_count == MOST_COUNTED
        name_people(self.result_list)


@admin.register(AuditEvent)
class AuditEventAdmin(LookingOnly):
    list_display = ("moment", "what", "who", "resource", "from_address")
    list_display_links = ("moment",)
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    sortable_by = ()
    ordering = ("-at", "-id")
    paginator = Pages
    actions = None
    change_list_template = "admin/audit/auditevent/change_list.html"

    def has_view_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:  # noqa: ARG002
        return may(request.user, Capability.SEE_AUDIT)

    has_module_permission = has_view_permission

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[ChangeList]:
        return Events

    def get_urls(self) -> list[Any]:
        own = [
            path(f"export.{kind}", self._export(kind), name=f"audit_auditevent_export_{kind}")
            for kind in exporting.FORMATS
        ]
        return [*own, *super().get_urls()]

    # --- Pages ---

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        form = EventFilter(request.GET)
        about = "Who did what, when and from where. Nobody can change it; sealed events prove that nobody did."
        context = {
            "title": "Audit log",
            "list_about": about,
            "chips": _chips(form),
            "export_query": urlencode({name: request.GET[name] for name in form.fields if request.GET.get(name)}),
            "routine_query": urlencode({**{name: str(value) for name, value in form.used.items()}, "routine": "1"}),
            **(extra_context or {}),
        }
        shown = self._with_all_rows(request, lambda: super(AuditEventAdmin, self).changelist_view(request, context))
        if shown.status_code == 200:
            _note_reading(request, form)
        return shown

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 - Django's shape
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        return self._with_all_rows(request, lambda: self._about(request, object_id))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:  # noqa: ARG002
        """An event has none."""
        raise PermissionDenied

    def _about(self, request: HttpRequest, object_id: str) -> HttpResponse:
        event = self.get_object(request, object_id)
        if event is None:
            gone: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
            return gone
        name_people([event])
        context = {
            **self.admin_site.each_context(request),
            "title": event.action_label,
            "event": event,
            "facts": _facts(event),
            "details": _details(event),
            "seal": AuditSeal.objects.filter(pk=event.seal).first() if event.seal else None,
            "is_intact": sealing.is_intact(event.pk) if event.seal else None,
        }
        record(Action.AUDIT_READ, request=request, resource=("event", event.pk))
        return TemplateResponse(request, "admin/audit/auditevent/about.html", context)

    def _with_all_rows(self, request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        with acting_as_system("read the audit log"):
            response = answer()
            # Here, and not later: what the template asks for is asked with the same rights.
            return cast("HttpResponse", response.render()) if isinstance(response, TemplateResponse) else response

    def _export(self, kind: str) -> Any:
        @require_safe
        @confirmed_recently
        def export(request: HttpRequest) -> HttpResponseBase:
            if not self.has_view_permission(request):
                raise PermissionDenied
            form = EventFilter(request.GET)
            record(Action.AUDIT_EXPORTED, request=request, format=kind, **form.for_the_log())
            content_type, write = exporting.FORMATS[kind]
            parts = write(form.apply(AuditEvent.objects.all()))
            in_parts: Any = exporting.from_threads(parts) if isinstance(request, ASGIRequest) else parts
            name = f"audit-{timezone.localdate().isoformat()}.{kind}"
            return StreamingHttpResponse(
                in_parts,
                content_type=content_type,
                headers={
                    "Content-Disposition": f'attachment; filename="{name}"',
                    "Cache-Control": "private, no-store",
                },
            )

        return self.admin_site.admin_view(export)

    # --- The list ---

    @admin.display(description="Time")
    def moment(self, event: AuditEvent) -> str:
        at = timezone.localtime(event.at)
        return format_html('<time datetime="{}">{}</time>', at.isoformat(), date_format(at, "j M Y, H:i:s"))

    @admin.display(description="What")
    def what(self, event: AuditEvent) -> str:
        words = "{}<code>{}</code>" if event.seal else '{} <span class="tag">not sealed yet</span><code>{}</code>'
        return format_html(words, event.action_label, event.action)

    @admin.display(description="Person", empty_value="–")
    def who(self, event: AuditEvent) -> str | None:
        if event.user_id is None:
            return None
        shown = event.person or f"{str(event.user_id)[:8]}, no account any more"
        return format_html('<a href="?{}">{}</a>', urlencode({"who": str(event.user_id)}), shown)

    @admin.display(description="Resource", empty_value="–")
    def resource(self, event: AuditEvent) -> str | None:
        if not event.resource_kind:
            return None
        url = urlencode({"resource": event.resource_id})
        shown = event.about or event.resource_id[:8]
        return format_html('<a href="?{}">{} {}</a>', url, event.resource_kind, shown)

    @admin.display(description="Address", empty_value="–")
    def from_address(self, event: AuditEvent) -> str | None:
        if not event.address:
            return None
        return format_html('<a href="?{}">{}</a>', urlencode({"address": event.address}), event.address)


def _note_reading(request: HttpRequest, form: EventFilter) -> None:
    """Going on to the next page of what was looked for is no new event: the log would fill up with its readers."""
    used = json.dumps({name: str(value) for name, value in form.used.items()}, sort_keys=True)
    what = hmac.digest(keys.installation_key("audit reading"), used.encode(), "sha256").hex()
    last, at = request.session.get(_READ, (None, 0))
    if last != what or time.time() - at > NOTE_AGAIN_AFTER:
        record(Action.AUDIT_READ, request=request, **form.for_the_log())
        request.session[_READ] = (what, time.time())


def _chips(form: EventFilter) -> list[tuple[str, str]]:
    """Filters that a link set, each with the query that is left without it."""
    used = {name: str(value) for name, value in form.used.items()}
    shown = dict(used)
    if "who" in used and (person := User.objects.filter(pk=used["who"]).first()):
        shown["who"] = person.email
    shown["routine"] = "too"
    words = {"who": "Person", "address": "Address", "resource": "Resource", "routine": "Routine"}
    return [
        (f"{label}: {shown[name]}", urlencode({other: value for other, value in used.items() if other != name}))
        for name, label in words.items()
        if name in used
    ]


def _details(event: AuditEvent) -> list[tuple[str, str]]:
    def words(value: Any) -> str:
        if isinstance(value, list):
            return ", ".join(map(words, value)) or "–"
        if isinstance(value, bool):
            return "yes" if value else "no"
        return "–" if value is None or value == "" else str(value)

    return [(name.replace("_", " ").capitalize(), words(value)) for name, value in sorted(event.details.items())]


def _facts(event: AuditEvent) -> list[tuple[str, str]]:
    at = timezone.localtime(event.at)
    person = "Nobody who signed in"
    if event.user_id:
        person = f"{event.person} ({event.user_id})" if event.person else f"{event.user_id}, no account any more"
    facts = [
        ("Time", date_format(at, "j M Y, H:i:s.u e")),
        ("Action", event.action),
        ("Person", person),
        ("Resource", " ".join(filter(None, [event.resource_kind, event.about, event.resource_id]))),
        ("Address", event.address),
        ("Browser", event.agent),
        ("Request", event.request_id),
        ("Number", str(event.pk)),
    ]
    return [(name, value or "–") for name, value in facts]
