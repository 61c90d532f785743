"""The audit log itself: written in the caller's transaction, sealed, append-only, verifiable."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction

from accounts import audit
from accounts.audit import kept_head, retention, sealing
from accounts.audit.models import AuditEvent, AuditSeal
from accounts.audit.recording import INSERT, values
from accounts.models import User
from accounts.rights.models import LegalHold
from accounts.tenancy import acting_as
from chatsite import readiness

Action = audit.Action
# Rows that other connections see, and the role that owns the tables.
committed = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


def happen(count: int = 1, **details: Any) -> None:
    for _ in range(count):
        audit.record(Action.CHAT_ASKED, **details)


def as_owner(sql: str, *parameters: Any, guarded: bool = True) -> None:
    """`guarded=False`: what somebody can do who may switch the triggers off."""
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        tables = ("audit_event", "audit_seal")
        for table in () if guarded else tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(sql, parameters)
        for table in () if guarded else tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_row")


def verified(**options: Any) -> str:
    out = StringIO()
    call_command("verify_audit", stdout=out, **options)
    return out.getvalue()


def broken(**options: Any) -> str:
    with pytest.raises(CommandError) as caught:
        verified(**options)
    assert caught.value.returncode == 1
    return str(caught.value)


@pytest.mark.django_db
class TestRecording:
    def test_an_event_says_who_did_what_when_with_what(self, owner: User) -> None:
        before = datetime.now(UTC) - timedelta(seconds=5)
        audit.record(Action.DOCUMENT_UPLOADED, user=owner, resource=("document", owner.pk), size=17, kinds=["a", 1])
        event = AuditEvent.objects.get(action=Action.DOCUMENT_UPLOADED)
        assert event.user_id == owner.pk
        assert (event.resource_kind, event.resource_id) == ("document", str(owner.pk))
        assert event.details == {"size": 17, "kinds": ["a", 1]}
        assert before < event.at < datetime.now(UTC) + timedelta(seconds=5)
        assert event.seal is None

    def test_without_a_person_it_is_whoever_acts(self, owner: User) -> None:
        with acting_as(owner):
            happen()
        assert AuditEvent.objects.get().user_id == owner.pk

    def test_it_goes_with_the_transaction(self) -> None:
        with transaction.atomic():
            happen()
            transaction.set_rollback(True)
        assert not AuditEvent.objects.exists()

    def test_it_is_one_statement(self, django_assert_num_queries) -> None:
        with django_assert_num_queries(1):
            happen(model="one", tokens=5)

    def test_whatever_comes_as_a_detail_can_be_stored(self) -> None:
        happen(model="a\0b\ud800", ratio=float("nan"), words=["x" * 5000] * 500, owner=None)
        details = AuditEvent.objects.get().details
        assert details["model"] == "ab?"
        assert len(details["words"]) == 100
        assert len(details["words"][0]) == 200

    def test_nobody_dates_back_or_seals(self) -> None:
        AuditEvent.objects.bulk_create(
            [AuditEvent(action="x", at=datetime(2020, 1, 1, tzinfo=UTC), seal=7, digest=b"x")]
        )
        event = AuditEvent.objects.get()
        assert event.at.year > 2020
        assert (event.seal, event.digest) == (None, None)

    def test_only_the_system_reads(self, owner: User) -> None:
        with acting_as(owner):
            happen()
            assert not AuditEvent.objects.exists()
            assert not AuditSeal.objects.exists()
        with acting_as(None):
            happen()
            assert not AuditEvent.objects.exists()
        assert AuditEvent.objects.count() == 2


@pytest.mark.django_db
class TestSealing:
    def test_batches_are_chained(self) -> None:
        for count in (3, 2):
            happen(count)
            assert sealing.seal_pending() == count
        assert sealing.seal_pending() == 0
        first, second = AuditSeal.objects.order_by("number")
        assert (first.number, first.count, second.number, second.count) == (1, 3, 2, 2)
        assert bytes(second.previous) == bytes(first.hash)
        assert not AuditEvent.objects.filter(seal=None).exists()

    def test_many_are_sealed_in_batches_of_bounded_size(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sealing, "BATCH", 4)
        happen(10)
        assert sealing.seal_pending() == 10
        assert list(AuditSeal.objects.order_by("number").values_list("count", flat=True)) == [4, 4, 2]


@committed
def test_the_head_is_logged_once_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    at = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
    with caplog.at_level("INFO", "accounts.audit.sealing"):
        for minutes in (0, 10, 59, 61):
            happen()
            sealing.seal_pending(now=at + timedelta(minutes=minutes))
    heads = [record.getMessage() for record in caplog.records]
    assert [head.partition(" is ")[2].partition(":")[0] for head in heads] == ["1", "4"]
    verified(head=heads[1].rpartition(" ")[2])


@committed
def test_writers_wait_for_nobody_and_a_late_commit_is_sealed_too() -> None:
    parameters = {**connections["default"].get_connection_params()}
    parameters.pop("pool", None)
    with psycopg.connect(**parameters) as slow:
        slow.execute("SET lock_timeout = '2s'")
        slow.execute(INSERT, values(Action.CHAT_DELETED))
        happen(2)
        assert sealing.seal_pending() == 2
        happen()
        # The sealer works in a transaction of its own now, and a writer writes.
        with transaction.atomic():
            assert sealing.seal_pending() == 1
            slow.execute(INSERT, values(Action.CHAT_RESTORED))
        slow.commit()
    assert sealing.seal_pending() == 2
    late = AuditEvent.objects.get(action=Action.CHAT_DELETED)
    assert late.pk < AuditEvent.objects.filter(seal=1).order_by("pk").first().pk
    assert late.seal == 3
    assert "Verified 5 events in 3 seals" in verified()


@committed
def test_two_sealers_do_not_get_into_each_other_s_way() -> None:
    happen()
    parameters = {**connections["default"].get_connection_params()}
    parameters.pop("pool", None)
    with psycopg.connect(**parameters) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [sealing._LOCK])
        assert sealing.seal_pending() == 0
    assert sealing.seal_pending() == 1


@pytest.mark.django_db
class TestAppendOnly:
    """For the product's own role."""

    @pytest.mark.parametrize(
        "change",
        [
            lambda events: events.update(action="other"),
            lambda events: events.update(seal=9),
            lambda events: events.update(digest=b"x"),
            lambda events: events.update(user_id=None, seal=9, digest=b"x", action="other"),
            lambda events: events.delete(),
            lambda events: AuditSeal.objects.update(sealed_at=datetime(2020, 1, 1, tzinfo=UTC)),
            lambda events: AuditSeal.objects.update(pruned_at=datetime(2020, 1, 1, tzinfo=UTC), pruned_mark=b"x"),
            lambda events: AuditSeal.objects.all().delete(),
        ],
    )
    def test_nothing_is_changed_or_deleted(self, change: Callable[[Any], Any]) -> None:
        happen()
        sealing.seal_pending(now=datetime(2026, 1, 1, tzinfo=UTC))
        happen()
        before = list(AuditEvent.objects.values()), list(AuditSeal.objects.values())
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change(AuditEvent.objects.filter(seal=1))
        assert (list(AuditEvent.objects.values()), list(AuditSeal.objects.values())) == before

    def test_it_may_not_truncate(self) -> None:
        with pytest.raises(DatabaseError, match="permission"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("TRUNCATE audit_event")


@committed
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET action = 'other'",
        "UPDATE audit_event SET seal = NULL, digest = NULL",
        "DELETE FROM audit_event",
        "UPDATE audit_seal SET hash = 'x'",
        "UPDATE audit_seal SET pruned_at = now(), pruned_mark = 'x'",
        "DELETE FROM audit_seal",
        "SELECT audit_prune(ARRAY[1], ARRAY['x'::bytea])",
    ],
)
def test_the_owner_of_the_tables_is_bound_too(statement: str) -> None:
    happen(2)
    sealing.seal_pending()
    with pytest.raises(DatabaseError, match="append-only"):
        as_owner(statement)
    assert "Verified 2 events" in verified()


