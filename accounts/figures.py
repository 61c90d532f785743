"""How many people there are, and of what kind."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Q
from django.db.models.functions import Now

from accounts.invitations.models import Invitation
from accounts.models import User

LATELY = timedelta(days=7)


@dataclass(frozen=True)
class People:
    active: int
    suspended: int
    by_role: dict[str, int]
    seen_lately: int
    with_second_factor: int
    invited: int


def people() -> People:
    """Two queries, whatever there is."""
    is_active = Q(is_active=True)
    rows = User.objects.values("role").annotate(
        active=Count("pk", filter=is_active),
        suspended=Count("pk", filter=~is_active),
        seen=Count("pk", filter=is_active & Q(last_login__gt=Now() - LATELY)),
        protected=Count("pk", filter=is_active & Q(second_factor__isnull=False)),
    )
    found = list(rows.order_by("role"))
    return People(
        active=sum(row["active"] for row in found),
        suspended=sum(row["suspended"] for row in found),
        by_role={row["role"]: row["active"] for row in found},
        seen_lately=sum(row["seen"] for row in found),
        with_second_factor=sum(row["protected"] for row in found),
        invited=Invitation.objects.usable().count(),
    )
