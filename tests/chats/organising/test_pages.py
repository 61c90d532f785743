"""The sidebar's menus and the lists as a browser asks for them: with htmx, without scripts, as somebody else."""

import uuid
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts import audit
from accounts.audit.models import AuditEvent
from accounts.models import User
from chats import conversation as conversations
from chats.exchange.models import ExchangeJob
from chats.models import Conversation, Folder, Tag
from chats.organising import arranging, labels
from tests.chats.organising.conftest import MakeChat

pytestmark = pytest.mark.django_db

HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


@pytest.fixture
def chat(make_chat: MakeChat) -> Conversation:
    return make_chat("The weather")


def url(name: str, *args: object) -> str:
    return reverse(f"organising:{name}", args=args)


def undo_address(response: Any) -> str:
    html = response.content.decode()
    return html.partition('action="/chats/undo/')[2].partition('"')[0]


def undo_of(page: Client, response: Any) -> None:
    word = undo_address(response)
    assert word, response.content.decode()
    page.post(url("undo", word), **HTMX)


class TestTheMenuOfAChat:
    def test_it_is_a_fragment_and_a_page(self, page: Client, chat: Conversation) -> None:
        fragment = page.get(url("menu", chat.pk), **HTMX).content.decode()
        whole = page.get(url("menu", chat.pk)).content.decode()
        for html in (fragment, whole):
            for name in ("rename", "pin", "move", "tag_chat", "archive", "delete"):
                assert f'action="{url(name, chat.pk)}"' in html
        assert "<html" not in fragment
        assert "<html" in whole

    def test_a_change_draws_the_list_anew_and_offers_to_undo_it(self, page: Client, chat: Conversation) -> None:
        response = page.post(url("pin", chat.pk), {"on": "1"}, **HTMX)
        html = response.content.decode()
        assert 'hx-swap-oob="innerHTML:#chat-list"' in html
        assert "Pinned" in html
        undo_of(page, response)
        chat.refresh_from_db()
        assert chat.pinned_at is None

    def test_every_change_can_be_undone(self, page: Client, chat: Conversation, owner: User) -> None:
        before = Conversation.objects.values().get()
        folder = labels.create(owner, Folder, "Work")
        for name, data in (
            ("rename", {"title": "Another"}),
            ("pin", {"on": "1"}),
            ("move", {"folder": str(folder.pk)}),
            ("archive", {"on": "1"}),
            ("delete", {}),
        ):
            response = page.post(url(name, chat.pk), data, **HTMX)
            assert Conversation.objects.values().get() != before, name
            undo_of(page, response)
            after = Conversation.objects.values().get()
            assert {**after, "title": b""} == {**before, "title": b""}, name
            assert Conversation.objects.get().title == "The weather"

    def test_without_scripts_it_leads_back_and_says_what_was_done(self, page: Client, chat: Conversation) -> None:
        response = page.post(url("archive", chat.pk), {"on": "1"})
        assert response["Location"] == url("menu", chat.pk)
        html = page.get(response["Location"]).content.decode()
        assert "The chat was archived." in html
        assert 'action="/chats/undo/' in html
        assert page.post(url("delete", chat.pk))["Location"] == reverse("chats:home")

    def test_a_new_folder_and_a_new_tag_are_made_on_the_way(self, page: Client, chat: Conversation) -> None:
        page.post(url("move", chat.pk), {"folder": "new", "new": "Work"}, **HTMX)
        html = page.post(url("tag_chat", chat.pk), {"tag": "new", "new": "urgent"}, **HTMX).content.decode()
        chat.refresh_from_db()
        assert chat.folder is not None
        assert chat.folder.name == "Work"
        assert [row.tag.name for row in chat.tagged.all()] == ["urgent"]
        assert 'aria-pressed="true"' in html
        tag = Tag.objects.get()
        page.post(url("tag_chat", chat.pk), {"tag": str(tag.pk), "on": "0"}, **HTMX)
        assert not chat.tagged.exists()

    @pytest.mark.parametrize(
        ("name", "data", "why"),
        [
            ("rename", {"title": " "}, "The old one is kept"),
            ("move", {"folder": "new", "new": ""}, "needs a name"),
            ("move", {"folder": "new", "new": "long " * 5_000}, "60 characters"),
            ("move", {"folder": "nonsense"}, "Nothing was changed"),
            ("tag_chat", {"tag": "new", "new": "\0"}, "needs a name"),
            ("tag_chat", {}, "Nothing was changed"),
        ],
    )
    def test_bad_input_is_answered_in_the_menu_and_changes_nothing(
        self, page: Client, chat: Conversation, name: str, data: dict[str, str], why: str
    ) -> None:
        before = Conversation.objects.values().get()
        for headers, status in ((HTMX, 200), ({}, 422 if "nonsense" not in data.values() else 409)):
            response = page.post(url(name, chat.pk), data, **headers)
            assert response.status_code == status
            assert why in response.content.decode()
            assert len(response.content) < 100_000
        assert Conversation.objects.values().get() == before
        assert not Folder.objects.exists()
        assert not Tag.objects.exists()

    def test_another_persons_folder_or_tag_is_not_there(self, page: Client, chat: Conversation, stranger: User) -> None:
        folder, tag = labels.create(stranger, Folder, "Theirs"), labels.create(stranger, Tag, "theirs")
        assert page.post(url("move", chat.pk), {"folder": str(folder.pk)}).status_code == 404
        assert page.post(url("tag_chat", chat.pk), {"tag": str(tag.pk)}).status_code == 404
        marked = {"chat": [str(chat.pk)]}
        assert page.post(url("several"), {**marked, "move": str(folder.pk)}).status_code == 404
        assert page.post(url("several"), {**marked, "tag": str(tag.pk)}).status_code == 404
        assert page.get(url("all"), {"folder": str(folder.pk)}).status_code == 404
        assert page.get(url("all"), {"tag": str(tag.pk)}).status_code == 404

    def test_who_deletes_the_open_chat_is_led_home_where_it_can_be_undone(
        self, page: Client, chat: Conversation
    ) -> None:
        here = {"HTTP_HX_CURRENT_URL": f"http://testserver/chats/{chat.pk}"}
        response = page.post(url("delete", chat.pk), **HTMX, **here)
        assert response["HX-Redirect"] == reverse("chats:home")
        undo_of(page, page.get(reverse("chats:home")))
        assert Conversation.objects.get().deleted_at is None

    def test_what_waits_to_be_said_or_undone_holds_no_word_of_the_person(
        self, page: Client, chat: Conversation
    ) -> None:
        response = page.post(url("rename", chat.pk), {"title": "A confidential title"})
        said = [str(message) for message in get_messages(response.wsgi_request)]
        client = cache._cache.get_client(write=True)  # type: ignore[attr-defined]
        stored = [client.get(key) for key in client.scan_iter(match="*undo:*")]
        assert said == ["The chat was renamed."]
        assert stored
        for text in ("weather", "confidential"):
            assert all(text.encode() not in value for value in stored)


