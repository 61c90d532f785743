"""The notice that people agree to before they use this installation (CONSENT_NOTICE), one record for each version.

A session remembers that its person agreed, so that it is looked up once for each sign-in.
"""

from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from markdown_it import MarkdownIt

from accounts import audit
from accounts.models import User
from accounts.rights.models import Consent
from accounts.tenancy import acting_as

_AGREED = "consent"


def is_missing(user: Any, session: SessionBase) -> bool:
    """Whether this person has yet to agree to the present version."""
    version = settings.CONSENT_VERSION
    if not version or not isinstance(user, User) or session.get(_AGREED) == version:
        return False
    with acting_as(user):
        if standing(user) is None:
            return True
    session[_AGREED] = version
    return False


def standing(user: User) -> Consent | None:
    return Consent.objects.filter(owner=user, version=settings.CONSENT_VERSION, withdrawn_at=None).first()


def give(user: User, session: SessionBase, version: str) -> bool:
    """Agree to the version that was shown. False: there is a newer one, which has to be read first."""
    if version != settings.CONSENT_VERSION:
        return False
    try:
        with transaction.atomic():
            Consent.objects.create(owner=user, version=version)
            audit.record(audit.Action.CONSENT_GIVEN, user=user, version=version)
    except IntegrityError:
        pass  # in another tab, a moment ago
    session[_AGREED] = version
    return True


def withdraw(user: User) -> None:
    """Ends all sessions: without consent there is nothing here to do but to agree again, export and leave."""
    with transaction.atomic():
        withdrawn = Consent.objects.filter(owner=user, withdrawn_at=None).update(withdrawn_at=Now())
        if withdrawn:
            audit.record(audit.Action.CONSENT_WITHDRAWN, user=user)
            user.end_sessions()


@cache
def notice() -> str:
    """HTML. Markup in the text is shown as text: it comes from the operator, and still."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = reader.parse(settings.CONSENT_TEXT)
    for token in tokens:
        if token.type.startswith("heading_"):
            # The page has a first heading of its own.
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
        for part in token.children or []:
            if part.type == "link_open":
                # So that what was read so far is not lost, and the other site learns nothing of this one.
                part.attrs |= {"target": "_blank", "rel": "noopener noreferrer"}
    html: str = reader.renderer.render(tokens, reader.options, {})
    return html
