"""How many requests in a minute: what is counted, for whom, and what a refusal says."""

import re
import threading
import uuid
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory

from accounts.audit import Action
from accounts.audit.models import AuditEvent
from accounts.limits import addresses, buckets, quotas, rates
from accounts.limits.buckets import Bucket
from accounts.models import User
from chats import conversation as conversations
from chats.models import Conversation, Message
from chatsite import costs
from tests.accounts.conftest import signed_in

# So slow that no token comes back while a test runs.
SLOW = 1


@pytest.fixture(autouse=True)
def limited(settings: LazySettings) -> Iterator[None]:
    settings.RATE_LIMIT_PER_MINUTE, settings.RATE_LIMIT_BURST = SLOW, 3
    _fill()
    buckets._line.silent_until = 0.0
    buckets._memory.full_at.clear()
    buckets._asked.until.clear()
    yield
    buckets._line.silent_until = 0.0


def _fill() -> None:
    for key in buckets._redis().scan_iter(match=f"{buckets._PREFIX}*"):
        buckets._redis().delete(key)


@pytest.fixture
def away(settings: LazySettings) -> Iterator[None]:
    """Redis does not answer."""
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    buckets._redis.cache_clear()
    buckets._script.cache_clear()
    yield
    buckets._redis.cache_clear()
    buckets._script.cache_clear()


def _bucket(*, burst: float = 3, cost: float = 1, per_minute: float = 1) -> Bucket:
    return Bucket.of(f"test:{uuid.uuid4()}", per_minute=per_minute, burst=burst, cost=cost)


class TestBucket:
    def test_it_gives_as_many_as_it_holds_and_then_says_how_long_to_wait(self) -> None:
        bucket = _bucket()
        assert [buckets.take([bucket]) for _ in range(3)] == [0, 0, 0]
        assert 50 < buckets.take([bucket]) <= 60

    def test_it_fills_again(self) -> None:
        bucket = _bucket(burst=1, per_minute=60_000)
        assert buckets.take([bucket]) == 0
        while buckets.take([bucket]):
            pass

    def test_it_is_gone_when_it_is_full(self) -> None:
        bucket = _bucket()
        buckets.take([bucket])
        left = buckets._redis().pttl(buckets._PREFIX + bucket.name)
        assert 59_000 < left <= 60_000

    def test_a_refusal_takes_nothing_from_any_bucket(self) -> None:
        empty, full = _bucket(burst=1), _bucket(burst=1)
        buckets.take([empty])
        assert buckets.take([empty, full]) > 0
        assert buckets.take([full]) == 0

    def test_a_request_that_costs_more_than_the_burst_is_still_possible(self) -> None:
        bucket = _bucket(burst=3, cost=10)
        assert buckets.take([bucket]) == 0
        assert buckets.take([bucket]) > 0

    def test_many_at_once_get_no_more_than_it_holds(self) -> None:
        bucket, granted = _bucket(burst=10), []

        def ask() -> None:
            granted.extend(1 for _ in range(10) if buckets.take([bucket]) == 0)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(granted) == 10

    def test_the_one_in_memory_counts_the_same(self) -> None:
        bucket = _bucket()
        assert [buckets.take_here([bucket]) > 0 for _ in range(4)] == [False, False, False, True]

    def test_memory_does_not_grow_without_end(self) -> None:
        for _ in range(buckets._MOST_IN_MEMORY + 10):
            buckets.take_here([_bucket()])
        assert len(buckets._memory.full_at) <= buckets._MOST_IN_MEMORY + 1


class TestAddress:
    @pytest.mark.parametrize(
        ("remote", "address"),
        [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:DB8::1", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("", ""),
            ("not an address", ""),
        ],
    )
    def test_it_is_read_from_the_connection(self, rf: RequestFactory, remote: str, address: str) -> None:
        assert addresses.client_address(rf.get("/", REMOTE_ADDR=remote)) == address

    def test_what_a_client_claims_is_not_believed(self, rf: RequestFactory) -> None:
        request = rf.get("/", REMOTE_ADDR="192.0.2.7", headers={"x-forwarded-for": "198.51.100.1"})
        assert addresses.client_address(request) == "192.0.2.7"

    @pytest.mark.parametrize(
        ("header", "address"),
        [
            ("198.51.100.1", "198.51.100.1"),
            ("10.0.0.1, 198.51.100.1", "198.51.100.1"),
            ("evil, [2001:db8::5]:443", "2001:db8::5"),
            ("198.51.100.1:5000", "198.51.100.1"),
        ],
    )
    def test_behind_a_proxy_its_own_entry_counts(
        self, rf: RequestFactory, settings: LazySettings, header: str, address: str
    ) -> None:
        settings.TRUST_PROXY = True
        request = rf.get("/", REMOTE_ADDR="127.0.0.1", headers={"x-forwarded-for": header})
        assert addresses.client_address(request) == address

    def test_a_network_of_ipv6_counts_as_one(self) -> None:
        network = addresses.network_of
        assert network("2001:db8:1:2::1") == network("2001:db8:1:2:ffff::9") != network("2001:db8:1:3::1")
        assert network("192.0.2.7") != network("192.0.2.8")


