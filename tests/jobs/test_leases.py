"""Claim, renew, settle: a row is one worker's at a time, and nobody's for long when that worker is gone."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import User
from chats import conversation as conversations
from chats.models import Message
from jobs import leases

pytestmark = pytest.mark.django_db

Status = Message.Status


@pytest.fixture
def queue(owner: User) -> Callable[[], Message]:
    return lambda: conversations.post_message(conversations.start(owner), "one").answer


@pytest.fixture
def job(queue: Callable[[], Message]) -> Message:
    return queue()


def claim(job: Message, worker: str) -> bool:
    return leases.claim(Message, job.pk, worker=worker, status=Status.WRITING)


def let_run_out(job: Message) -> None:
    now = timezone.now()
    Message.objects.filter(pk=job.pk).update(
        lease_until=now - timedelta(seconds=1), queued_at=now - timedelta(seconds=2)
    )


def test_only_one_worker_gets_a_row(job: Message) -> None:
    assert claim(job, "a")
    assert not claim(job, "b")
    job.refresh_from_db()
    assert (job.claimed_by, job.status, job.attempts) == ("a", Status.WRITING, 1)


def test_a_lease_that_ran_out_is_anybodys(job: Message) -> None:
    claim(job, "a")
    let_run_out(job)
    assert claim(job, "b")
    assert not leases.renew(Message, job.pk, worker="a", answered_by="late")
    assert not leases.settle(Message, job.pk, worker="a", status=Status.DONE, answered_by="late")
    job.refresh_from_db()
    assert (job.claimed_by, job.answered_by, job.attempts) == ("b", "", 2)


def test_renewing_stores_and_prolongs(job: Message) -> None:
    claim(job, "a")
    let_run_out(job)
    assert leases.renew(Message, job.pk, worker="a", answered_by="so far")
    job.refresh_from_db()
    assert job.answered_by == "so far"
    assert job.lease_until is not None
    assert job.lease_until > timezone.now()


def test_a_settled_row_is_over(job: Message) -> None:
    claim(job, "a")
    assert leases.settle(Message, job.pk, worker="a", status=Status.DONE, answered_by="all")
    assert not leases.settle(Message, job.pk, worker="a", status=Status.FAILED)
    assert not claim(job, "b")
    job.refresh_from_db()
    assert (job.status, job.answered_by, job.claimed_by, job.lease_until) == (Status.DONE, "all", "", None)


def test_many_leases_are_renewed_at_once(queue: Callable[[], Message]) -> None:
    mine, lost, stopping, finished = queue(), queue(), queue(), queue()
    for job in (mine, stopping, finished):
        claim(job, "a")
        let_run_out(job)
    claim(lost, "b")
    Message.objects.filter(pk=stopping.pk).update(stop_requested=True)
    leases.settle(Message, finished.pk, worker="a", status=Status.DONE, answered_by="all")
    held = [
        {"pk": job.pk, "worker": "a", "status": Status.THINKING, "answered_by": f"text {i}", "error_code": "hm"}
        for i, job in enumerate([mine, lost, stopping, finished])
    ]
    assert leases.renew_all(Message, held, returning="stop_requested") == {mine.pk: False, stopping.pk: True}
    mine.refresh_from_db()
    assert (mine.answered_by, mine.error_code, mine.status) == ("text 0", "hm", Status.THINKING)
    assert mine.lease_until is not None
    assert mine.lease_until > timezone.now()
    lost.refresh_from_db()
    finished.refresh_from_db()
    assert (lost.answered_by, finished.answered_by) == ("", "all")
    assert leases.renew_all(Message, [], returning="stop_requested") == {}


def test_overdue_are_the_abandoned_and_the_forgotten(queue: Callable[[], Message]) -> None:
    abandoned, forgotten, fresh, held, over = (queue() for _ in range(5))
    claim(abandoned, "a")
    let_run_out(abandoned)
    Message.objects.filter(pk=forgotten.pk).update(queued_at=timezone.now() - 2 * leases.UNCLAIMED_AFTER)
    claim(held, "a")
    claim(over, "a")
    leases.settle(Message, over.pk, worker="a", status=Status.DONE)
    assert set(leases.overdue(Message)) == {abandoned, forgotten}
    assert fresh.status == Status.QUEUED


def test_a_dead_process_of_this_host_loses_its_leases_at_once(queue: Callable[[], Message]) -> None:
    dead, alive, elsewhere, beside = queue(), queue(), queue(), queue()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    claim(dead, f"{leases.host_part()}:{gone.pid}:x")
    claim(alive, f"{leases.host_part()}:{os.getpid()}:x")
    claim(elsewhere, f"another-host:{gone.pid}:x")
    # A container with the same name of its own, on the same machine.
    claim(beside, f"{socket.gethostname()}/1a2b/4026532999:{gone.pid}:x")
    assert leases.release_dead(Message) == 1
    assert list(leases.overdue(Message)) == [dead]


def test_worker_names_differ_between_attempts() -> None:
    assert leases.worker_name() != leases.worker_name()


def test_a_worker_s_name_tells_containers_of_one_name_apart() -> None:
    name = leases.worker_name()
    assert name.startswith(f"{leases.host_part()}:{os.getpid()}:")
    assert len(name) <= Message._meta.get_field("claimed_by").max_length
    if Path("/proc/self/ns/pid").exists():
        assert leases.host_part().endswith("/" + str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]"))


def test_another_process_of_the_same_namespace_has_the_same_host_part() -> None:
    program = "import django; django.setup(); from jobs import leases; print(leases.host_part())"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip() == leases.host_part()
