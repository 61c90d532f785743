"""What a person can ask for: a copy of everything, or the end of it. The work is done by accounts.rights.working."""

import logging
import uuid

from django.db import IntegrityError, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from accounts import administration, audit
from accounts.models import User
from accounts.rights import archive
from accounts.rights.holdings import every
from accounts.rights.models import DataRequest, LegalHold
from accounts.tenancy import acting_as

logger = logging.getLogger(__name__)


class Refused(Exception):
    """`text` is for the person: why it cannot be done, and what can."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)


class Held(Refused):
    """There is a legal hold on the person whose it is. What is not caught becomes a page (gate.HeldGate)."""

    def __init__(self) -> None:
        super().__init__(
            "This has to be kept for now: there is a legal hold on your account. Nothing was deleted. "
            "An administrator can tell you more."
        )


def export(user: User, *, by: User | None) -> DataRequest:
    """Queue an export. The one under way, should there be one already. `by`: the person; None is the operator."""
    with transaction.atomic():
        request, is_new = _request(user, DataRequest.Kind.EXPORT, by=by)
        if is_new:
            about = ("data_request", request.pk) if by else ("user", user.pk)
            audit.record(audit.Action.EXPORT_REQUESTED, user=by, resource=about)
    return request


def erase(user: User, *, by: User | None = None) -> DataRequest:
    """Close the account, stop what is under way for it, and queue the end of everything it holds.

    `by`: the person, or the administrator who asks for it; None is the operator. Raises Refused under a legal hold,
    and administration.Refused for the last super admin and for an account above that of `by`.
    """
    with transaction.atomic():
        if is_held(user):
            raise Refused(
                "The data of this account must be kept for now: there is a legal hold on it. Nothing was deleted. "
                "Ask an administrator; once the hold is lifted, ask for the deletion again."
            )
        administration.suspend(user, by=None if by and by.pk == user.pk else by)
        with acting_as(user):
            for holding in every():
                holding.stop(user.pk)
        request, is_new = _request(user, DataRequest.Kind.ERASURE, by=by)
        if is_new:
            audit.record(audit.Action.ERASURE_REQUESTED, user=by, resource=("user", user.pk))
    return request


def delete_export(request: DataRequest, *, because: str = "asked") -> None:
    """`because`: for the record, "asked", "expired" or "taken"."""
    archive.delete(request.file)
    with transaction.atomic():
        DataRequest.objects.filter(pk=request.pk).update(file="", size=0, expires_at=timezone.now())
        audit.record(audit.Action.EXPORT_DELETED, resource=("data_request", request.pk), because=because)


def state(request: DataRequest) -> DataRequest:
    """The request as it is now."""
    with acting_as(request.owner_id):
        return DataRequest.objects.get(pk=request.pk)


def is_being_erased(user: User) -> bool:
    with acting_as(user):
        return DataRequest.objects.filter(owner_id=user.pk, kind=DataRequest.Kind.ERASURE).unfinished().exists()


def is_held(user: User | uuid.UUID) -> bool:
    return LegalHold.objects.filter(user=user).exists()


def is_held_for_now(user_id: uuid.UUID) -> bool:
    """In a transaction that deletes: until its end no legal hold is set, for which the same row is locked."""
    list(User.objects.select_for_update(no_key=True).filter(pk=user_id).values_list("pk"))
    return is_held(user_id)


def refuse_while_held(user_id: uuid.UUID) -> None:
    """First in the transaction of every verb that deletes what a person made, whoever asks for it. Raises Held."""
    if is_held_for_now(user_id):
        raise Held


def _request(user: User, kind: str, *, by: User | None) -> tuple[DataRequest, bool]:
    by_administrator = by is None or by.pk != user.pk
    with acting_as(user):
        try:
            with transaction.atomic():
                request = DataRequest.objects.create(owner_id=user.pk, kind=kind, by_administrator=by_administrator)
        except IntegrityError:
            return DataRequest.objects.filter(owner_id=user.pk, kind=kind).unfinished().get(), False
    transaction.on_commit(lambda: enqueue(request.pk), robust=True)
    return request, True


def enqueue(request_id: uuid.UUID) -> None:
    """A broker that is away costs time only: beat queues the row once it is back."""
    from accounts.rights.tasks import do_request

    try:
        do_request.delay(str(request_id))
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("A request could not be queued: %s", type(error).__name__)