class TestFoldersAndTags:
    def test_a_folder_is_made_named_and_deleted_with_undo(self, page: Client, make_chat: MakeChat) -> None:
        assert "<html" not in page.get(url("new_folder"), **HTMX).content.decode()
        assert "Work" in page.post(url("new_folder"), {"name": "Work"}, **HTMX).content.decode()
        folder = Folder.objects.get()
        chat = make_chat("filed", folder=folder)
        undo_of(page, page.post(url("rename_folder", folder.pk), {"name": "Play"}, **HTMX))
        assert Folder.objects.get().name == "Work"
        response = page.post(url("delete_folder", folder.pk), **HTMX)
        assert not Folder.objects.exists()
        undo_of(page, response)
        chat.refresh_from_db()
        assert (Folder.objects.get().pk, Folder.objects.get().name) == (folder.pk, "Work")
        assert chat.folder == folder
        assert "filed" in page.get(url("folder_chats", folder.pk), **HTMX).content.decode()

    def test_a_tag_is_named_and_deleted_with_undo(self, page: Client, chat: Conversation, owner: User) -> None:
        tag = labels.create(owner, Tag, "urgent")
        arranging.tag([chat], tag)
        page.post(url("rename_tag", tag.pk), {"name": "later"}, follow=True)
        response = page.post(url("delete_tag", tag.pk), **HTMX)
        assert not chat.tagged.exists()
        undo_of(page, response)
        assert [row.tag.name for row in chat.tagged.all()] == ["later"]

    def test_a_name_that_is_taken_is_said_and_what_was_written_stays(self, page: Client, owner: User) -> None:
        labels.create(owner, Folder, "Work")
        folder = labels.create(owner, Folder, "Play")
        for address in (url("new_folder"), url("rename_folder", folder.pk)):
            html = page.post(address, {"name": "WORK"}, **HTMX).content.decode()
            assert "already" in html
            assert 'value="WORK"' in html
        assert {f.name for f in labels.own(owner, Folder)} == {"Work", "Play"}

    def test_the_name_of_what_is_gone_is_not_changed_back(self, page: Client, owner: User) -> None:
        folder = labels.create(owner, Folder, "Work")
        word = undo_address(page.post(url("rename_folder", folder.pk), {"name": "Play"}, **HTMX))
        labels.delete(folder)
        assert "deleted meanwhile" in page.post(url("undo", word), **HTMX).content.decode()
        assert not Folder.objects.exists()

    def test_a_name_taken_meanwhile_stops_the_undoing_with_a_sentence(self, page: Client, owner: User) -> None:
        folder = labels.create(owner, Folder, "Work")
        word = undo_address(page.post(url("delete_folder", folder.pk), **HTMX))
        labels.create(owner, Folder, "Work")
        assert "by now" in page.post(url("undo", word), **HTMX).content.decode()
        assert Folder.objects.count() == 1


