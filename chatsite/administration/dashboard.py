"""The first page of the administration: figures about people, documents, answers, work and models. No content.

The number of queries does not depend on how much there is. What one's role does not let one see is not asked for.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.formats import date_format

from accounts import figures as people_figures
from accounts.capabilities import Capability, may
from accounts.limits import spending
from accounts.models import Role, User
from accounts.tenancy import acting_as_system
from chats import figures as chat_figures
from chatsite import readiness, workers
from documents import figures as document_figures
from documents.models import Document
from llms import catalogue

DAYS = 14
_PARTS = {
    "database": ("Database", "Works"),
    "redis": ("Redis", "Works"),
    "broker": ("Workers", "All served"),
    "models": ("Models", "Ready"),
    "disk": ("Disk", "Enough room"),
    "audit": ("Audit log", "Sealed"),
}
_KINDS = {"ok": "ok", "degraded": "busy", "down": "bad"}
_WORDS = {"degraded": "Needs a look", "down": "Down"}
_DOCUMENT_KINDS = {Document.Status.READY: "ok", Document.Status.FAILED: "bad"}
_QUEUES = {"answers": "Answers", "documents": "Documents"}


def context(user: User | AnonymousUser) -> dict[str, Any]:
    with acting_as_system("count for the dashboard"):
        documents = document_figures.totals()
        answers = chat_figures.unfinished()
        days = spending.by_day(DAYS)
    return {
        "health": _health(),
        "people": _people() if may(user, Capability.MANAGE_USERS) else None,
        "documents": _documents(documents) if may(user, Capability.SEE_DOCUMENT_METADATA) else None,
        "answers": _answers(days),
        "work": _work({"answers": answers, "documents": document_figures.unfinished(documents)}),
        "model": _model(),
    }


def _health() -> list[dict[str, str]]:
    parts = []
    for name, state in readiness.examine().items():
        label, well = _PARTS.get(name, (name.capitalize(), "Works"))
        parts.append(
            {
                "label": label,
                "state": _KINDS[state.status],
                "words": well if state.status == "ok" else _WORDS[state.status],
                "detail": state.detail,
            }
        )
    return parts


def _people() -> dict[str, Any]:
    found = people_figures.people()
    roles = [{"label": role.label, "count": found.by_role.get(role, 0)} for role in Role]
    return {
        "active": intcomma(found.active),
        "roles": roles,
        "seen": found.seen_lately,
        "protected": found.with_second_factor,
        "suspended": found.suspended,
        "invited": found.invited,
    }


def _mark(status: Document.Status, count: int) -> str:
    """Where nothing failed there is none that asks for a look."""
    mark = _DOCUMENT_KINDS.get(status, "busy")
    return "" if mark == "bad" and not count else mark


def _documents(found: document_figures.Totals) -> dict[str, Any]:
    states = [
        {"label": status.label, "count": count, "state": _mark(status, count)}
        for status in (Document.Status.READY, *Document.WORKING, Document.QUEUED, Document.Status.FAILED)
        for count in [found.by_status.get(status, 0)]
    ]
    shown = [part for part in states if part["count"] or part["state"] != "busy"]
    return {
        "total": intcomma(found.documents),
        "states": shown,
        "shares": _shares(shown, found.documents),
        "words": ", ".join(f"{part['count']} {str(part['label']).lower()}" for part in shown),
        "pages": intcomma(found.pages),
        "passages": intcomma(found.passages),
        "bytes": found.bytes,
        "free": _free(),
    }


def _shares(parts: Sequence[dict[str, Any]], total: int) -> list[dict[str, Any]]:
    """One line of 100 units, in the colours of the states."""
    shares, x = [], 0.0
    for part in parts:
        width = 100 * part["count"] / total if total else 0
        shares.append({"state": part["state"], "x": f"{x:.2f}", "width": f"{width:.2f}"})
        x += width
    return shares


def _free() -> int:
    try:
        return shutil.disk_usage(settings.DATA_DIR).free
    except OSError:
        return 0


@dataclass(frozen=True)
class Plot:
    """Bars for an SVG of `width` by `height` units."""

    bars: list[dict[str, str]]
    words: str
    first: str
    width: int = 280
    height: int = 48


def _answers(days: Sequence[spending.Day]) -> dict[str, Any]:
    week = days[-7:]
    return {
        "today": {"answers": intcomma(days[-1].answers), "tokens": intcomma(days[-1].tokens)},
        "week": {
            "answers": intcomma(sum(day.answers for day in week)),
            "tokens": intcomma(sum(day.tokens for day in week)),
        },
        "plot": _plot(days),
    }


def _plot(days: Sequence[spending.Day]) -> Plot:
    step, most = Plot.width / len(days), max(day.answers for day in days) or 1
    bars = []
    for number, day in enumerate(days):
        # A day without answers keeps a trace, so that the days can be told apart.
        height = max(1.5, (Plot.height - 2) * day.answers / most)
        bars.append(
            {
                "x": f"{number * step + 2:.1f}",
                "y": f"{Plot.height - height:.1f}",
                "width": f"{step - 4:.1f}",
                "height": f"{height:.1f}",
                "words": f"{date_format(day.date, 'j M')}: {day.answers} answers, {intcomma(day.tokens)} tokens",
            }
        )
    return Plot(bars, ", ".join(str(day.answers) for day in days), date_format(days[0].date, "j M"))


def _work(rows: dict[str, tuple[int, int]]) -> dict[str, Any]:
    alive = _alive()
    queues = [
        {"label": label, "waiting": rows[name][0], "working": rows[name][1], "workers": alive.get(name, 0)}
        for name, label in _QUEUES.items()
    ]
    return {"waiting": sum(waiting for waiting, _ in rows.values()), "queues": queues}


def _alive() -> dict[str, int]:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
            return workers.alive_workers(client)
    except redis.RedisError:
        return {}


def _model() -> dict[str, Any]:
    state = catalogue.provider_state()
    return {
        "default": catalogue.default_model(),
        "provider": {"ollama": "Ollama", "builtin": "Built in"}.get(state.provider, state.provider),
        "count": state.models,
        "note": state.note,
        "embedder": catalogue.embedding_model_key().partition("/")[2],
        "building": document_figures.space_being_built(),
    }
