"""Holding a job while slow work goes on."""

import time
from datetime import timedelta
from typing import ClassVar

import pytest
from django.utils import timezone

from accounts.models import User
from accounts.rights.models import DataRequest
from jobs import keeping, leases
from jobs.keeping import Kept, LeaseLost

pytestmark = pytest.mark.django_db(transaction=True)


class Quick(Kept):
    look_every: ClassVar[float] = 0.02


class Leaving(Quick):
    def is_to_stop(self) -> bool:
        return True


@pytest.fixture
def job(owner: User, monkeypatch: pytest.MonkeyPatch) -> DataRequest:
    monkeypatch.setattr(keeping, "RENEW_EVERY", timedelta(seconds=0.02))
    job = DataRequest.objects.create(owner_id=owner.pk, kind=DataRequest.Kind.EXPORT)
    assert leases.claim(DataRequest, job.pk, worker="a", status=DataRequest.Status.WORKING)
    return job


def until_lost(lease: Kept) -> None:
    for _ in range(1000):
        lease.check()
        time.sleep(0.02)


def test_the_lease_is_renewed_meanwhile(job: DataRequest) -> None:
    ran_out = timezone.now() - timedelta(minutes=1)
    DataRequest.objects.filter(pk=job.pk).update(lease_until=ran_out)
    with Quick(DataRequest, job.pk, "a") as lease:
        for _ in range(1000):
            job.refresh_from_db()
            if job.lease_until != ran_out:
                break
            time.sleep(0.02)
        lease.check()
        lease.report(progress_done=3)
    job.refresh_from_db()
    assert job.lease_until is not None
    assert job.lease_until > timezone.now()
    assert job.progress_done == 3


def test_a_row_that_was_taken_over_is_let_go(job: DataRequest) -> None:
    with Quick(DataRequest, job.pk, "a") as lease:
        DataRequest.objects.filter(pk=job.pk).update(claimed_by="b")
        with pytest.raises(LeaseLost):
            until_lost(lease)
        with pytest.raises(LeaseLost):
            lease.report(progress_done=7)
    job.refresh_from_db()
    assert (job.claimed_by, job.progress_done) == ("b", 0)


def test_a_row_that_is_gone_is_let_go(job: DataRequest) -> None:
    with Quick(DataRequest, job.pk, "a") as lease:
        DataRequest.objects.all().delete()
        with pytest.raises(LeaseLost):
            until_lost(lease)


def test_a_worker_that_is_to_stop_gives_it_back_and_the_attempt_does_not_count(job: DataRequest) -> None:
    with Leaving(DataRequest, job.pk, "a") as lease, pytest.raises(LeaseLost):
        until_lost(lease)
    job.refresh_from_db()
    assert (job.status, job.claimed_by, job.attempts) == (DataRequest.Status.QUEUED, "", 0)


def test_what_is_raised_inside_comes_out_and_ends_the_thread(job: DataRequest) -> None:
    lease = Quick(DataRequest, job.pk, "a")
    with pytest.raises(ZeroDivisionError), lease:
        _ = 1 / 0
    assert not lease._thread.is_alive()