class TestSeveral:
    def test_several_are_moved_tagged_archived_and_deleted_and_all_of_it_undone(
        self, page: Client, owner: User, make_chat: MakeChat
    ) -> None:
        chats = [make_chat("one"), make_chat("two")]
        folder, tag = labels.create(owner, Folder, "Work"), labels.create(owner, Tag, "urgent")
        here = {"chat": [str(chat.pk) for chat in chats], "next": url("all")}

        def state() -> list[object]:
            rows = Conversation.objects.order_by("pk")
            return [(r.folder_id, r.archived_at, r.deleted_at, r.tagged.count()) for r in rows]

        before = state()
        for data, said in (
            ({"move": str(folder.pk)}, "2 chats were moved."),
            ({"move": "new", "new_folder": "Other"}, "2 chats were moved."),
            ({"tag": str(tag.pk)}, "2 chats were tagged."),
            ({"tag": "new", "new_tag": "later"}, "2 chats were tagged."),
            ({"archive": "1"}, "2 chats were archived."),
            ({"delete": "1"}, "2 chats were deleted."),
        ):
            response = page.post(url("several"), {**here, **data})
            assert response["Location"] == url("all")
            assert state() != before, data
            shown = page.get(response["Location"])
            assert said in shown.content.decode()
            undo_of(page, shown)
            assert state() == before, data

    def test_deleted_ones_are_brought_back_from_their_list(self, page: Client, make_chat: MakeChat) -> None:
        chats = [make_chat("one"), make_chat("two")]
        conversations.delete(*chats)
        assert "one" in page.get(url("deleted")).content.decode()
        page.post(url("several"), {"chat": [str(chat.pk) for chat in chats], "restore": "1"})
        assert "Nothing was deleted lately" in page.get(url("deleted")).content.decode()
        assert "one" in page.get(url("all")).content.decode()

    def test_archived_ones_are_listed_and_taken_out(self, page: Client, chat: Conversation) -> None:
        page.post(url("several"), {"chat": [str(chat.pk)], "archive": "1"})
        assert "The weather" in page.get(url("archived")).content.decode()
        assert "The weather" not in page.get(reverse("chats:home")).content.decode()
        page.post(url("several"), {"chat": [str(chat.pk)], "unarchive": "1"})
        assert "The archive is empty" in page.get(url("archived")).content.decode()
        assert "The weather" in page.get(reverse("chats:home")).content.decode()

    def test_they_are_exported_together(self, page: Client, make_chat: MakeChat) -> None:
        chosen = {str(make_chat().pk) for _ in range(2)}
        make_chat("not this one")
        response = page.post(url("several"), {"chat": list(chosen), "export": "markdown"})
        assert response["Location"] == f"{reverse('exchange:home')}#latest"
        job = ExchangeJob.objects.get()
        assert (job.form, set(job.chosen)) == ("markdown", chosen)
        second = page.post(url("several"), {"chat": list(chosen), "export": "pdf", "next": url("all")}, follow=True)
        assert "An export is being made already" in second.content.decode()
        assert ExchangeJob.objects.count() == 1

    def test_each_of_them_is_recorded(self, page: Client, make_chat: MakeChat) -> None:
        ids = {str(make_chat().pk) for _ in range(3)}
        page.post(url("several"), {"chat": list(ids), "delete": "1"})
        events = AuditEvent.objects.filter(action=audit.Action.CHAT_DELETED)
        assert {event.resource_id for event in events} == ids

    @pytest.mark.parametrize(
        ("data", "why"),
        [
            ({"archive": "1"}, "No chat was chosen"),
            ({"chat": ["nonsense"], "archive": "1"}, "is broken"),
            ({"export": "pdf"}, "No chat was chosen"),
            ({"chat": [str(uuid.UUID(int=1))]}, "Choose what to do"),
            ({"chat": [str(uuid.UUID(int=1))] * 501, "archive": "1"}, "At most 500"),
        ],
    )
    def test_what_cannot_be_done_is_said(self, page: Client, data: dict[str, object], why: str) -> None:
        response = page.post(url("several"), {**data, "next": url("all")}, follow=True)
        assert why in response.content.decode()

    def test_what_is_anothers_is_left_alone(
        self, page: Client, chat: Conversation, make_chat: MakeChat, stranger: User
    ) -> None:
        theirs = make_chat("theirs", of=stranger)
        assert page.post(url("several"), {"chat": [str(theirs.pk)], "delete": "1"}).status_code == 404
        response = page.post(
            url("several"), {"chat": [str(chat.pk), str(theirs.pk)], "delete": "1", "next": url("all")}, follow=True
        )
        assert "1 chat was deleted. 1 chat is no longer there." in response.content.decode()
        theirs.refresh_from_db()
        assert theirs.deleted_at is None

    def test_it_leads_to_no_other_site(self, page: Client, chat: Conversation) -> None:
        data = {"chat": [str(chat.pk)], "archive": "1", "next": "https://elsewhere.example/"}
        assert page.post(url("several"), data)["Location"] == reverse("chats:home")


