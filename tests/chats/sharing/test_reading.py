"""A viewer's pages: by name, by role, by link; what they show, what they do not, and that they end."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.audit import Action
from accounts.audit.models import AuditEvent
from accounts.models import Role, User
from accounts.tenancy import acting_as
from chats import conversation as conversations
from chats.models import Conversation, Message
from chats.sharing import access, giving
from chats.sharing.models import Share
from chatsite import logs
from tests.chats.conftest import sealed_in
from tests.chats.sharing.conftest import ANSWER, ENDS, QUESTION, QUOTE, browser_of

pytestmark = pytest.mark.django_db

# What only an owner may do, as it would stand in a page.
OWNERS = ["/regenerate", "/continue", "/switch", "/stop", "/rename", "/delete", 'id="composer"', "/chats/"]


def main_part(text: str) -> str:
    """The page without what frames every page; a fragment is all of it."""
    return (text.partition('id="main"')[2] or text).partition('id="panel"')[0]


class Way:
    """How somebody reads: the address of the page, the browser, and the share."""

    def __init__(self, chat: Conversation, viewer: User, name: str) -> None:
        self.client, self.address = browser_of(viewer), f"/shared/{chat.pk}"
        if name == "name":
            self.share = giving.with_person(chat, viewer.email)
        elif name == "role":
            self.share = giving.with_role(chat, viewer.role)
        else:
            self.share, token = giving.by_link(chat)
            self.address = f"/shared/link/{token}"
            if name == "guest":
                self.client = Client()

    def parts(self, answer: Message) -> list[str]:
        own = f"{self.address}/messages/{answer.pk}"
        earlier = f"{self.address}/earlier?before={answer.pk}"
        return [self.address, f"{self.address}/latest", earlier, own, f"{own}/text", f"{own}/citations/1"]


@pytest.fixture(params=["name", "role", "link", "guest"])
def way(request: pytest.FixtureRequest, chat: Conversation, viewer: User, settings: Any) -> Way:
    if request.param == "guest":
        settings.SHARE_LINKS = "anybody"
    return Way(chat, viewer, request.param)


def test_the_page_shows_the_conversation_and_nothing_to_do_with_it(way: Way, answer: Message) -> None:
    text = way.client.get(way.address).content.decode()
    for words in ("The harbour", QUESTION, ANSWER, "Ferries.pdf", "For reading only"):
        assert words in text
    assert not [words for words in OWNERS if words in main_part(text)]
    assert f'href="{way.address}/messages/{answer.pk}/citations/1" data-citation="1"' in text


def test_every_part_of_the_page_is_there(way: Way, answer: Message) -> None:
    for address in way.parts(answer):
        assert way.client.get(address).status_code == 200
        assert way.client.post(address).status_code in {403, 405}


def test_a_source_is_the_quoted_passage_and_not_the_document(way: Way, answer: Message) -> None:
    for headers in ({}, {"HX-Request": "true"}):
        text = way.client.get(way.parts(answer)[-1], headers=headers).content.decode()
        assert QUOTE in text
        assert "/documents/" not in main_part(text)


@pytest.mark.parametrize("end", ENDS)
def test_when_it_ends_nothing_is_there_any_more(way: Way, answer: Message, end: str) -> None:
    addresses = way.parts(answer)
    ENDS[end](way.share)
    for address in addresses:
        response = way.client.get(address)
        assert response.status_code in {404, 410}
        assert not [words for words in (QUESTION, ANSWER, QUOTE, "The harbour") if words in response.content.decode()]


def test_other_conversations_are_not_reached_through_it(way: Way, chat: Conversation, owner: User) -> None:
    other = conversations.post_message(conversations.start(owner), "Something else").answer
    assert way.client.get(f"{way.address}/messages/{other.pk}").status_code == 404
    assert "Something else" not in way.client.get(f"{way.address}/earlier?before={other.pk}").content.decode()
    assert way.client.get(f"{way.address}/earlier?before=nonsense").status_code == 400
    assert way.client.get(f"/shared/{other.conversation_id}").status_code in {302, 404}


def test_what_an_owner_says_of_an_answer_is_not_shown(way: Way, answer: Message) -> None:
    Message.objects.filter(pk=answer.pk).update(rating=-1, **sealed_in(answer, rating_comment="Nonsense!"))
    assert not any(b"Nonsense!" in way.client.get(address).content for address in way.parts(answer))


def test_a_failed_answer_offers_a_viewer_no_way_to_go_on(way: Way, answer: Message) -> None:
    Message.objects.filter(pk=answer.pk).update(status="failed", error_text="The model is away.")
    text = way.client.get(way.parts(answer)[3]).content.decode()
    assert "The model is away." in text
    assert "Try again" not in text


def test_verbs_stay_the_owner_s(chat: Conversation, answer: Message, viewer: User, stranger: User) -> None:
    """Also for somebody who may chat, and shares widen nothing."""
    giving.with_person(chat, stranger.email)
    client = browser_of(stranger)
    assert client.get(f"/shared/{chat.pk}").status_code == 200
    own = f"/chats/{chat.pk}"
    for address in (own, f"{own}/latest", f"{own}/messages/{answer.pk}", f"{own}/shares"):
        assert client.get(address).status_code == 404
    for address in (f"{own}/messages", f"{own}/delete", f"{own}/rename", f"{own}/messages/{answer.pk}/regenerate"):
        assert client.post(address, {"content": "x", "title": "x"}).status_code == 404
    assert list(Conversation.objects.visible_to(stranger)) == []
    assert list(access.readable_by(stranger)) == [chat]


class TestByRole:
    @pytest.mark.parametrize("role", Role.values)
    def test_the_role_and_no_other(self, chat: Conversation, role: str) -> None:
        giving.with_role(chat, role)
        for other in Role.values:
            person = User.objects.create_user(f"{other}@example.org", role=other)
            status = browser_of(person).get(f"/shared/{chat.pk}").status_code
            assert status == (200 if other == role else 404), other

    def test_whoever_just_signed_up_has_no_role_yet(self, chat: Conversation, viewer: User) -> None:
        giving.with_role(chat, "viewer")
        with acting_as(viewer):
            assert Conversation.objects.exists()
        User.objects.filter(pk=viewer.pk).update(address_confirmed=False)
        assert browser_of(viewer).get(f"/shared/{chat.pk}").status_code == 404
        with acting_as(viewer):
            assert not Conversation.objects.exists()

    def test_another_role_reads_no_more(self, chat: Conversation, viewer: User) -> None:
        giving.with_role(chat, "viewer")
        User.objects.filter(pk=viewer.pk).update(role="user")
        assert browser_of(viewer).get(f"/shared/{chat.pk}").status_code == 404


class TestByLink:
    @pytest.fixture
    def token(self, chat: Conversation) -> str:
        return giving.by_link(chat)[1]

    def test_without_an_account_it_leads_to_sign_in_whether_there_is_such_a_link_or_not(self, token: str) -> None:
        for address in (f"/shared/link/{token}", "/shared/link/made-up"):
            response = Client().get(address)
            assert (response.status_code, response["Location"]) == (302, f"/accounts/login/?next={address}")

    @pytest.mark.parametrize(
        "change",
        [
            lambda t: t[:-2] + ("B" if t[-2] == "A" else "A") + t[-1],
            lambda t: t[:24],
            lambda t: ("y" if t[0] == "x" else "x") + t[1:],
            lambda t: t + "AAAA",
            lambda t: "ä" * 64,
        ],
    )
    def test_nearly_the_token_is_not_the_token(self, token: str, viewer: User, change: Callable[[str], str]) -> None:
        forged = change(token)
        assert forged != token
        assert browser_of(viewer).get(f"/shared/link/{forged}").status_code == 410

    def test_an_identifier_of_something_else_opens_nothing(self, chat: Conversation, owner: User, viewer: User) -> None:
        named = giving.with_person(chat, viewer.email)
        for pk in (owner.pk, viewer.pk, chat.pk, named.pk):
            assert access.for_link(viewer, access.token_of(pk, bytes(32))) is None

    def test_it_shows_nothing_of_the_owner_s_account(self, token: str, owner: User, settings: Any) -> None:
        User.objects.filter(pk=owner.pk).update(name="Olive Owner")
        settings.SHARE_LINKS = "anybody"
        text = Client().get(f"/shared/link/{token}").content.decode()
        assert not [words for words in ("Olive", owner.email, str(owner.pk), "owner@") if words in text]

    def test_opening_is_recorded(self, token: str, chat: Conversation, viewer: User) -> None:
        browser_of(viewer).get(f"/shared/link/{token}")
        event = AuditEvent.objects.get(action=Action.SHARE_OPENED)
        assert (event.user_id, event.resource_id) == (viewer.pk, str(chat.pk))
        assert token not in str(vars(event))

    def test_opening_without_an_account_is_recorded_as_nobody_s(self, token: str, settings: Any) -> None:
        settings.SHARE_LINKS = "anybody"
        Client().get(f"/shared/link/{token}")
        assert AuditEvent.objects.get(action=Action.SHARE_OPENED).user_id is None

    def test_it_is_not_logged(self, token: str, viewer: User, caplog: pytest.LogCaptureFixture) -> None:
        browser_of(viewer).get(f"/shared/link/{token}/messages/{viewer.pk}")
        lines = [logs.TextFormatter().format(record) for record in caplog.records]
        assert any("/shared/link/…" in line for line in lines)
        assert not any(token in line for line in lines)


class TestTheList:
    def test_a_viewer_s_home_page_lists_what_is_shared(self, chat: Conversation, viewer: User) -> None:
        client = browser_of(viewer)
        assert "Nothing is shared with you yet" in client.get("/").content.decode()
        giving.with_person(chat, viewer.email, days=7)
        giving.with_role(chat, "viewer")
        for address in ("/", "/shared"):
            text = client.get(address).content.decode()
            assert text.count(f'href="/shared/{chat.pk}"') == 1
            assert "The harbour" in text
            assert "From owner" in text

    def test_people_with_chats_of_their_own_have_a_page_for_it(self, chat: Conversation, stranger: User) -> None:
        giving.with_person(chat, stranger.email)
        client = browser_of(stranger)
        assert 'href="/shared"' in client.get("/").content.decode()
        assert "The harbour" in client.get("/shared").content.decode()
        assert "The harbour" not in client.get("/").content.decode()

    @pytest.mark.parametrize("end", ENDS)
    def test_it_loses_what_ended(self, chat: Conversation, viewer: User, end: str) -> None:
        share: Share = giving.with_person(chat, viewer.email)
        ENDS[end](share)
        assert "The harbour" not in browser_of(viewer).get("/shared").content.decode()
