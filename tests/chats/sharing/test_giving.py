"""What an owner does: share with people, roles and by links, see the list, end shares."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.audit import Action
from accounts.audit.models import AuditEvent
from accounts.models import User
from accounts.rights import holdings
from chats.models import Conversation
from chats.sharing import access, giving
from chats.sharing.models import Share
from tests.chats.sharing.conftest import browser_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(owner: User) -> Any:
    return browser_of(owner)


def panel(page: Any, chat: Conversation, **form: Any) -> str:
    at = f"/chats/{chat.pk}/shares"
    response = page.post(at, form, headers={"HX-Request": "true"}) if form else page.get(at)
    assert response.status_code == 200
    return str(response.content.decode())


def events(action: Action) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=action))


class TestWithAPerson:
    def test_the_panel_lists_the_address_and_the_audit_log_does_not(
        self, page: Any, chat: Conversation, viewer: User
    ) -> None:
        said = panel(page, chat, kind="person", address=" Viewer@Example.org ", days=7)
        assert "viewer@example.org" in said
        share = Share.objects.get()
        assert (share.viewer, share.owner_id) == (viewer, chat.owner_id)
        assert share.expires_at is not None
        assert timedelta(days=6) < share.expires_at - timezone.now() < timedelta(days=8)
        (given,) = events(Action.SHARED)
        assert (given.user_id, given.resource_id) == (chat.owner_id, str(chat.pk))
        assert given.details["viewer"] == str(viewer.pk)
        assert "viewer@" not in str(vars(given))

    def test_an_address_without_an_account_is_answered_and_listed_alike(
        self, page: Any, chat: Conversation, viewer: User
    ) -> None:
        answers = []
        for address in (viewer.email, "nobody@example.org"):
            said = panel(page, chat, kind="person", address=address)
            answers.append(said.replace(address, "…"))
            Share.objects.all().delete()
        masked = [re.sub(r"[0-9a-f-]{36}|csrfmiddlewaretoken\" value=\"\w+", "", said) for said in answers]
        assert masked[0] == masked[1]

    def test_an_address_that_was_never_confirmed_is_nobody_s(self, page: Any, chat: Conversation, viewer: User) -> None:
        """Somebody signed up with it, and waits for what is meant for its owner."""
        User.objects.filter(pk=viewer.pk).update(address_confirmed=False)
        assert viewer.email in panel(page, chat, kind="person", address=viewer.email)
        assert Share.objects.get().viewer is None

    def test_twice_is_once_with_the_later_end(self, page: Any, chat: Conversation, viewer: User) -> None:
        panel(page, chat, kind="person", address=viewer.email, days=1)
        panel(page, chat, kind="person", address=viewer.email)
        assert Share.objects.get().expires_at is None
        assert len(events(Action.SHARE_CHANGED)) == 1

    @pytest.mark.parametrize("address", ["", "nonsense", "a@b@c", "owner@example.org", "x" * 500 + "@example.org"])
    def test_what_cannot_be_is_said_in_a_sentence_and_kept(self, page: Any, chat: Conversation, address: str) -> None:
        said = panel(page, chat, kind="person", address=address)
        assert 'role="alert"' in said
        assert not Share.objects.exists()

    def test_the_address_lies_sealed(self, chat: Conversation, viewer: User) -> None:
        giving.with_person(chat, viewer.email)
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM sharing_share")
            row = cursor.fetchone()
        assert viewer.email not in str([bytes(v) if isinstance(v, memoryview | bytes) else v for v in row])


class TestWithARoleAndByLink:
    def test_a_role(self, page: Any, chat: Conversation) -> None:
        assert "Everybody with the role" in panel(page, chat, kind="role", role="viewer")
        assert Share.objects.get().role == "viewer"

    @pytest.mark.parametrize(
        "form",
        [
            {"kind": "role", "role": "king"},
            {"kind": "role", "role": "user", "days": "2"},
            {"kind": "role", "role": "user", "days": "x"},
            {"kind": "link", "days": "0"},
            {"kind": "x"},
        ],
    )
    def test_what_is_not_offered_is_refused(self, page: Any, chat: Conversation, form: dict[str, str]) -> None:
        assert 'role="alert"' in panel(page, chat, **form)
        assert not Share.objects.exists()

    def test_a_link_is_shown_once_and_kept_as_a_hash(self, page: Any, chat: Conversation) -> None:
        said = panel(page, chat, kind="link", days=1)
        token = re.search(r"/shared/link/([\w-]+)", said)
        assert token
        share = Share.objects.get()
        assert access.token_of(share.pk, b"\0" * 32)[:20] == token[1][:20]
        assert share.secret_sha256 is not None
        assert token[1] not in panel(page, chat)
        assert token[1] not in str([vars(event) for event in AuditEvent.objects.all()])

    def test_links_may_be_switched_off(self, page: Any, chat: Conversation, owner: User, settings: Any) -> None:
        token = giving.by_link(chat)[1]
        settings.SHARE_LINKS = "off"
        assert "Make a link" not in panel(page, chat)
        assert "switched off" in panel(page, chat, kind="link", days=1)
        assert page.get(f"/shared/link/{token}").status_code == 410


def test_a_share_is_ended_from_the_list(page: Any, chat: Conversation, viewer: User) -> None:
    share = giving.with_person(chat, viewer.email)
    response = page.post(f"/chats/{chat.pk}/shares/{share.pk}/end", headers={"HX-Request": "true"})
    assert "Nobody yet" in response.content.decode()
    assert not Share.objects.exists()
    assert events(Action.SHARE_ENDED)[0].details["share"] == str(share.pk)
    assert page.post(f"/chats/{chat.pk}/shares/{share.pk}/end").status_code == 404


def test_whoever_may_only_read_shares_nothing_and_can_end_what_they_shared(chat: Conversation, owner: User) -> None:
    share = giving.with_role(chat, "viewer")
    User.objects.filter(pk=owner.pk).update(role="viewer")
    page = browser_of(owner)
    refused = page.post(f"/chats/{chat.pk}/shares", {"kind": "role", "role": "user"})
    assert refused.status_code == 403
    assert "may not" in refused.content.decode()
    assert "With a person" not in panel(page, chat)
    page.post(f"/chats/{chat.pk}/shares/{share.pk}/end")
    assert not Share.objects.exists()


def test_one_chat_is_not_shared_without_end(chat: Conversation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(giving, "MOST", 1)
    giving.with_role(chat, "viewer")
    giving.with_role(chat, "viewer", days=1)
    with pytest.raises(giving.NotShared, match="most"):
        giving.with_role(chat, "user")


def test_an_export_names_what_was_given_and_what_was_received(chat: Conversation, owner: User, viewer: User) -> None:
    giving.with_person(chat, viewer.email)
    (holding,) = [holding for holding in holdings.every() if holding.name == "shares"]
    (own,), (theirs,) = (list(holding.export(person)) for person in (owner, viewer))
    assert viewer.email.encode() in bytes(own.content)  # type: ignore[arg-type]
    assert str(chat.pk).encode() in bytes(theirs.content)  # type: ignore[arg-type]
    assert owner.email.encode() not in bytes(theirs.content)  # type: ignore[arg-type]


def test_shares_go_with_the_chat_and_with_either_account(chat: Conversation, owner: User, viewer: User) -> None:
    giving.with_person(chat, viewer.email)
    giving.with_role(chat, "user")
    viewer.delete()
    assert Share.objects.get().kind == "role"
    (holding,) = [holding for holding in holdings.every() if holding.name == "shares"]
    holding.erase(owner.pk, lambda: None)
    assert not Share.objects.exists()