def test_a_viewer_reads_the_lists_and_changes_nothing(client: Client, make_chat: MakeChat) -> None:
    viewer = User.objects.create_user("viewer@example.org", role="viewer")
    chat = make_chat("Mine from before", of=viewer)
    client.force_login(viewer)
    html = client.get(url("all")).content.decode()
    assert "Mine from before" in html
    assert "data-menu" not in html
    assert 'name="chat"' not in html
    assert client.post(url("several"), {"chat": [str(chat.pk)], "delete": "1"}).status_code == 403
    assert client.post(url("pin", chat.pk)).status_code == 403


@pytest.mark.parametrize("after", ["nonsense", "2026-01-01_nonsense", "2026-01-01T00:00:00_" + str(uuid.UUID(int=1))])
def test_a_broken_link_to_older_chats_is_refused(page: Client, after: str) -> None:
    assert page.get(url("older"), {"after": after}).status_code == 400
    assert page.get(url("all"), {"after": after}).status_code == 404


def test_older_chats_go_on_under_their_heading(
    page: Client, make_chat: MakeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chats.organising.listing.LENGTH", 1)
    make_chat("first")
    make_chat("second", days=0.0001)
    html = page.get(reverse("chats:home")).content.decode()
    address = html.partition('hx-get="/chats/older')[2].partition('"')[0].replace("&amp;", "&")
    older = page.get(f"/chats/older{address}", **HTMX).content.decode()
    assert "second" in older
    assert "<h2" not in older
