"""What the sidebar shows, in which order, and that a thousand chats cost no more queries than ten."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from chats import conversation as conversations
from chats.models import Conversation, ConversationTag, Folder, Tag
from chats.organising import arranging, labels, listing
from tests.chats.organising.conftest import MakeChat

pytestmark = pytest.mark.django_db


def titles(chats: list[Conversation]) -> list[str]:
    return [str(chat) for chat in chats]


def many(owner: User, number: int, folder: Folder, tag: Tag) -> None:
    """Of every kind: loose, in a folder, pinned, archived, tagged."""
    made = Conversation.objects.bulk_create(
        Conversation(owner=owner, title=f"Chat {n}", folder=folder if n % 5 == 0 else None) for n in range(number)
    )
    ConversationTag.objects.bulk_create(ConversationTag(conversation=chat, tag=tag) for chat in made[::3])
    arranging.pin(made[::40], on=True)
    arranging.archive(made[1::40], on=True)


def test_pinned_come_first_then_folders_then_the_rest_by_date(owner: User, make_chat: MakeChat) -> None:
    folder = labels.create(owner, Folder, "Work")
    make_chat("today")
    make_chat("long ago", days=400)
    make_chat("in the folder", folder=folder, days=2)
    pinned = make_chat("pinned", days=90, folder=folder)
    arranging.pin([pinned], on=True)
    shown = listing.sidebar(owner, open_folders=folder.pk.hex[:8])
    assert titles(shown.pinned) == ["pinned"]
    (in_folder,) = shown.folders
    assert (in_folder.count, in_folder.is_open, titles(in_folder.part.chats)) == (1, True, ["in the folder"])
    groups = shown.loose.by_date()
    assert groups[0][0] == "Today"
    assert [titles(chats) for _, chats in groups] == [["today"], ["long ago"]]


def test_what_is_archived_deleted_or_anothers_is_not_in_it(owner: User, stranger: User, make_chat: MakeChat) -> None:
    arranging.archive([make_chat("archived")], on=True)
    conversations.delete(make_chat("deleted"))
    make_chat("theirs", of=stranger)
    labels.create(stranger, Folder, "Theirs")
    shown = listing.sidebar(owner)
    assert (shown.pinned, shown.folders, shown.loose.chats) == ([], [], [])


def test_a_closed_folder_brings_no_chats_and_the_current_ones_folder_is_open(owner: User, make_chat: MakeChat) -> None:
    folder = labels.create(owner, Folder, "Work")
    chat = make_chat(folder=folder)
    assert listing.sidebar(owner).folders[0].part.chats == []
    assert listing.sidebar(owner, current=chat.pk).folders[0].part.chats == [chat]


def test_older_ones_follow_without_a_gap_and_none_twice(
    owner: User, make_chat: MakeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LENGTH", 4)
    same_time = make_chat().updated_at
    for number in range(10):
        make_chat(str(number))
    Conversation.objects.update(updated_at=same_time)
    part = listing.sidebar(owner).loose
    seen = titles(part.chats)
    while part.after:
        part = listing.older(owner, part.after)
        seen += titles(part.chats)
    assert len(seen) == 11
    assert len(set(seen)) == 11


def test_drawn_anew_it_keeps_as_many_as_were_shown(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LENGTH", 2)
    monkeypatch.setattr(listing, "MOST", 6)
    Conversation.objects.bulk_create(Conversation(owner=owner) for _ in range(8))
    assert len(listing.sidebar(owner).loose.chats) == 2
    assert len(listing.sidebar(owner, length=5).loose.chats) == 5
    assert len(listing.sidebar(owner, length=900_000).loose.chats) == 6


@pytest.mark.parametrize("state", ["current", "archived", "deleted"])
def test_the_lists_have_pages(
    owner: User, make_chat: MakeChat, monkeypatch: pytest.MonkeyPatch, state: listing.State
) -> None:
    monkeypatch.setattr(listing, "PAGE_LENGTH", 2)
    chats = [make_chat(str(number), days=number) for number in range(3)]
    if state == "archived":
        arranging.archive(chats, on=True)
    if state == "deleted":
        conversations.delete(*chats)
    first = listing.page(owner, state)
    last = listing.page(owner, state, after=first.after)
    assert sorted(titles([*first.chats, *last.chats])) == ["0", "1", "2"]
    assert (len(first.chats), last.after) == (2, "")


def test_the_sidebar_has_the_tags_that_most_chats_have_by_name(
    owner: User, stranger: User, make_chat: MakeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "TAGS", 2)
    often, once, rare, _unused = (labels.create(owner, Tag, name) for name in ("zebra", "apple", "pear", "quince"))
    first, second, archived = make_chat("first"), make_chat("second"), make_chat("archived")
    arranging.tag([first, second], often)
    arranging.tag([first, archived], once)
    arranging.tag([archived], rare)
    arranging.archive([archived], on=True)
    assert [tag.name for tag in listing.sidebar(owner).tags] == ["apple", "zebra"]
    assert listing.sidebar(stranger).tags == []


def test_a_list_is_of_a_folder_and_of_a_tag(owner: User, make_chat: MakeChat) -> None:
    folder, tag = labels.create(owner, Folder, "Work"), labels.create(owner, Tag, "urgent")
    both, filed = make_chat("both", folder=folder), make_chat("filed", folder=folder)
    tagged = make_chat("tagged")
    arranging.tag([both, tagged], tag)
    assert set(listing.page(owner, "current", folder=folder).chats) == {both, filed}
    assert set(listing.page(owner, "current", tag=tag).chats) == {both, tagged}
    assert listing.page(owner, "current", folder=folder, tag=tag).chats == [both]


@pytest.mark.parametrize(
    "address", ["chats:home", "organising:all", "organising:archived", "organising:deleted", "organising:older"]
)
def test_a_thousand_chats_cost_no_more_queries_than_ten(client: Client, owner: User, address: str) -> None:
    folder, tag = labels.create(owner, Folder, "Work"), labels.create(owner, Tag, "urgent")
    client.force_login(owner)
    client.cookies["folders"] = folder.pk.hex[:8]
    counts, lengths = [], []
    for number in (10, 990):
        many(owner, number, folder, tag)
        client.get(reverse(address))  # what is fetched once for every session is fetched now
        with CaptureQueriesContext(connection) as queries:
            response = client.get(reverse(address))
        assert response.status_code == 200
        counts.append(len(queries))
        lengths.append(len(response.content))
    assert Conversation.objects.visible_to(owner).count() == 1_000
    assert counts[0] == counts[1]
    if address != "organising:deleted":
        assert lengths[1] > lengths[0]


def test_the_sidebar_itself_is_three_queries(owner: User, django_assert_num_queries) -> None:
    folder, tag = labels.create(owner, Folder, "Work"), labels.create(owner, Tag, "urgent")
    many(owner, 1_000, folder, tag)
    with django_assert_num_queries(3):
        shown = listing.sidebar(owner, open_folders=folder.pk.hex[:8])
        for chat in [*shown.pinned, *shown.loose.chats, *shown.folders[0].part.chats]:
            assert str(chat).startswith("Chat ")
            assert chat.url
    assert len(shown.loose.chats) == listing.LENGTH