def _ask(client: Client, **headers: str) -> object:
    return client.post("/chats", {"content": "How many moons has Mars?"}, headers=headers)


class TestRefusal:
    def test_questions_beyond_the_burst_are_refused_and_nothing_is_written(self, owner: User) -> None:
        client = signed_in(owner)
        assert [_ask(client).status_code for _ in range(4)] == [302, 302, 302, 429]
        assert Message.objects.filter(role="user").count() == 3

    def test_it_says_what_happened_that_the_text_is_kept_and_when_to_try_again(self, owner: User) -> None:
        client = signed_in(owner)
        for _ in range(3):
            _ask(client)
        response = _ask(client)
        page = response.content.decode()
        assert 50 < int(response["Retry-After"]) <= 60
        assert re.search(r"many questions in a short time. This one was not sent. Try again in \d\d seconds\.", page)
        assert re.search(r"<textarea[^>]*>How many moons has Mars\?</textarea>", page)

    def test_its_page_sends_the_question_again(self, owner: User) -> None:
        client = signed_in(owner)
        for _ in range(3):
            _ask(client)
        page = _ask(client).content.decode()
        action = re.search(r'<form class="stack" method="post" action="([^"]+)"', page)[1]
        _fill()
        assert client.post(action, {"content": "How many moons has Mars?"}).status_code == 302

    def test_what_was_written_is_escaped_on_it(self, owner: User) -> None:
        client = signed_in(owner)
        for _ in range(4):
            response = client.post("/chats", {"content": "</textarea><script>alert(1)</script>"})
        assert b"<script>alert" not in response.content

    def test_htmx_gets_a_fragment(self, owner: User) -> None:
        client = signed_in(owner)
        for _ in range(4):
            response = _ask(client, hx_request="true")
        assert response.status_code == 429
        assert response.content.decode().strip().startswith("<p>Those were many questions")
        assert "HX-Request" in response["Vary"]

    def test_an_interface_gets_a_problem_document(self, rf: RequestFactory, owner: User) -> None:
        response = costs.too_many(rf.get("/api/v1/models"), rates.TooMany(costs.ASK, 3.2))
        assert (response["Content-Type"], response["Retry-After"]) == ("application/problem+json", "4")
        assert b"RATE_LIMITED" in response.content

    def test_it_may_not_be_cached(self, owner: User) -> None:
        client = signed_in(owner)
        assert [_ask(client) for _ in range(4)][-1]["Cache-Control"] == "private, no-store"

    def test_an_upload_is_refused_before_anything_reads_it(self, owner: User) -> None:
        client = signed_in(owner)
        for _ in range(3):
            client.post("/documents/upload")
        response = client.post("/documents/upload", {"files": b"x"}, headers={"HX-Request": "true"})
        assert response.status_code == 429
        assert "Nothing was added" in response.content.decode()

    @pytest.mark.parametrize(("seconds", "words"), [(0.2, "1 second."), (59.1, "60 seconds."), (130, "3 minutes.")])
    def test_the_time_is_said_in_words(self, seconds: float, words: str) -> None:
        assert rates.TooMany(costs.ASK, seconds).text.endswith(f"Try again in {words}")


