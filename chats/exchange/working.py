"""One job, from the queue to its end: a file of conversations made, or one taken in."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts import audit
from accounts.encryption.files import SealedSpool
from accounts.models import User
from accounts.rights import archive
from accounts.rights.holdings import Entry as ArchiveEntry
from accounts.tenancy import acting_as, acting_as_system
from chats.exchange import drawing, files, formats, reading, storing, writing
from chats.exchange.models import ExchangeJob
from chats.exchange.pdf import making
from chats.images import keeping
from chats.models import Conversation, Message
from jobs.keeping import Kept, LeaseLost
from jobs.leases import claim, settle, worker_name

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 5
# Of what could not be read, so many are named.
MOST_REMARKS = 100
_FAILED = {
    ExchangeJob.Kind.EXPORT: "This export could not be made, by a fault of ours. Try again, or ask an administrator.",
    ExchangeJob.Kind.IMPORT: "This import could not be finished, by a fault of ours. What is imported stays. "
    "Choose the file again: only what is missing is added.",
}
_NOT_SET = "This chat could not be set as PDF. Export it as Markdown or JSON, which have everything in it."
_GONE = "The file that was uploaded is no longer here. What is imported stays; choose the file again."


def do(job_id: UUID) -> None:
    """Do what was asked for, if it waits for that. Interrupted at any point, the next worker goes on."""
    worker = worker_name()
    with acting_as_system("claim an import or export"):
        if not claim(ExchangeJob, job_id, worker=worker, status=ExchangeJob.Status.WORKING):
            return
        job = ExchangeJob.objects.get(pk=job_id)
    with acting_as(job.owner_id):
        try:
            with Kept(ExchangeJob, job.pk, worker) as lease:
                if job.attempts > MOST_ATTEMPTS:
                    # It took its worker with it every time.
                    _fail(job, worker, _FAILED[ExchangeJob.Kind(job.kind)])
                elif job.kind == ExchangeJob.Kind.EXPORT:
                    _export(job, lease)
                else:
                    _import(job, lease)
        except making.NotMade:
            _fail(job, worker, _NOT_SET)
        except LeaseLost:
            logger.info("Exchange %s is somebody else's now.", job_id)
        except Exception:
            logger.exception("Exchange %s met an error of ours.", job_id)
            _fail(job, worker, _FAILED[ExchangeJob.Kind(job.kind)])


def _fail(job: ExchangeJob, worker: str, text: str) -> None:
    settle(ExchangeJob, job.pk, worker=worker, status=ExchangeJob.Status.FAILED, error_text=text, finished_at=Now())


# --- Out ----------------------------------------------------------------------------------------------------------


def _export(job: ExchangeJob, lease: Kept) -> None:
    user = User.objects.get(pk=job.owner_id)
    chosen = Conversation.objects.visible_to(user)
    if job.chosen:
        chosen = chosen.filter(pk__in=job.chosen)
    lease.report(progress_done=0, progress_total=chosen.count())

    def told() -> Iterator[Conversation]:
        rows = chosen.select_related("folder").prefetch_related("tagged__tag").order_by("created_at", "pk")
        for done, conversation in enumerate(rows.iterator(chunk_size=100)):
            lease.report(progress_done=done)
            yield conversation

    if files.is_single(job):
        parts = map(_single_pdf, told())
        key, size = archive.store_parts(parts, owner_id=user.pk, check=lease.check, folder=files.FOLDER)
    else:
        entries = _entries(job.form, told())
        key, size = archive.store(entries, owner_id=user.pk, check=lease.check, folder=files.FOLDER)
    kept = False
    try:
        with transaction.atomic():
            kept = settle(
                ExchangeJob,
                job.pk,
                worker=lease.worker,
                status=ExchangeJob.Status.DONE,
                file=key,
                size=size,
                finished_at=Now(),
                expires_at=timezone.now() + timedelta(days=settings.EXPORT_DAYS),
            )
            if kept:
                audit.record(audit.Action.EXPORT_MADE, user=user, resource=("exchange", job.pk), size=size)
    finally:
        if not kept:
            archive.delete(key)


def _entries(form: str, conversations: Iterator[Conversation]) -> Iterator[ArchiveEntry]:
    if form == ExchangeJob.Form.JSON:
        spool: Any = SealedSpool()
        for part in writing.json_parts(conversations):
            spool.write(part)
        spool.seek(0)
        yield ArchiveEntry("chats.json", lambda: closing(spool))
        return
    for conversation in conversations:
        shown, messages = writing.file_name(conversation), writing.messages_of(conversation)
        if form == ExchangeJob.Form.PDF:
            try:
                yield ArchiveEntry(f"{shown}.pdf", making.pdf(conversation, messages))
                continue
            except making.NotMade:
                shown = f"{shown} (could not be set as PDF)"
        yield ArchiveEntry(f"{shown}.md", writing.markdown(conversation, messages).encode("utf-8", "replace"))
        yield from _pictures(conversation, messages)


def _pictures(conversation: Conversation, messages: list[Message]) -> Iterator[ArchiveEntry]:
    """Where the Markdown looks for them."""
    for message in writing.shown_messages(conversation, messages):
        for picture in writing.pictures_of(message):
            yield ArchiveEntry(f"pictures/{keeping.file_name(picture)}", partial(keeping.opened, picture))


def _single_pdf(conversation: Conversation) -> bytes:
    return making.pdf(conversation, writing.messages_of(conversation))


# --- In -----------------------------------------------------------------------------------------------------------


def _import(job: ExchangeJob, lease: Kept) -> None:
    user = User.objects.get(pk=job.owner_id)
    taking = _Taking(job, user, lease)
    error = ""
    try:
        with closing(archive.open_archive(job.file, owner_id=user.pk)) as file:
            for number, entry in enumerate(reading.entries(file), start=1):
                if number > job.reached:
                    taking.take(number, entry, at=file.tell())
    except FileNotFoundError:
        _fail(job, lease.worker, _GONE)
        return
    except reading.BadFile as bad:
        error = bad.text
    with transaction.atomic():
        failed = error and not (taking.imported or taking.continued or taking.known)
        ended = settle(
            ExchangeJob,
            job.pk,
            worker=lease.worker,
            status=ExchangeJob.Status.FAILED if failed else ExchangeJob.Status.DONE,
            error_text=error,
            progress_done=job.progress_total,
            file="",
            size=0,
            finished_at=Now(),
        )
        if ended:
            audit.record(
                audit.Action.IMPORTED,
                user=user,
                resource=("exchange", job.pk),
                imported=taking.imported,
                continued=taking.continued,
                known=taking.known,
                broken=taking.broken,
            )
    if ended:
        archive.delete(job.file)


class _Taking:
    """Entries of one file, each with its count in one transaction: whoever goes on counts none twice."""

    def __init__(self, job: ExchangeJob, user: User, lease: Kept) -> None:
        self.job, self.user, self.lease = job, user, lease
        self.imported, self.continued, self.known, self.broken = job.imported, job.continued, job.known, job.broken
        self.left_out: dict[str, int] = dict(job.left_out)
        self.remarks: list[dict[str, Any]] = list(job.remarks)

    def take(self, number: int, entry: reading.Entry, *, at: int) -> None:
        self.lease.check()
        try:
            if entry.problem:
                raise entry.problem
            chat = formats.read(entry.value)
            new = storing.missing(chat, self.user)
            # Before the transaction: each takes a process of its own, and a moment.
            pictures = drawing.store(new, self.user, check=self.lease.check)
            left_out = sum((turn.left_out for turn in new), Counter())
            try:
                self._store(number, chat, pictures, left_out, at)
            except BaseException:
                keeping.forget(pictures.folders())
                raise
        except formats.Unreadable as problem:
            self._remark(number, entry.title, problem.why, at)

    def _store(
        self, number: int, chat: formats.Chat, pictures: drawing.Pictures, left_out: Counter[str], at: int
    ) -> None:
        changes: dict[str, Any] = {}
        if left_out:
            changes["left_out"] = dict(left_out + Counter(self.left_out))
        if pictures.left_out:
            one = pictures.left_out == 1
            words = "1 picture of it" if one else f"{pictures.left_out} pictures of it"
            self._note(number, chat.title, f"{words} could not be kept, the chat itself is here")
            changes.update(self._sealed_remarks())
        with transaction.atomic():
            outcome = storing.store(chat, self.user, pictures).value
            self._count(number, at, **{outcome: getattr(self, outcome) + 1}, **changes)

    def _remark(self, number: int, title: str, why: str, at: int) -> None:
        self._note(number, title, why)
        self._count(number, at, broken=self.broken + 1, **self._sealed_remarks())

    def _note(self, number: int, title: str, why: str) -> None:
        if len(self.remarks) < MOST_REMARKS:
            self.remarks.append({"number": number, "title": " ".join(title.split())[:100], "why": why})

    def _sealed_remarks(self) -> dict[str, Any]:
        return dict(ExchangeJob.sealed(self.job.pk, owner_id=self.job.owner_id, remarks=self.remarks))

    def _count(self, number: int, at: int, **changes: Any) -> None:
        self.lease.report(reached=number, progress_done=at, **changes)
        for name, value in changes.items():
            if name != "remarks":
                setattr(self, name, value)