@committed
@pytest.mark.parametrize("table", ["audit_event", "audit_seal"])
def test_the_owner_may_not_truncate(table: str) -> None:
    # Off in tests, which empty all tables (tests/conftest.py).
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_truncate")
        with pytest.raises(DatabaseError, match="append-only"):
            cursor.execute(f"TRUNCATE {table}")
        transaction.set_rollback(True, "owner")


@committed
class TestTampering:
    """By somebody with every right over the database, who switches the triggers off."""

    @pytest.fixture(autouse=True)
    def _chain(self, db: None) -> None:
        for count in (3, 2, 4):
            happen(count, tokens=1)
            sealing.seal_pending()
        happen()

    def ids(self, seal: int) -> list[int]:
        return list(AuditEvent.objects.filter(seal=seal).order_by("pk").values_list("pk", flat=True))

    def test_nothing_was_changed(self) -> None:
        report = verified()
        assert "Verified 9 events in 3 seals" in report
        assert "1 events await sealing" in report
        assert f"Head: {sealing.head().head}" in report

    @pytest.mark.parametrize(
        "change",
        [
            "action = 'chat.deleted'",
            "at = at + interval '1 microsecond'",
            "at = 'infinity'",
            "user_id = gen_random_uuid()",
            "resource_id = 'x'",
            "address = '10.0.0.1'",
            "agent = 'x'",
            "request_id = 'x'",
            "details = '{\"tokens\": 2}'",
            "digest = NULL",
        ],
    )
    def test_a_changed_event_is_named(self, change: str) -> None:
        second, later = self.ids(2)[1], self.ids(3)[0]
        as_owner(f"UPDATE audit_event SET {change} WHERE id IN (%s, %s)", second, later, guarded=False)
        assert f"Event {second} was changed." in broken()

    def test_a_deleted_event_is_named(self) -> None:
        middle = self.ids(1)[1]
        as_owner("DELETE FROM audit_event WHERE id IN (%s, %s)", middle, self.ids(3)[0], guarded=False)
        assert f"Event {middle} of seal 1 was deleted." in broken()

    def test_the_last_event_of_a_seal_deleted_is_named(self) -> None:
        last = self.ids(2)[-1]
        as_owner("DELETE FROM audit_event WHERE id = %s", last, guarded=False)
        assert f"Event {last} of seal 2 was deleted." in broken()

    def test_an_event_deleted_by_taking_it_out_of_its_seal_is_named(self) -> None:
        first = self.ids(2)[0]
        as_owner("UPDATE audit_event SET seal = NULL, digest = NULL WHERE id = %s", first, guarded=False)
        assert f"Event {first} of seal 2 was deleted." in broken()

    @pytest.mark.parametrize("number", [-5, 1_000_000])
    def test_an_inserted_event_is_named(self, number: int) -> None:
        self.insert(number, seal=2)
        assert f"Event {number} was inserted into seal 2." in broken()

    @pytest.mark.parametrize("seal", [0, 9])
    def test_an_event_inserted_into_a_seal_that_is_not_there_is_named(self, seal: int) -> None:
        self.insert(77_777, seal=seal)
        assert f"Event 77777 belongs to seal {seal}, which is not there." in broken()

    def insert(self, number: int, *, seal: int) -> None:
        columns = "at, action, user_id, resource_kind, resource_id, address, agent, request_id, details, digest"
        as_owner(
            f"INSERT INTO audit_event (id, seal, {columns}) OVERRIDING SYSTEM VALUE "
            f"SELECT %s, %s, {columns} FROM audit_event WHERE seal = 2 LIMIT 1",
            number, seal, guarded=False,
        )  # fmt: skip

    def test_reordered_events_are_named(self) -> None:
        first, second = self.ids(2)
        as_owner("UPDATE audit_event SET id = 500000 WHERE id = %s", first, guarded=False)
        as_owner("UPDATE audit_event SET id = %s WHERE id = %s", first, second, guarded=False)
        as_owner("UPDATE audit_event SET id = %s WHERE id = 500000", second, guarded=False)
        assert f"Event {first} was changed." in broken()

    @pytest.mark.parametrize(
        "change",
        ["hash = 'x'", "content = 'x'", "sealed_at = now()", "sealed_at = 'infinity'", "event_ids = event_ids[2:]"],
    )
    def test_a_changed_seal_is_named(self, change: str) -> None:
        as_owner(f"UPDATE audit_seal SET {change} WHERE number = 2", guarded=False)
        assert "Seal 2 was changed" in broken()

    def test_a_batch_deleted_with_its_seal_is_named(self) -> None:
        as_owner("DELETE FROM audit_event WHERE seal = 2", guarded=False)
        as_owner("DELETE FROM audit_seal WHERE number = 2", guarded=False)
        assert "Seal 2 was deleted." in broken()

    def test_a_batch_marked_as_pruned_by_hand_is_named(self) -> None:
        as_owner("UPDATE audit_seal SET pruned_at = now(), pruned_mark = 'x' WHERE number = 1", guarded=False)
        as_owner("DELETE FROM audit_event WHERE seal = 1", guarded=False)
        assert "The events of seal 1 were deleted by hand." in broken()

    def test_an_end_that_was_cut_off_is_found(self) -> None:
        as_owner("DELETE FROM audit_event WHERE seal = 3", guarded=False)
        as_owner("DELETE FROM audit_seal WHERE number = 3", guarded=False)
        assert "Seal 3 is not there any more: the chain ends with seal 2" in broken()
        as_owner("DELETE FROM audit_event", guarded=False)
        as_owner("DELETE FROM audit_seal", guarded=False)
        assert "Seal 3 is not there any more: the chain is empty" in broken()

    def test_an_end_that_was_cut_off_with_the_keys_at_hand_is_found_with_a_head_that_was_noted(self) -> None:
        noted = sealing.head().head
        as_owner("DELETE FROM audit_event WHERE seal = 3", guarded=False)
        as_owner("DELETE FROM audit_seal WHERE number = 3", guarded=False)
        head_file().unlink()
        assert "Verified 5 events" in verified()
        assert "Seal 3 is not there any more" in broken(head=noted)
        # Even after the chain went on.
        sealing.seal_pending()
        verified()
        assert "Seal 3 is not the one that was noted" in broken(head=noted)

    def test_a_head_that_is_none_is_refused(self) -> None:
        for text in ("3", "x:y", f"1:{'g' * 64}"):
            with pytest.raises(CommandError, match="looks like"):
                verified(head=text)


