"""Tokens in a day and bytes kept, by role: what is counted, what is refused, and what the person is told."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone

from accounts.audit import Action
from accounts.audit.models import AuditEvent
from accounts.limits import quotas
from accounts.limits.models import TokensSpent
from accounts.models import User
from accounts.tenancy import acting_as_system
from chats import conversation as conversations
from chats.answering import records
from chats.models import Conversation, Message
from chatsite import env
from documents import library
from documents.errors import NoRoom
from documents.models import Document
from jobs import leases
from tests.accounts.conftest import signed_in

MB = 1024 * 1024


@pytest.fixture
def tokens(settings: LazySettings) -> int:
    settings.QUOTA_TOKENS_PER_DAY = {"user": 1000, "viewer": 0, "admin": 0, "super_admin": 0}
    return 1000


@pytest.fixture
def storage(settings: LazySettings) -> int:
    settings.QUOTA_STORAGE_MB = {"user": 1, "viewer": 0, "admin": 0, "super_admin": 0}
    return MB


def _file(size: int, name: str = "") -> SimpleUploadedFile:
    line = f"{uuid.uuid4()}\n".encode()
    return SimpleUploadedFile(name or f"{uuid.uuid4()}.txt", (line * (size // len(line) + 1))[:size])


class TestSetting:
    ROLES = ("super_admin", "admin", "user", "viewer")

    @pytest.mark.parametrize(
        ("value", "user", "viewer"),
        [
            ("", 0, 0),
            ("user=5", 5, 0),
            ("user=5 viewer=0", 5, 0),
            ("viewer=7, user=5", 5, 7),
            ("user=5,viewer=7", 5, 7),
        ],
    )
    def test_it_is_read(self, monkeypatch: pytest.MonkeyPatch, value: str, user: int, viewer: int) -> None:
        monkeypatch.setenv("QUOTA", value)
        found = env.amounts("QUOTA", self.ROLES)
        assert (found["user"], found["viewer"], found["admin"]) == (user, viewer, 0)

    @pytest.mark.parametrize(
        "value",
        ["5", "user", "user=", "user=-1", "user=1k", "guest=5", "user=1 user=2", "user=٥", "User=1"],
    )
    def test_what_cannot_be_understood_stops_the_start(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("QUOTA", value)
        with pytest.raises(ImproperlyConfigured, match="QUOTA"):
            env.amounts("QUOTA", self.ROLES)


class TestTokens:
    def test_they_are_counted_by_day_and_person(self, owner: User, stranger: User, tokens: int) -> None:
        quotas.spend_tokens(owner.pk, 300)
        quotas.spend_tokens(owner.pk, 200)
        yesterday = timezone.localdate() - timedelta(days=1)
        TokensSpent.objects.create(owner=owner, day=yesterday, tokens=10_000)
        assert (quotas.tokens_left(owner), quotas.tokens_left(stranger)) == (500, 1000)
        assert TokensSpent.objects.get(owner=owner, day=timezone.localdate()).answers == 2

    def test_without_a_quota_there_is_no_end(self, owner: User, admin_user: User, tokens: int) -> None:
        quotas.spend_tokens(admin_user.pk, 10**12)
        assert quotas.tokens_left(admin_user) is None
        quotas.check_tokens(admin_user)

    def test_a_question_beyond_them_is_refused_in_a_sentence_and_leaves_nothing(self, owner: User, tokens: int) -> None:
        quotas.spend_tokens(owner.pk, 1000)
        response = signed_in(owner).post("/chats", {"content": "Why?"}, headers={"HX-Request": "true"})
        assert response.status_code == 429
        words = response.content.decode()
        assert "Today&#x27;s 1,000 tokens of your account are used up. Your text is kept." in words
        assert "from 00:00 (UTC)" in words
        assert not Conversation.objects.exists()

    @pytest.mark.parametrize("verb", ["messages", "regenerate", "continue"])
    def test_every_way_to_an_answer_is_refused(self, owner: User, tokens: int, verb: str) -> None:
        conversation = conversations.start(owner)
        answer = conversations.post_message(conversation, "Why?").answer
        Message.objects.filter(pk=answer.pk).update(status=Message.Status.STOPPED)
        quotas.spend_tokens(owner.pk, 1000)
        before = Message.objects.count()
        path = f"/chats/{conversation.pk}/messages"
        path += "" if verb == "messages" else f"/{answer.pk}/{verb}"
        response = signed_in(owner).post(path, {"content": "And?"}, headers={"HX-Request": "true"})
        assert response.status_code == 429
        assert Message.objects.count() == before
        assert Message.objects.get(pk=answer.pk).status == Message.Status.STOPPED

    def test_an_answer_whose_turn_comes_too_late_is_told_so(self, owner: User, tokens: int) -> None:
        answer = conversations.post_message(conversations.start(owner), "Why?").answer
        quotas.spend_tokens(owner.pk, 1000)
        job = records.claim(answer.pk, leases.worker_name())
        assert job is not None
        assert job.is_out_of_tokens

    def test_settling_counts_them_once(self, owner: User, tokens: int) -> None:
        answer = conversations.post_message(conversations.start(owner), "Why?").answer
        worker = leases.worker_name()
        job = records.claim(answer.pk, worker)
        assert job is not None
        for _ in range(2):  # The second time as after a lost connection.
            records.settle(job, worker, Message.Status.DONE, cited=[], spent=120, content="Because.")
        assert quotas.tokens(owner).used == 120

    def test_without_a_quota_nobody_is_looked_up(self, owner: User, django_assert_max_num_queries: object) -> None:
        assert not quotas.has_token_quota()
        with django_assert_max_num_queries(0):  # type: ignore[operator]
            quotas.check_tokens(owner)
            quotas.check_storage(owner, 10**15)


def test_reaching_a_quota_is_recorded_once_in_a_minute(owner: User, tokens: int) -> None:
    quotas.spend_tokens(owner.pk, 1000)
    for _ in range(3):
        with pytest.raises(quotas.QuotaReached):
            quotas.check_tokens(owner)
    event = AuditEvent.objects.get(action=Action.QUOTA_REACHED)
    assert (event.user_id, event.details) == (owner.pk, {"quota": "tokens"})


class TestStorage:
    def test_a_file_beyond_it_is_refused_in_a_sentence(self, owner: User, storage: int) -> None:
        library.add(owner, _file(MB - 1000))
        with pytest.raises(NoRoom) as refused:
            library.add(owner, _file(2000))
        assert "2.0\xa0KB" in refused.value.text
        assert "1000\xa0bytes of your 1.0\xa0MB are free" in refused.value.text
        assert Document.objects.count() == 1
        library.add(owner, _file(1000))
        assert quotas.storage_left(owner) == 0

    def test_deleting_makes_room(self, owner: User, storage: int) -> None:
        document = library.add(owner, _file(MB))
        library.delete(document)
        assert quotas.storage_left(owner) == MB

    def test_a_refused_file_leaves_no_bytes_behind(self, owner: User, storage: int, settings: LazySettings) -> None:
        before = _blobs(settings)
        with pytest.raises(NoRoom):
            library.add(owner, _file(MB + 1))
        assert _blobs(settings) == before

    def test_it_is_each_person_s_own(self, owner: User, stranger: User, storage: int) -> None:
        library.add(owner, _file(MB))
        library.add(stranger, _file(MB))

    @pytest.mark.django_db(transaction=True)
    def test_two_uploads_at_once_cannot_both_take_the_last_bytes(self, owner: User, storage: int) -> None:
        ready, outcomes = threading.Barrier(4), []

        def upload(file: SimpleUploadedFile) -> None:
            with acting_as_system("a test"):
                ready.wait(timeout=20)
                try:
                    library.add(owner, file)
                    outcomes.append("kept")
                except NoRoom:
                    outcomes.append("refused")
                finally:
                    connection.close()

        threads = [threading.Thread(target=upload, args=[_file(400_000)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["kept", "kept", "refused", "refused"]
        assert quotas.storage(owner).used == 800_000


def _blobs(settings: LazySettings) -> set[str]:
    return {str(path) for path in (settings.DATA_DIR / "files").rglob("*") if path.is_file()}


class TestPages:
    def test_the_settings_show_what_is_used(self, owner: User, tokens: int, storage: int) -> None:
        quotas.spend_tokens(owner.pk, 250)
        library.add(owner, _file(MB // 2))
        page = signed_in(owner).get("/settings").content.decode()
        assert "250 of 1,000" in page
        assert 'value="25"' in page
        assert 'value="50"' in page

    def test_without_limits_they_say_so(self, owner: User) -> None:
        page = signed_in(owner).get("/settings").content.decode()
        assert page.count("no limit") == 2
        assert "<meter" not in page

    def test_the_composer_says_when_little_is_left(self, owner: User, tokens: int) -> None:
        client = signed_in(owner)
        quotas.spend_tokens(owner.pk, 899)
        assert "tokens are used" not in client.get("/").content.decode()
        quotas.spend_tokens(owner.pk, 1)
        assert "90 % of today&#x27;s tokens are used" in client.get("/").content.decode()

    def test_the_library_says_when_little_is_left(self, owner: User, storage: int) -> None:
        client = signed_in(owner)
        library.add(owner, _file(MB * 8 // 10))
        assert "Delete what you do not need" not in client.get("/documents/").content.decode()
        library.add(owner, _file(MB // 10 + 2))
        assert "Delete what you do not need" in client.get("/documents/").content.decode()
