"""The audit log in the administration: read-only, searchable, exported."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from accounts import audit
from accounts.audit import admin, exporting, sealing
from accounts.audit.models import AuditEvent
from accounts.models import User
from accounts.tenancy import acting_as
from tests.accounts.conftest import signed_in

pytestmark = pytest.mark.django_db
Action = audit.Action
LIST = "/admin/audit/auditevent/"


@pytest.fixture
def by_admin(people: dict[str, User]) -> Client:
    return signed_in(people["admin"])


def shown(response: Any) -> list[str]:
    """The actions in the list, newest first."""
    return re.findall(r'field-what">.*?<code>(.*?)</code>', response.content.decode(), re.DOTALL)


def exported(client: Client, kind: str, **query: str) -> str:
    response = client.get(f"{LIST}export.{kind}", query)
    assert response.status_code == 200, response.headers
    return b"".join(response.streaming_content).decode()


class TestWhoMayRead:
    @pytest.mark.parametrize("role", ["viewer", "user"])
    def test_others_may_not(self, people: dict[str, User], role: str) -> None:
        client = signed_in(people[role])
        for address in (LIST, f"{LIST}export.csv", f"{LIST}export.json"):
            assert client.get(address).status_code in {302, 403}

    @pytest.mark.parametrize("role", ["admin", "super_admin"])
    def test_nobody_adds_changes_or_deletes(self, people: dict[str, User], role: str) -> None:
        audit.record(Action.SHARED)
        event = AuditEvent.objects.get(action=Action.SHARED)
        client = signed_in(people[role])
        assert client.get(f"{LIST}{event.pk}/change/").status_code == 200
        assert client.get(f"{LIST}add/").status_code == 403
        assert client.get(f"{LIST}{event.pk}/delete/").status_code == 403
        client.post(LIST, {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"})
        client.post(f"{LIST}{event.pk}/change/", {"action": "other"})
        assert AuditEvent.objects.get(pk=event.pk).action == Action.SHARED

    @pytest.mark.parametrize("action", [Action.METADATA_READ, Action.SYSTEM_ACTED])
    def test_routine_is_listed_when_it_is_asked_for(self, by_admin: Client, action: Action) -> None:
        audit.record(action)
        audit.record(Action.SHARED)
        first = by_admin.get(LIST)
        assert Action.SHARED in shown(first)
        assert action not in shown(first)
        assert action in shown(by_admin.get(LIST, {"since": "2020-01-01", "routine": "1"}))
        assert action in shown(by_admin.get(LIST, {"what": action}))
        assert "?routine=1" in first.content.decode()
        assert action in exported(by_admin, "csv")

    def test_reading_is_recorded(self, by_admin: Client, people: dict[str, User]) -> None:
        by_admin.get(LIST, {"q": "secret@example.org", "what": "chat"})
        read = AuditEvent.objects.get(action=Action.AUDIT_READ)
        assert read.user_id == people["admin"].pk
        assert read.details == {"filters": ["q", "what"], "what": "chat"}
        assert "secret" not in str(dict(by_admin.session))

    def test_going_on_to_the_next_page_is_not_recorded_again(self, by_admin: Client) -> None:
        for query in ({"what": "chat"}, {"what": "chat", "p": "2"}, {"what": "share"}, {"what": "chat"}):
            by_admin.get(LIST, query)
        read = AuditEvent.objects.filter(action=Action.AUDIT_READ).order_by("pk")
        assert [event.details["what"] for event in read] == ["chat", "share", "chat"]


class TestFinding:
    @pytest.fixture(autouse=True)
    def _events(self, people: dict[str, User]) -> None:
        audit.record(Action.CHAT_ASKED, user=people["user"], resource=("chat", "c1"))
        audit.record(Action.CHAT_DELETED, user=people["viewer"], resource=("chat", "c1"))
        audit.record(Action.ROLE_CHANGED, user=people["super_admin"], resource=("user", people["user"].pk))

    def found(self, client: Client, **query: str) -> set[str]:
        ours = {Action.CHAT_ASKED, Action.CHAT_DELETED, Action.ROLE_CHANGED}
        return set(shown(client.get(LIST, query))) & {action.value for action in ours}

    def test_all_of_it(self, by_admin: Client) -> None:
        assert self.found(by_admin) == {"chat.asked", "chat.deleted", "admin.role_changed"}

    def test_by_group_and_by_action(self, by_admin: Client) -> None:
        assert self.found(by_admin, what="chat") == {"chat.asked", "chat.deleted"}
        assert self.found(by_admin, what="chat.asked") == {"chat.asked"}

    def test_by_person(self, by_admin: Client, people: dict[str, User]) -> None:
        assert self.found(by_admin, who=str(people["user"].pk)) == {"chat.asked"}
        # What was done by them, and to them.
        assert self.found(by_admin, q=str(people["user"].pk)) == {"chat.asked", "admin.role_changed"}
        assert self.found(by_admin, q="VIEWER@example") == {"chat.deleted"}
        assert self.found(by_admin, q="nobody@example") == set()

    def test_by_resource(self, by_admin: Client) -> None:
        assert self.found(by_admin, resource="c1") == {"chat.asked", "chat.deleted"}
        assert self.found(by_admin, q="c1") == {"chat.asked", "chat.deleted"}

    def test_by_number(self, by_admin: Client) -> None:
        event = AuditEvent.objects.get(action=Action.CHAT_ASKED)
        assert self.found(by_admin, q=str(event.pk)) == {"chat.asked"}

    def test_by_address(self, people: dict[str, User]) -> None:
        client = Client(REMOTE_ADDR="192.0.2.7")
        client.force_login(people["admin"])
        client.get(LIST)
        for query in ({"address": "192.0.2.7"}, {"q": " 192.0.2.7 "}):
            assert set(shown(client.get(LIST, query))) == {"audit.read"}

    def test_by_date(self, by_admin: Client) -> None:
        today = datetime.now(UTC).date()
        assert self.found(by_admin, since=str(today), until=str(today))
        assert not self.found(by_admin, since=str(today + timedelta(days=1)))
        assert not self.found(by_admin, until=str(today - timedelta(days=1)))

    @pytest.mark.parametrize("query", [{"since": "yesterday"}, {"what": "x"}, {"who": "1"}, {"address": "here"}])
    def test_what_cannot_be_understood_finds_nothing(self, by_admin: Client, query: dict[str, str]) -> None:
        response = by_admin.get(LIST, query)
        assert response.status_code == 200
        assert shown(response) == []
        assert "Clear" in response.content.decode()

    def test_a_person_whose_account_is_gone_is_shown_by_number(self, by_admin: Client, people: dict[str, User]) -> None:
        gone = str(people["user"].pk)
        people["user"].delete()
        page = by_admin.get(LIST).content.decode()
        assert f"{gone[:8]}, no account any more" in page


class TestTheList:
    def test_it_counts_so_far_and_no_further(self, by_admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(admin, "MOST_COUNTED", 60)
        for _ in range(80):
            audit.record(Action.CHAT_ASKED)
        with CaptureQueriesContext(connection) as queries:
            page = by_admin.get(LIST, {"what": "chat"}).content.decode()
        assert "The newest 60 events. Choose dates to see older ones." in page
        counts = [query["sql"] for query in queries if "COUNT" in query["sql"] and "audit_event" in query["sql"]]
        assert counts
        assert all("LIMIT 61" in sql for sql in counts)
        assert len(shown(by_admin.get(LIST, {"what": "chat", "p": "2"}))) == 10

    def test_it_asks_for_people_once(self, by_admin: Client, people: dict[str, User]) -> None:
        def queries() -> int:
            with CaptureQueriesContext(connection) as found:
                by_admin.get(LIST)
            return len(found)

        by_admin.get(LIST)
        few = queries()
        for user in people.values():
            for _ in range(5):
                audit.record(Action.CHAT_ASKED, user=user)
        assert queries() == few

    def test_one_event_with_everything(self, by_admin: Client, people: dict[str, User]) -> None:
        with acting_as(people["user"]):
            audit.record(Action.CHAT_ANSWERED, resource=("chat", "c1"), model="one:2b", tokens_prompt=17)
        event = AuditEvent.objects.get(action=Action.CHAT_ANSWERED)
        address = f"{LIST}{event.pk}/change/"
        assert "awaits its seal" in by_admin.get(address).content.decode()
        sealing.seal_pending()
        page = by_admin.get(address).content.decode()
        for part in ("user@example.org", "chat c1", "one:2b", "17", "Unchanged", "number 1"):
            assert part in page

    def test_what_was_done_to_a_person_names_them(self, by_admin: Client, people: dict[str, User]) -> None:
        for whom in (people["viewer"].pk, "", "x" * 36):
            audit.record(Action.ROLE_CHANGED, user=people["super_admin"], resource=("user", whom))
        page = by_admin.get(LIST, {"what": "admin.role_changed"}).content.decode()
        assert page.count("user viewer@example.org") == 1
        event = AuditEvent.objects.get(resource_id=str(people["viewer"].pk))
        one = by_admin.get(f"{LIST}{event.pk}/change/").content.decode()
        assert f"user viewer@example.org {people['viewer'].pk}" in one

    def test_an_event_that_is_not_there(self, by_admin: Client) -> None:
        for number in ("999999", "x", str(2**70)):
            assert by_admin.get(f"{LIST}{number}/change/").status_code in {302, 404}


class TestExport:
    def test_as_csv(self, by_admin: Client, people: dict[str, User]) -> None:
        audit.record(Action.CHAT_ANSWERED, user=people["user"], resource=("chat", "c1"), model="one, two", tokens=3)
        sealing.seal_pending()
        [row] = csv.DictReader(io.StringIO(exported(by_admin, "csv", what="chat.answered")))
        assert row["user"] == "user@example.org"
        assert (row["action"], row["resource_kind"], row["resource_id"]) == ("chat.answered", "chat", "c1")
        assert json.loads(row["details"]) == {"model": "one, two", "tokens": 3}
        assert datetime.fromisoformat(row["time"]).tzinfo
        assert (row["seal"], len(row["digest"])) == ("1", 64)

    def test_as_json(self, by_admin: Client, people: dict[str, User]) -> None:
        assert json.loads(exported(by_admin, "json", what="chat")) == []
        for number in range(3):
            audit.record(Action.CHAT_ANSWERED, user=people["user"], number=number)
        events = json.loads(exported(by_admin, "json", what="chat"))
        assert [event["details"]["number"] for event in events] == [2, 1, 0]
        assert events[0]["seal"] is None

    def test_no_cell_is_a_formula(self, people: dict[str, User]) -> None:
        client = Client(HTTP_USER_AGENT="=cmd|' /C calc'!A1")
        client.force_login(people["admin"])
        client.get(LIST)
        audit.record(Action.CHAT_ASKED, resource=("@chat", "-1+1"))
        rows = list(csv.DictReader(io.StringIO(exported(client, "csv"))))
        assert {row["agent"] for row in rows if "calc" in row["agent"]} == {"'=cmd|' /C calc'!A1"}
        assert any((row["resource_kind"], row["resource_id"]) == ("'@chat", "'-1+1") for row in rows)
        assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]

    def test_many_come_in_parts_each_once(self, by_admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(7):
            audit.record(Action.CHAT_ASKED, number=number)
        for at_once in (3, 7, 1):
            monkeypatch.setattr(exporting, "_ROWS_AT_ONCE", at_once)
            events = json.loads(exported(by_admin, "json", what="chat.asked"))
            assert [event["details"]["number"] for event in events] == [6, 5, 4, 3, 2, 1, 0]

    def test_an_export_is_recorded(self, by_admin: Client, people: dict[str, User]) -> None:
        exported(by_admin, "csv", what="session", q="owner@example.org")
        event = AuditEvent.objects.get(action=Action.AUDIT_EXPORTED)
        assert event.user_id == people["admin"].pk
        assert event.details == {"format": "csv", "filters": ["q", "what"], "what": "session"}

    def test_it_asks_who_has_not_confirmed_lately(self, by_admin: Client) -> None:
        session = by_admin.session
        session["confirmed_at"] = 0
        session.save()
        response = by_admin.get(f"{LIST}export.csv", {"what": "chat"})
        assert response.status_code == 302
        assert "export.csv%3Fwhat%3Dchat" in response["Location"]
        assert not AuditEvent.objects.filter(action=Action.AUDIT_EXPORTED).exists()


@pytest.mark.django_db(transaction=True)
def test_an_export_is_streamed_by_the_server(admin_user: User) -> None:
    audit.record(Action.CHAT_ASKED, model="one")
    client = AsyncClient()
    client.force_login(admin_user)

    async def export() -> str:
        response = await client.get(f"{LIST}export.json", {"what": "chat"})
        assert response.status_code == 200
        return "".join([part.decode() async for part in response.streaming_content])

    assert [event["details"] for event in json.loads(async_to_sync(export)())] == [{"model": "one"}]
