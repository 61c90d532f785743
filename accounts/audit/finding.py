"""Finding events: what the viewer's form asks for, and the export of what it found."""

import ipaddress
from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.audit.actions import GROUPS, Action
from accounts.audit.models import AuditEvent
from accounts.models import User

# People whose address or name contains what was searched for; more than these nobody means.
_MOST_PEOPLE = 50
# What happens with every look at the administration and with every job. The list leaves it out until asked.
ROUTINE = (Action.METADATA_READ, Action.SYSTEM_ACTED)
_LARGEST_ID = 2**63 - 1


def _choices() -> list[tuple[str, Any]]:
    choices: list[tuple[str, Any]] = [("", "Everything")]
    for group, label in GROUPS.items():
        actions = [(action.value, action.label) for action in Action if action.group == group]
        choices.append((label, [(group, f"{label}: all"), *actions]))
    return choices


class EventFilter(forms.Form):
    """Bound to a request's query. What cannot be understood finds nothing and says why, and what is empty all."""

    q = forms.CharField(
        label="Find",
        required=False,
        max_length=254,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "Person, address, number"}),
    )
    what = forms.ChoiceField(label="What", required=False, choices=_choices)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    # Set by following a link in the list.
    who = forms.UUIDField(required=False, widget=forms.HiddenInput)
    address = forms.GenericIPAddressField(required=False, widget=forms.HiddenInput)
    resource = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    routine = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(self, query: Mapping[str, str]) -> None:
        super().__init__({name: query.get(name, "") for name in self.base_fields}, label_suffix="")
        for name, field in self.fields.items():
            if not field.widget.is_hidden:
                field.widget.attrs.setdefault("class", "input")
                field.widget.attrs["id"] = f"audit-{name}"

    @property
    def used(self) -> dict[str, Any]:
        """The fields that ask for something."""
        return {name: value for name, value in self.cleaned_data.items() if value} if self.is_valid() else {}

    @property
    def is_active(self) -> bool:
        return not self.is_valid() or bool(self.used)

    @property
    def leaves_out(self) -> bool:
        """Whether the list goes without routine: not where it was asked for, or words that may mean one of it."""
        return self.is_valid() and not {"routine", "what", "q"} & set(self.used)

    def for_the_log(self) -> dict[str, Any]:
        """What was looked for, without what was typed."""
        plain = {name: value for name, value in self.used.items() if name in {"what", "since", "until"}}
        return {"filters": sorted(self.used), **plain}

    def apply(self, events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        if not self.is_valid():
            return events.none()
        used = self.used
        if what := used.get("what"):
            events = events.filter(action=what) if "." in what else events.filter(action__in=_actions(what))
        if since := used.get("since"):
            events = events.filter(at__gte=_midnight(since))
        if until := used.get("until"):
            events = events.filter(at__lt=_midnight(until + timedelta(days=1)))
        if who := used.get("who"):
            events = events.filter(user_id=who)
        if address := used.get("address"):
            events = events.filter(address=address)
        if resource := used.get("resource"):
            events = events.filter(resource_id=resource)
        if words := used.get("q"):
            events = events.filter(_matching(words.strip()))
        return events


def _actions(group: str) -> list[str]:
    return [action.value for action in Action if action.group == group]


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _matching(words: str) -> Q:
    try:
        found = UUID(words)
    except ValueError:
        pass
    else:
        return Q(user_id=found) | Q(resource_id=str(found))
    try:
        return Q(address=str(ipaddress.ip_address(words)))
    except ValueError:
        pass
    if words.isdecimal() and int(words) <= _LARGEST_ID:
        return Q(pk=int(words)) | Q(resource_id=words)
    people = User.objects.filter(Q(email__icontains=words) | Q(name__icontains=words)).values_list("pk", flat=True)
    ids = list(people[:_MOST_PEOPLE])
    of_people = Q(user_id__in=ids) | Q(resource_id__in=[str(pk) for pk in ids])
    return of_people | Q(resource_id=words)


def name_people(events: Iterable[AuditEvent]) -> None:
    """Set `person` and `about` on each event: the address of who did it, and of the person it was done to.

    "" where the account is gone or it was nobody.
    """
    events = list(events)
    ids = {found for event in events for found in (event.user_id, _whom(event)) if found}
    addresses: dict[UUID | None, str] = dict(User.objects.filter(pk__in=ids).values_list("pk", "email"))
    for event in events:
        event.person = addresses.get(event.user_id, "")
        event.about = addresses.get(_whom(event), "")


def _whom(event: AuditEvent) -> UUID | None:
    try:
        return UUID(event.resource_id) if event.resource_kind == "user" else None
    except ValueError:
        return None
