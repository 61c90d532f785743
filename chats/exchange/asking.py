"""What a person can ask for: a file of conversations, or one to be taken in. chats.exchange.working does the work."""

import logging
import uuid
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from accounts import audit
from accounts.models import User
from accounts.rights import archive, requesting
from chats.exchange import files
from chats.exchange.models import ExchangeJob
from chats.models import Conversation

logger = logging.getLogger(__name__)


class Refused(Exception):
    """`text` is for the person: why it cannot be done, and what can."""

    def __init__(self, text: str, *, status: int = 422) -> None:
        self.text = text
        self.status = status
        super().__init__(text)


_FORGOTTEN = {
    ExchangeJob.Kind.EXPORT: audit.Action.EXPORT_DELETED,
    ExchangeJob.Kind.IMPORT: audit.Action.IMPORT_FORGOTTEN,
}
_UNDER_WAY = "An export is being made already. Wait until it is ready, then ask for the next one."


def export(user: User, form: str, chosen: Iterable[Conversation] = ()) -> ExchangeJob:
    """Queue a file of the chosen conversations, or of all. Raises Refused."""
    if form not in ExchangeJob.Form.values:
        raise Refused("Choose JSON, Markdown or PDF. No export was begun.")
    ids = sorted(str(conversation.pk) for conversation in chosen)
    try:
        with transaction.atomic():
            job = ExchangeJob.objects.create(owner=user, kind=ExchangeJob.Kind.EXPORT, form=form, chosen=ids)
            audit.record(
                audit.Action.EXPORT_REQUESTED, user=user, resource=("exchange", job.pk), form=form, chats=len(ids)
            )
            transaction.on_commit(lambda: enqueue(job.pk), robust=True)
    except IntegrityError:
        raise Refused(_UNDER_WAY, status=409) from None
    return job


def take_in(user: User, upload: "UploadedFile[bytes] | None") -> ExchangeJob:
    """Keep the file and queue its import. Raises Refused; then nothing is kept."""
    if upload is None or not upload.size:
        raise Refused("There is no file yet, or an empty one. Choose the file that you got from an export.")
    if upload.size > settings.UPLOAD_MAX_SIZE:
        raise too_large()
    if ExchangeJob.objects.visible_to(user).filter(kind=ExchangeJob.Kind.IMPORT).unfinished().exists():
        raise _busy()
    key, size = archive.store_parts(upload.chunks(), owner_id=user.pk, folder=files.FOLDER)
    kept = False
    try:
        with transaction.atomic():
            job = ExchangeJob.objects.create(
                owner=user, kind=ExchangeJob.Kind.IMPORT, file=key, size=size, progress_total=size
            )
            transaction.on_commit(lambda: enqueue(job.pk), robust=True)
        kept = True
    except IntegrityError:
        raise _busy() from None
    finally:
        if not kept:
            archive.delete(key)
    return job


def forget(job: ExchangeJob) -> None:
    """Remove a job that is over from the list, with its file. Raises Held."""
    with transaction.atomic():
        requesting.refuse_while_held(job.owner_id)
        over = [ExchangeJob.Status.DONE, ExchangeJob.Status.FAILED]
        if not ExchangeJob.objects.filter(pk=job.pk, status__in=over).delete()[0]:
            return
        action = _FORGOTTEN[ExchangeJob.Kind(job.kind)]
        audit.record(action, user=job.owner_id, resource=("exchange", job.pk), because="asked")
        transaction.on_commit(lambda: archive.delete(job.file), robust=True)


def enqueue(job_id: uuid.UUID) -> None:
    """A broker that is away costs time only: beat queues the row once it is back."""
    from chats.exchange.tasks import do_exchange

    task: Any = do_exchange
    try:
        task.delay(str(job_id))
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("An import or export could not be queued: %s", type(error).__name__)


def too_large() -> Refused:
    return Refused(
        f"This file is larger than {settings.UPLOAD_MAX_SIZE_MB} MB. Nothing was imported. ZIP files are smaller: "
        "choose the export as it came, or ask an administrator for a higher limit.",
        status=413,
    )


def _busy() -> Refused:
    return Refused(
        "Another file is being imported. This one was not taken; choose it again when the other is done.", status=409
    )
