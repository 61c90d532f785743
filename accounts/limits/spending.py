"""What the models wrote for everybody, by day. Figures without a person."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Sum
from django.utils import timezone

from accounts.limits.models import TokensSpent


@dataclass(frozen=True)
class Day:
    date: date
    answers: int
    tokens: int


def by_day(count: int) -> list[Day]:
    """The last `count` days of the installation's calendar, today last; also those on which nothing was asked."""
    today = timezone.localdate()
    first = today - timedelta(days=count - 1)
    rows = TokensSpent.objects.filter(day__gte=first).values("day").order_by("day")
    found = {row["day"]: row for row in rows.annotate(all_answers=Sum("answers"), all_tokens=Sum("tokens"))}
    days = [first + timedelta(days=number) for number in range(count)]
    return [
        Day(day, found[day]["all_answers"], found[day]["all_tokens"]) if day in found else Day(day, 0, 0)
        for day in days
    ]