class TestWhoIsCounted:
    def test_one_person_does_not_use_up_anothers(self, owner: User, stranger: User) -> None:
        for _ in range(4):
            _ask(signed_in(owner))
        assert _ask(signed_in(stranger)).status_code == 302

    def test_two_browsers_of_a_person_share(self, owner: User) -> None:
        here, there = signed_in(owner), signed_in(owner)
        assert [_ask(c).status_code for c in (here, there, here, there)] == [302, 302, 302, 429]

    def test_an_address_has_ten_times_as_much(self, db: None) -> None:
        people = [User.objects.create_user(f"p{n}@example.org", "x") for n in range(11)]
        statuses = [_ask(signed_in(person)).status_code for person in people for _ in range(3)]
        assert statuses == [302] * 30 + [429] * 3

    def test_sign_in_is_counted_by_address(self, client: Client, db: None) -> None:
        def attempt(number: int, remote: str) -> int:
            form = {"login": f"p{number}@example.org", "password": "a wrong password"}
            return client.post("/accounts/login/", form, REMOTE_ADDR=remote).status_code

        assert [attempt(n, "192.0.2.1") for n in range(4)] == [200, 200, 200, 429]
        assert attempt(5, "192.0.2.2") == 200
        assert [attempt(n, f"2001:db8::{n}") for n in range(4)] == [200, 200, 200, 429]

    def test_people_and_addresses_are_not_to_be_read_in_redis(self, owner: User) -> None:
        _ask(signed_in(owner))
        keys = b" ".join(buckets._redis().scan_iter(match=f"{buckets._PREFIX}*")).decode()
        assert "ask:" in keys
        assert str(owner.pk) not in keys
        assert "127.0.0.1" not in keys

    def test_zero_counts_nothing(self, owner: User, settings: LazySettings) -> None:
        settings.RATE_LIMIT_PER_MINUTE = 0
        assert {_ask(signed_in(owner)).status_code for _ in range(6)} == {302}


class TestAudit:
    def test_a_person_s_refusals_are_recorded_once_in_a_minute(self, owner: User) -> None:
        client = signed_in(owner)
        for _ in range(9):
            _ask(client)
        event = AuditEvent.objects.get(action=Action.RATE_LIMITED)
        assert (event.user_id, event.details, event.address) == (owner.pk, {"budget": "ask"}, "127.0.0.1")

    def test_those_of_a_stranger_carry_the_address(self, client: Client, db: None) -> None:
        for number in range(9):
            client.post("/accounts/login/", {"login": f"p{number}@example.org", "password": "wrong"})
        event = AuditEvent.objects.get(action=Action.RATE_LIMITED)
        assert (event.user_id, event.details["budget"], event.address) == (None, "sign-in", "127.0.0.1")


