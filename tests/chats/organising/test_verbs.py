"""Folders, tags, pins and the archive: what changes, what stays, what is recorded, and that it can be taken back."""

from dataclasses import replace

import pytest

from accounts import audit
from accounts.audit.models import AuditEvent
from accounts.models import User
from chats import conversation as conversations
from chats.conversation import BadMessage, ChatError
from chats.models import Conversation, Folder, Tag
from chats.organising import arranging, labels, undo
from tests.chats.organising.conftest import MakeChat

pytestmark = pytest.mark.django_db
Action = audit.Action


def recorded(*actions: Action) -> list[tuple[str, str]]:
    found = AuditEvent.objects.filter(action__in=actions).order_by("pk")
    return [(event.action, event.resource_id) for event in found]


class TestFoldersAndTags:
    @pytest.mark.parametrize("kind", [Folder, Tag])
    def test_they_are_made_renamed_and_deleted_and_all_of_it_is_recorded(
        self, owner: User, kind: type[labels.L]
    ) -> None:
        label = labels.create(owner, kind, "  Tax \n 2026 ")
        assert kind.objects.get().name == "Tax 2026"
        labels.rename(label, "Taxes")
        assert kind.objects.get().name == "Taxes"
        labels.delete(label)
        assert not kind.objects.exists()
        events = AuditEvent.objects.filter(resource_id=str(label.pk)).order_by("pk")
        word = labels.WORDS[kind]
        assert [event.action for event in events] == [
            f"chat.{word}_created",
            f"chat.{word}_renamed",
            f"chat.{word}_deleted",
        ]
        assert "Tax" not in str([event.details for event in events])

    @pytest.mark.parametrize("kind", [Folder, Tag])
    def test_a_name_is_there_once_however_it_is_written(self, owner: User, kind: type[labels.L]) -> None:
        labels.create(owner, kind, "Straße")
        other = labels.create(owner, kind, "Other")
        with pytest.raises(ChatError, match="already"):
            labels.create(owner, kind, "STRASSE")
        with pytest.raises(ChatError, match="The old name is kept"):
            labels.rename(other, "strasse")
        labels.rename(other, "OTHER")
        assert {label.name for label in labels.own(owner, kind)} == {"Straße", "OTHER"}

    @pytest.mark.parametrize(("name", "why"), [(" \0 ", "needs a name"), ("x" * 61, "60 characters")])
    def test_a_name_that_cannot_be_kept_changes_nothing(self, owner: User, name: str, why: str) -> None:
        folder = labels.create(owner, Folder, "Kept")
        for attempt in (lambda: labels.create(owner, Folder, name), lambda: labels.rename(folder, name)):
            with pytest.raises(BadMessage, match=why):
                attempt()
        assert [f.name for f in labels.own(owner, Folder)] == ["Kept"]

    def test_there_is_an_end_to_folders(self, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(labels._KINDS, Folder, replace(labels._KINDS[Folder], most=1))
        labels.create(owner, Folder, "One")
        with pytest.raises(ChatError, match="Delete one first"):
            labels.create(owner, Folder, "Two")

    def test_they_stand_in_the_order_of_their_names(self, owner: User, stranger: User) -> None:
        for name in ("beta", "Alpha", "gamma"):
            labels.create(owner, Tag, name)
        labels.create(stranger, Tag, "Alpha")
        assert [tag.name for tag in labels.own(owner, Tag)] == ["Alpha", "beta", "gamma"]

    def test_a_deleted_folder_leaves_its_chats(self, owner: User, make_chat: MakeChat) -> None:
        folder = labels.create(owner, Folder, "Work")
        chat = make_chat(folder=folder)
        assert labels.delete(folder) == [chat.pk]
        chat.refresh_from_db()
        assert chat.folder is None


class TestArranging:
    def test_each_change_is_recorded_once_for_each_chat_that_it_changes(self, owner: User, make_chat: MakeChat) -> None:
        one, two = make_chat(), make_chat()
        folder, tag = labels.create(owner, Folder, "Work"), labels.create(owner, Tag, "urgent")
        arranging.pin([one], on=True)
        for chats in ([one], [one, two]):
            fresh = list(Conversation.objects.filter(pk__in=[chat.pk for chat in chats]))
            arranging.pin(fresh, on=True)
            arranging.archive(fresh, on=True)
            arranging.move(fresh, folder)
            arranging.tag(fresh, tag)
        both = sorted([str(one.pk), str(two.pk)])
        for action in (Action.CHAT_PINNED, Action.CHAT_ARCHIVED, Action.CHAT_MOVED, Action.CHAT_TAGGED):
            assert sorted(resource for _, resource in recorded(action)) == both, action

    def test_what_is_taken_back_is_recorded_too(self, owner: User, make_chat: MakeChat) -> None:
        chat, tag = make_chat(), labels.create(owner, Tag, "urgent")
        for on in (True, False):
            fresh = [Conversation.objects.get()]
            arranging.pin(fresh, on=on)
            arranging.archive(fresh, on=on)
            (arranging.tag if on else arranging.untag)(fresh, tag)
        back = (Action.CHAT_UNPINNED, Action.CHAT_UNARCHIVED, Action.CHAT_UNTAGGED)
        assert recorded(*back) == [(action.value, str(chat.pk)) for action in back]

    def test_nothing_of_it_makes_a_chat_look_newly_used(self, owner: User, make_chat: MakeChat) -> None:
        chat = make_chat(days=3)
        arranging.pin([chat], on=True)
        arranging.move([chat], labels.create(owner, Folder, "Work"))
        arranging.archive([chat], on=True)
        assert Conversation.objects.get().updated_at == chat.updated_at

    def test_a_folder_or_tag_that_goes_meanwhile_is_said(self, owner: User, make_chat: MakeChat) -> None:
        chat = make_chat()
        folder, tag = labels.create(owner, Folder, "Work"), labels.create(owner, Tag, "urgent")
        labels.delete(folder)
        labels.delete(tag)
        with pytest.raises(ChatError, match="deleted meanwhile"):
            arranging.move([chat], folder)
        with pytest.raises(ChatError, match="deleted meanwhile"):
            arranging.tag([chat], tag)

    def test_a_chat_has_a_bounded_number_of_tags(
        self, owner: User, make_chat: MakeChat, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(arranging, "MOST_TAGS", 1)
        chat = make_chat()
        first, second = labels.create(owner, Tag, "one"), labels.create(owner, Tag, "two")
        arranging.tag([chat], first)
        arranging.tag([chat], first)
        with pytest.raises(ChatError, match="take one off first"):
            arranging.tag([chat], second)
        assert [row.tag for row in chat.tagged.all()] == [first]

    def test_many_are_deleted_and_brought_back_at_once(self, owner: User, make_chat: MakeChat) -> None:
        chats = [make_chat(), make_chat()]
        answer = conversations.post_message(chats[0], "Why?").answer
        conversations.delete(*chats)
        assert not Conversation.objects.visible_to(owner).exists()
        answer.refresh_from_db()
        assert answer.status == "stopped"
        conversations.restore(*chats)
        assert Conversation.objects.visible_to(owner).count() == 2
        assert len(recorded(Action.CHAT_DELETED)) == len(recorded(Action.CHAT_RESTORED)) == 2


class TestUndo:
    def test_a_move_goes_back_to_where_each_chat_was(self, owner: User, make_chat: MakeChat) -> None:
        old, new = labels.create(owner, Folder, "Old"), labels.create(owner, Folder, "New")
        chats = [make_chat("filed", folder=old), make_chat("loose")]
        word = undo.remember(owner, undo.values_of(chats, "folder_id"))
        arranging.move(chats, new)
        undo.undo(owner, word)
        assert {str(chat): chat.folder for chat in Conversation.objects.all()} == {"filed": old, "loose": None}

    def test_a_folder_that_is_gone_takes_nothing_back(self, owner: User, make_chat: MakeChat) -> None:
        old = labels.create(owner, Folder, "Old")
        chat = make_chat(folder=old)
        word = undo.remember(owner, undo.values_of([chat], "folder_id"))
        arranging.move([chat], None)
        labels.delete(old)
        undo.undo(owner, word)
        assert Conversation.objects.get().folder is None

    def test_it_happens_once(self, owner: User, make_chat: MakeChat) -> None:
        word = undo.remember(owner, undo.values_of([make_chat()], "pinned_at"))
        undo.undo(owner, word)
        with pytest.raises(undo.TooLate, match="no longer be undone"):
            undo.undo(owner, word)

    def test_anothers_word_is_nothing(self, owner: User, stranger: User, make_chat: MakeChat) -> None:
        chat = make_chat()
        word = undo.remember(owner, undo.Change(verb="delete", before={str(chat.pk): None}))
        conversations.delete(chat)
        with pytest.raises(undo.TooLate):
            undo.undo(stranger, word)
        assert not Conversation.objects.visible_to(owner).exists()

    def test_what_it_names_of_another_person_is_left_alone(
        self, owner: User, stranger: User, make_chat: MakeChat
    ) -> None:
        theirs = make_chat(of=stranger)
        change = undo.values_of([theirs], "archived_at")
        arranging.archive([theirs], on=True)
        undo.undo(owner, undo.remember(owner, change))
        theirs.refresh_from_db()
        assert theirs.archived_at is not None
