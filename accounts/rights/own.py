"""What the account itself is: profile, addresses, sessions, identities, quotas, consents, and what was recorded."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import IO, Any, ClassVar
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import models, transaction
from django.db.models.functions import Now
from redis import Redis

from accounts.audit.models import AuditEvent
from accounts.encryption.files import SealedSpool
from accounts.invitations.models import Invitation
from accounts.limits.models import TokensSpent
from accounts.lock_out.models import Failures, SignInName
from accounts.models import User
from accounts.rights import archive
from accounts.rights.holdings import Entry, as_json
from accounts.rights.models import Consent, DataRequest, LegalHold
from accounts.second_factor.models import Authenticator, RecoveryCode
from accounts.sessions.models import UserSession
from accounts.tenancy import acting_as_system

_EVENTS_AT_ONCE = 1000
_STOPPED = "This copy was not made, because the account was closed meanwhile."


class AccountHolding:
    name = "account"
    models: ClassVar = frozenset(
        model._meta.label
        for model in (
            User,
            AuditEvent,
            Consent,
            DataRequest,
            EmailAddress,
            Failures,
            Invitation,
            LegalHold,
            LogEntry,
            SignInName,
            SocialAccount,
            TokensSpent,
            Authenticator,
            RecoveryCode,
            UserSession,
        )
    )
    retentions: ClassVar[dict[str, str]] = {}

    def count(self, user_id: UUID) -> int:  # noqa: ARG002 - every account has as many
        return 3

    def export(self, user: User) -> Iterator[Entry]:
        profile = {
            "id": user.pk,
            "email": user.email,
            "name": user.name,
            "role": user.role,
            "joined": user.date_joined,
            "last_sign_in": user.last_login,
            "second_factor": user.second_factor is not None,
            "addresses": list(EmailAddress.objects.filter(user=user).values("email", "verified", "primary")),
            "identities": list(
                SocialAccount.objects.filter(user=user).values("provider", "uid", "date_joined", "last_login")
            ),
            "recovery_codes_left": RecoveryCode.objects.filter(owner=user).count(),
        }
        yield Entry("account/profile.json", as_json(profile))
        activity = {
            "sessions": list(
                UserSession.objects.filter(owner=user).values("address", "agent", "signed_in_at", "last_seen_at")
            ),
            "tokens_spent": list(TokensSpent.objects.filter(owner=user).values("day", "tokens", "answers")),
            "consents": list(Consent.objects.filter(owner=user).values("version", "given_at", "withdrawn_at")),
            "invitations_sent": list(
                Invitation.objects.filter(invited_by=user).values("email", "role", "sent_at", "accepted_at")
            ),
            "requests": list(
                DataRequest.objects.visible_to(user).values("kind", "status", "created_at", "finished_at")
            ),
        }
        yield Entry("account/activity.json", as_json(activity))
        yield Entry("account/audit-log.json", lambda: _recorded(user))

    def stop(self, user_id: UUID) -> None:
        """A copy that is being made has no use any more; its worker finds the request gone from its hands."""
        copies = DataRequest.objects.filter(owner_id=user_id, kind=DataRequest.Kind.EXPORT)
        copies.unfinished().update(
            status=DataRequest.Status.FAILED, claimed_by="", lease_until=None, finished_at=Now(), error_text=_STOPPED
        )

    def erase(self, user_id: UUID, step: Callable[[], None]) -> None:
        for request in DataRequest.objects.filter(owner_id=user_id).exclude(file=""):
            archive.delete(request.file)
        DataRequest.objects.filter(owner_id=user_id).exclude(file="").update(file="", size=0)
        step()
        own_sessions = UserSession.objects.filter(owner_id=user_id)
        Session.objects.filter(session_key__in=own_sessions.values_list("session_key", flat=True)).delete()
        step()
        user = User.objects.filter(pk=user_id).first()
        if user is not None:
            with transaction.atomic(), acting_as_system("delete an account"):
                Invitation.objects.filter(email__iexact=user.email).delete()
                LogEntry.objects.filter(user=user).delete()
                LogEntry.objects.filter(object_id=str(user_id)).delete()
                # What else hangs on the account goes with it: addresses, identities, devices, consents, quotas.
                user.delete()
        _forget_in_redis(user_id)
        step()

    def expire(self, kind: str, user_id: UUID, days: int) -> int:  # noqa: ARG002 - nothing here grows old
        return 0


def _forget_in_redis(user_id: UUID) -> None:
    """Counters of requests and of attempts, and whatever else is named after the person. None of it is content."""
    with Redis.from_url(settings.REDIS_URL, socket_timeout=30, socket_connect_timeout=5) as redis:
        for key in redis.scan_iter(match=f"*{user_id}*", count=1000):
            redis.delete(key)


@contextmanager
def _recorded(user: User) -> Iterator[IO[bytes]]:
    """What the audit log says this person did, and what was done to them. It holds no content.

    Written down before it is handed on: whoever reads it must not act as the system meanwhile.
    """
    about_them = models.Q(user_id=user.pk) | models.Q(resource_kind="user", resource_id=str(user.pk))
    columns = ("at", "action", "user_id", "resource_kind", "resource_id", "address", "agent", "details")
    events = AuditEvent.objects.filter(about_them).order_by("id").values(*columns)
    spool: Any = SealedSpool()
    with closing(spool):
        between = b"[\n"
        with acting_as_system("copy somebody's part of the audit log for them"):
            for event in events.iterator(chunk_size=_EVENTS_AT_ONCE):
                if event.pop("user_id") != user.pk:
                    # Where somebody else was, and with which browser, is theirs.
                    event.update(address="", agent="")
                spool.write(between + as_json(event))
                between = b",\n"
        spool.write(b"\n]\n" if between == b",\n" else b"[]\n")
        spool.seek(0)
        yield spool