class TestReading:
    """With a burst of 3: 120 pages, 30 pictures of pages, and one download, which costs two."""

    def test_very_many_pages_end_it(self, owner: User, stranger: User) -> None:
        client, path = signed_in(owner), f"/chats/{uuid.uuid4()}"
        statuses = [client.get(path).status_code for _ in range(150)]
        # A slow machine gives the bucket time to fill up by some.
        assert (statuses[:120], set(statuses[120:]) | {404}) == ([404] * 120, {404, 429})
        assert signed_in(stranger).get(path).status_code == 404, "an address is not counted"

    def test_pictures_of_pages_are_drawn_and_so_fewer(self, owner: User) -> None:
        client, path = signed_in(owner), f"/documents/{uuid.uuid4()}/versions/1/pages/1/image.png"
        statuses = [client.get(path).status_code for _ in range(40)]
        assert (statuses[:30], set(statuses[30:]) | {404}) == ([404] * 30, {404, 429})
        assert client.get("/settings").status_code == 200

    @pytest.mark.parametrize("kind", ["json", "md"])
    def test_downloads(self, owner: User, kind: str) -> None:
        client, chat = signed_in(owner), conversations.start(owner)
        assert [client.get(f"/chats/{chat.pk}/export.{kind}").status_code for _ in range(2)] == [200, 429]
        assert client.get(f"/settings/exchange/{uuid.uuid4()}/file").status_code == 429

    def test_a_chat_that_a_worker_makes_a_file_of_is_an_export(
        self, owner: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chats.exchange.views._DIRECT", -1)
        client, chat = signed_in(owner), conversations.start(owner)
        assert client.get(f"/chats/{chat.pk}/export.json")["Location"] == "/settings/exchange#latest"
        refused = client.post("/settings/exchange/export", {"form": "json"})
        assert (refused.status_code, "An export is a lot of work" in refused.content.decode()) == (429, True)

    def test_so_is_one_of_several_chats(self, owner: User) -> None:
        client, chat = signed_in(owner), conversations.start(owner)
        form = {"chat": str(chat.pk), "export": "json"}
        assert client.post("/chats/several", form)["Location"] == "/settings/exchange#latest"
        refused = client.post("/chats/several", form)
        assert (refused.status_code, "An export is a lot of work" in refused.content.decode()) == (429, True)

    def test_a_visitor_is_counted_as_one(self, rf: RequestFactory) -> None:
        request = rf.get("/documents")
        request.user = AnonymousUser()
        for name in ("documents:page_image", "documents:library"):
            request.resolver_match = SimpleNamespace(view_name=name)
            assert costs.budget_of(request) is costs.VISIT


class TestWhatIsFree:
    @pytest.mark.parametrize("path", ["/health", "/ready", "/static/css/base.css"])
    def test_health_and_static_files(self, client: Client, db: None, path: str) -> None:
        assert 429 not in {client.get(path).status_code for _ in range(40)}

    def test_a_usual_number_of_pages_pictures_and_progress(self, owner: User) -> None:
        client, conversation = signed_in(owner), conversations.start(owner)
        exchange = conversations.post_message(conversation, "Why?")
        paths = [
            "/",
            "/documents/",
            f"/chats/{conversation.pk}/messages/{exchange.answer.pk}",
            f"/documents/{uuid.uuid4()}/versions/1/pages/1/image.png",
        ]
        assert 429 not in {client.get(path).status_code for path in paths for _ in range(20)}

    def test_stopping_is_never_refused(self, owner: User) -> None:
        client, conversation = signed_in(owner), conversations.start(owner)
        answer = conversations.post_message(conversation, "Why?").answer
        stop = f"/chats/{conversation.pk}/messages/{answer.pk}/stop"
        assert 429 not in {client.post(stop).status_code for _ in range(20)}

    def test_looking_at_an_upload_page_costs_no_upload(self, owner: User) -> None:
        client = signed_in(owner)
        assert {client.get("/documents/upload").status_code for _ in range(20)} == {405}

    def test_an_unknown_change_is_counted_all_the_same(self, owner: User) -> None:
        client, conversation = signed_in(owner), conversations.start(owner)
        rename = f"/chats/{conversation.pk}/rename"
        assert [client.post(rename, {"title": "x"}).status_code for _ in range(13)] == [302] * 12 + [429]

    def test_every_view_of_the_table_exists(self) -> None:
        from tests.routes import ROUTES

        names = {route.name for route in ROUTES}
        assert costs.COSTS.keys() | costs.READING.keys() | costs.FREE <= names


class TestWithoutRedis:
    def test_people_go_on_and_the_log_says_so(self, owner: User, away: None, caplog: pytest.LogCaptureFixture) -> None:
        user = signed_in(owner)
        assert {user.get("/settings").status_code for _ in range(10)} == {200}
        for _ in range(10):
            rates.check(owner, costs.ASK)
        assert caplog.text.count("Redis is away, so requests are not counted") == 1

    def test_strangers_are_counted_by_the_process(self, rf: RequestFactory, db: None, away: None) -> None:
        request = rf.post("/accounts/login/")
        for _ in range(3):
            rates.check(request, costs.SIGN_IN)
        for _ in range(3):
            with pytest.raises(rates.TooMany):
                rates.check(request, costs.SIGN_IN)
        assert AuditEvent.objects.filter(action=Action.RATE_LIMITED).count() == 1

    def test_a_quota_is_still_audited_once(self, owner: User, settings: LazySettings, away: None) -> None:
        settings.QUOTA_STORAGE_MB = {"user": 1}
        for _ in range(3):
            with pytest.raises(quotas.QuotaReached):
                quotas.check_storage(owner, 2_000_000)
        assert AuditEvent.objects.filter(action=Action.QUOTA_REACHED).count() == 1

    def test_what_was_asked_is_forgotten_in_time_and_does_not_grow(self) -> None:
        asked = buckets._Asked()
        assert [asked.is_first("a", 60), asked.is_first("a", 60), asked.is_first("b", 0)] == [True, False, True]
        assert asked.is_first("b", 60)
        for number in range(buckets._MOST_IN_MEMORY + 10):
            asked.is_first(str(number), 60)
        assert len(asked.until) <= buckets._MOST_IN_MEMORY


def test_a_conversation_is_not_begun_when_its_question_is_refused(owner: User) -> None:
    client = signed_in(owner)
    for _ in range(5):
        _ask(client)
    assert Conversation.objects.count() == 3