def head_file() -> Path:
    return Path(settings.KEYS_DIR) / kept_head.NAME


@committed
class TestTheHeadThatIsKept:
    """Outside the database, so that nobody has the product seal what they left of it."""

    @pytest.fixture(autouse=True)
    def _chain(self, db: None) -> None:
        cache.clear()
        for count in (3, 2):
            happen(count)
            sealing.seal_pending()

    def last_batch_is_taken_apart(self) -> None:
        gone = AuditEvent.objects.filter(seal=2).order_by("pk").first().pk
        as_owner("UPDATE audit_event SET seal = NULL, digest = NULL WHERE seal = 2", guarded=False)
        as_owner("DELETE FROM audit_seal WHERE number = 2", guarded=False)
        as_owner("DELETE FROM audit_event WHERE id = %s", gone, guarded=False)

    def earlier(self) -> Callable[[], None]:
        """A backup of now; what is returned restores it."""
        events, seals = list(AuditEvent.objects.values_list("pk", flat=True)), AuditSeal.objects.count()

        def restore() -> None:
            as_owner("DELETE FROM audit_event WHERE NOT id = ANY (%s)", events, guarded=False)
            as_owner("DELETE FROM audit_seal WHERE number > %s", seals, guarded=False)

        return restore

    def test_an_event_taken_out_of_the_last_batch_is_not_sealed_away(self, caplog: pytest.LogCaptureFixture) -> None:
        self.last_batch_is_taken_apart()
        assert sealing.seal_pending() == 0
        (said,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert "not sealed any more. Seal 2 is not there any more: the chain ends with seal 1" in said
        assert "Seal 2 is not there any more" in broken()

    def test_it_is_said_again_but_not_every_three_seconds(self, caplog: pytest.LogCaptureFixture) -> None:
        self.last_batch_is_taken_apart()
        for _ in range(3):
            sealing.seal_pending()
        assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
        cache.clear()
        sealing.seal_pending()
        assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 2

    def test_events_are_written_all_the_same_and_the_state_says_what_is_wrong(self) -> None:
        self.last_batch_is_taken_apart()
        happen()
        assert AuditEvent.objects.count() == 5
        state = readiness.examine()["audit"]
        assert state.status == "degraded"
        assert "shorter than it was" in state.detail

    def test_a_seal_in_the_place_of_the_last_one_is_found(self) -> None:
        as_owner("UPDATE audit_seal SET hash = 'x' WHERE number = 2", guarded=False)
        happen()
        assert sealing.seal_pending() == 0
        assert not AuditSeal.objects.filter(number=3).exists()

    def test_nothing_old_is_deleted_meanwhile(self) -> None:
        self.last_batch_is_taken_apart()
        assert retention.prune(now=datetime.now(UTC) + timedelta(days=4000)) == 0

    def test_a_restored_database_is_told_of_and_goes_on_once_that_is_accepted(self) -> None:
        restore = self.earlier()
        happen(4)
        sealing.seal_pending()
        restore()
        happen()
        assert sealing.seal_pending() == 0
        words = broken()
        assert "Seal 3 is not there any more" in words
        assert "--accept-restored" in words
        said = verified(accept_restored=True)
        assert "Verified 5 events in 2 seals" in said
        assert "Accepted: the log goes on after seal 2." in said
        event = AuditEvent.objects.get(action=Action.AUDIT_HEAD_ACCEPTED)
        assert event.details["seal"] == 2
        assert event.details["because"].startswith("Seal 3 is not there any more")
        assert event.seal == 3
        assert "Verified 7 events in 3 seals" in verified()
        assert readiness.examine()["audit"].status == "ok"

    def test_an_empty_database_can_be_accepted_too(self) -> None:
        as_owner("DELETE FROM audit_event", guarded=False)
        as_owner("DELETE FROM audit_seal", guarded=False)
        assert "Accepted: the log goes on after seal 0." in verified(accept_restored=True)
        assert "Verified 1 events in 1 seals" in verified()

    def test_what_was_changed_is_not_accepted(self) -> None:
        self.last_batch_is_taken_apart()
        as_owner("UPDATE audit_event SET action = 'x' WHERE seal = 1", guarded=False)
        assert "was changed." in broken(accept_restored=True)
        assert kept_head.kept().number == 2
        assert not AuditEvent.objects.filter(action=Action.AUDIT_HEAD_ACCEPTED).exists()

    def test_where_nothing_is_wrong_nothing_is_accepted(self) -> None:
        assert "nothing to accept" in verified(accept_restored=True)
        assert not AuditEvent.objects.filter(action=Action.AUDIT_HEAD_ACCEPTED).exists()

    def test_without_a_head_as_after_an_upgrade_it_begins_with_the_next_seal(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        head_file().unlink()
        assert "compared with no head" in verified()
        assert readiness.examine()["audit"].status == "ok"
        happen()
        assert sealing.seal_pending() == 1
        assert "No head of the audit log was kept" in caplog.text
        assert kept_head.kept().number == 3
        assert "compared with no head" not in verified()

    @pytest.mark.parametrize(
        "change", [lambda text: text.replace('"number": 2', '"number": 1'), lambda text: text[:40], lambda text: "é"]
    )
    def test_a_file_that_somebody_else_wrote_is_refused(self, change: Callable[[str], str]) -> None:
        head_file().write_text(change(head_file().read_text()))
        happen()
        assert sealing.seal_pending() == 0
        assert "is damaged or was changed" in broken()
        assert "Accepted" in verified(accept_restored=True)

    def test_it_never_goes_back(self) -> None:
        heads = [kept_head.Head(number, bytes([number] * 32)) for number in range(3, 40)]
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(kept_head.keep, reversed(heads)))
        assert kept_head.kept() == heads[-1]

    def test_what_is_undone_is_not_kept(self) -> None:
        happen()
        with transaction.atomic():
            sealing.seal_pending()
            transaction.set_rollback(True)
        assert kept_head.kept().number == 2

    def test_where_it_cannot_be_kept_sealing_goes_on_and_says_so(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(kept_head.whole_files, "replace", full)
            happen()
            assert sealing.seal_pending() == 1
        assert "could not be kept" in caplog.text
        happen()
        sealing.seal_pending()
        assert kept_head.kept().number == 4

    def test_nobody_else_reads_the_file(self) -> None:
        assert head_file().stat().st_mode & 0o777 == 0o600


@committed
class TestRetention:
    NOW = datetime(2026, 11, 1, tzinfo=UTC)

    @pytest.fixture(autouse=True)
    def _chain(self, settings: Any) -> None:
        """Batches of 400, 380, 100 and 0 days ago."""
        settings.AUDIT_RETENTION_DAYS = 365
        for count, days in ((3, 400), (2, 380), (4, 100), (1, 0)):
            happen(count)
            sealing.seal_pending(now=self.NOW - timedelta(days=days))

    def test_whole_batches_go_after_their_time_and_the_chain_still_holds(self) -> None:
        noted = sealing.head().head
        assert retention.prune(now=self.NOW) == 5
        assert list(AuditEvent.objects.filter(action=Action.CHAT_ASKED).values_list("seal").distinct()) == [(3,), (4,)]
        pruned = AuditEvent.objects.get(action=Action.AUDIT_PRUNED)
        assert (pruned.details["events"], pruned.details["from_seal"], pruned.details["to_seal"]) == (5, 1, 2)
        report = verified(head=noted)
        assert "Verified 5 events in 2 seals" in report
        assert "5 older events in 2 seals were deleted after their time." in report
        sealing.seal_pending(now=self.NOW)
        assert retention.prune(now=self.NOW) == 0
        verified(head=noted)

    def test_again_and_again(self) -> None:
        for days in (0, 10, 300, 400):
            retention.prune(now=self.NOW + timedelta(days=days))
            sealing.seal_pending(now=self.NOW + timedelta(days=days))
            verified()
        assert not AuditEvent.objects.filter(action=Action.CHAT_ASKED).exists()

    def test_a_legal_hold_keeps_everything(self, settings: Any) -> None:
        settings.AUDIT_LEGAL_HOLD = True
        assert retention.prune(now=self.NOW) == 0

    def test_a_legal_hold_on_a_person_keeps_the_batches_that_they_are_in(self, owner: User, stranger: User) -> None:
        for user, resource in ((owner, None), (stranger, ("user", owner.pk)), (stranger, None)):
            audit.record(Action.ROLE_CHANGED, user=user, resource=resource)
            sealing.seal_pending(now=self.NOW - timedelta(days=370))
        LegalHold.objects.create(user=owner, reason="17")
        retention.prune(now=self.NOW)
        kept = AuditEvent.objects.filter(action=Action.ROLE_CHANGED)
        assert list(kept.order_by("pk").values_list("seal", flat=True)) == [5, 6]
        verified()
        LegalHold.objects.all().delete()
        retention.prune(now=self.NOW)
        assert not kept.exists()
        verified()

    def test_nothing_goes_where_it_is_kept_for_ever(self, settings: Any) -> None:
        settings.AUDIT_RETENTION_DAYS = 0
        assert retention.prune(now=self.NOW) == 0

    def test_the_product_s_role_goes_the_same_way_only(self) -> None:
        retention.prune(now=self.NOW)
        with pytest.raises(DatabaseError, match="append-only"):
            AuditEvent.objects.filter(seal=3).delete()

    def test_no_role_but_the_product_s_may_call_the_function(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT has_function_privilege('public', oid, 'EXECUTE'),"
                " has_function_privilege(current_user, oid, 'EXECUTE'),"
                " has_table_privilege(current_user, 'django_migrations', 'SELECT'),"
                " has_table_privilege(current_user, 'django_migrations', 'INSERT, UPDATE, DELETE')"
                " FROM pg_proc WHERE proname = 'audit_prune'"
            )
            assert cursor.fetchone() == (False, True, True, False)

    def test_nobody_makes_the_function_delete_what_is_fresh(self) -> None:
        happen()
        sealing.seal_pending()
        with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
            cursor.execute("SELECT audit_prune(ARRAY[5], ARRAY['x'::bytea])")

    def test_whoever_makes_it_delete_what_is_old_is_found_out(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT audit_prune(ARRAY[2], ARRAY['x'::bytea])")
        assert "The events of seal 2 were deleted by hand." in broken()

    def test_what_is_put_into_a_pruned_stretch_is_named(self) -> None:
        retention.prune(now=self.NOW)
        as_owner("UPDATE audit_event SET seal = 1 WHERE seal = 4", guarded=False)
        assert "was inserted into seal 1, whose events were deleted" in broken()


@committed
def test_events_that_wait_for_long_are_a_thing_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    assert readiness.examine()["audit"].status == "ok"
    happen()
    assert readiness.examine()["audit"].status == "ok"
    monkeypatch.setattr(readiness, "SEALED_WITHIN", 0)
    assert readiness.examine()["audit"].status == "degraded"
    sealing.seal_pending()
    assert readiness.examine()["audit"].status == "ok"


@committed
def test_the_jobs_are_beat_s_and_small(settings: Any) -> None:
    from accounts.audit import tasks

    scheduled = {entry["task"]: entry for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert scheduled[tasks.seal.name]["options"]["expires"] == scheduled[tasks.seal.name]["schedule"] == 3
    happen()
    tasks.seal()
    tasks.prune()
    assert AuditSeal.objects.count() == 1
