"""Sealed columns of models, with the product's own models."""

import copy
import pickle
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction

from accounts.encryption import keys
from accounts.encryption.errors import Forged, KeyMissing
from accounts.encryption.fields import KeyedHashField, Sealed, SealedJSONField, SealedModel, SealedTextField
from accounts.models import User
from chats import conversation as conversations
from chats.models import Conversation, Message
from documents.models import Chunk, Collection, Document, DocumentVersion, Page

pytestmark = pytest.mark.django_db


@pytest.fixture
def message(owner: User) -> Message:
    return conversations.post_message(conversations.start(owner), "Why is the sky blue?").question


@pytest.fixture
def version(owner: User) -> DocumentVersion:
    document = Document.objects.create(owner=owner, name="notes.txt")
    return DocumentVersion.objects.create(document=document, number=1, blob="", fingerprint="", size=1, media_type="")


def stored(message: Message, column: str = "content") -> bytes:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM chats_message WHERE id = %s", [message.pk])
        return bytes(cursor.fetchone()[0])


def test_it_reads_as_text_and_lies_as_bytes(message: Message) -> None:
    found = Message.objects.get(pk=message.pk)
    assert found.content == "Why is the sky blue?"
    assert b"sky" not in stored(message)


def test_nothing_is_opened_before_it_is_looked_at(message: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_key(*_: object, **__: object) -> None:
        raise KeyMissing

    monkeypatch.setattr(keys, "of", no_key)
    found = Message.objects.get(pk=message.pk)
    assert found.status == Message.Status.DONE
    with pytest.raises(KeyMissing):
        _ = found.content


def test_saving_seals_what_changed_and_leaves_what_was_not_looked_at(message: Message) -> None:
    before = stored(message)
    found = Message.objects.get(pk=message.pk)
    found.thinking = "A thought."
    found.save()
    assert stored(message) == before
    assert b"thought" not in stored(message, "thinking")
    found.content = "Why is it red?"
    found.save(update_fields=["content"])
    assert Message.objects.get(pk=message.pk).content == "Why is it red?"
    assert stored(message) != before


def test_equal_texts_do_not_look_equal(owner: User) -> None:
    first, second = (conversations.post_message(conversations.start(owner), "The same.").question for _ in range(2))
    assert stored(first) != stored(second)


def test_many_rows_at_once_take_the_owner_over(version: DocumentVersion) -> None:
    Page.objects.bulk_create(Page(version=version, number=number, text=f"Page {number}") for number in range(1, 4))
    assert [page.text for page in Page.objects.order_by("number")] == ["Page 1", "Page 2", "Page 3"]
    assert {page.owner_id for page in Page.objects.all()} == {version.owner_id}


def test_an_update_needs_sealed_values(message: Message) -> None:
    rows = Message.objects.filter(pk=message.pk)
    rows.update(**Message.sealed(message.pk, owner_id=message.owner_id, content="New", retrieval={"passages": [1]}))
    found = rows.get()
    assert (found.content, found.retrieval) == ("New", {"passages": [1]})
    with pytest.raises(TypeError, match="sealed"):
        rows.update(content="in plain")
    with pytest.raises(TypeError, match="sealed"):
        rows.update(retrieval={"in": "plain"})
    with pytest.raises(TypeError, match="not sealed"):
        Message.sealed(message.pk, owner_id=message.owner_id, status="done")


def test_the_database_cannot_be_asked_for_it(message: Message) -> None:
    for question in ({"content": "Why"}, {"content__contains": "Why"}, {"content__in": ["Why"]}):
        with pytest.raises(TypeError, match="sealed"):
            list(Message.objects.filter(**question))


def test_nothing_is_stored_as_nothing(message: Message) -> None:
    assert stored(message, "thinking") == b""
    assert stored(message, "retrieval") == b""
    found = Message.objects.get(pk=message.pk)
    assert (found.thinking, found.retrieval) == ("", {})
    Message.objects.filter(pk=message.pk).update(content="", html="", retrieval={})
    assert Message.objects.get(pk=message.pk).content == ""


def test_values_are_given_sealed(message: Message) -> None:
    value = Message.objects.filter(pk=message.pk).values_list("content", flat=True).get()
    assert isinstance(value, Sealed)
    assert Message.unsealed("content", value, message.pk, owner_id=message.owner_id) == "Why is the sky blue?"


def test_deferred_and_refreshed_columns_are_read(message: Message) -> None:
    deferred = Message.objects.defer("content").get(pk=message.pk)
    assert deferred.content == "Why is the sky blue?"
    assert Message.objects.only("status").get(pk=message.pk).content == "Why is the sky blue?"
    stale = Message.objects.get(pk=message.pk)
    new = Message.sealed(message.pk, owner_id=message.owner_id, content="Changed")
    Message.objects.filter(pk=message.pk).update(**new)
    stale.refresh_from_db()
    assert stale.content == "Changed"
    stale.refresh_from_db(fields=["content"])
    assert stale.content == "Changed"


def test_instances_can_be_copied_and_pickled(message: Message) -> None:
    found = Message.objects.get(pk=message.pk)
    assert copy.copy(found).content == pickle.loads(pickle.dumps(found)).content == "Why is the sky blue?"


def test_a_value_that_was_moved_is_refused(owner: User, stranger: User, message: Message) -> None:
    other = conversations.post_message(conversations.start(owner), "Another.").question
    theirs = conversations.post_message(conversations.start(stranger), "Theirs.").question
    for row, column in ((other, "content"), (theirs, "content"), (message, "thinking")):
        Message.objects.filter(pk=row.pk).update(**{column: Sealed(stored(message))})
        with pytest.raises(Forged):
            getattr(Message.objects.get(pk=row.pk), column)


def test_passages_and_pages_are_bound_to_their_place(version: DocumentVersion) -> None:
    first, second = (
        Chunk.objects.create(version=version, index=n, page=1, start=0, content=f"Passage {n}", length=2)
        for n in (0, 1)
    )
    moved = Chunk.objects.filter(pk=first.pk).values_list("content", flat=True).get()
    Chunk.objects.filter(pk=second.pk).update(content=moved)
    assert Chunk.objects.get(pk=first.pk).content == "Passage 0"
    with pytest.raises(Forged):
        _ = Chunk.objects.get(pk=second.pk).content


def test_long_texts_take_less_room_than_they_have_characters(message: Message) -> None:
    message.content = "The ferry waits until the tide allows it to leave. " * 400
    message.save()
    assert len(stored(message)) < len(message.content) / 10
    assert Message.objects.get(pk=message.pk).content == message.content


@pytest.mark.parametrize("text", ["\x00", "\ud800", "é" * 100_000, "\n", "0"])
def test_any_text_can_be_kept(message: Message, text: str) -> None:
    message.content = text
    message.save()
    assert Message.objects.get(pk=message.pk).content == text.encode("utf-8", "replace").decode()


def test_a_row_without_an_owner_cannot_be_sealed() -> None:
    with pytest.raises(ValueError, match="without an owner"):
        Conversation(title="Nobody's").save()


def test_names_of_collections_are_unique_for_each_owner(owner: User, stranger: User) -> None:
    made = Collection.objects.create(owner=owner, name="Letters")
    theirs = Collection.objects.create(owner=stranger, name="Letters")
    assert bytes(made.name_hash) != bytes(theirs.name_hash)
    with pytest.raises(IntegrityError), transaction.atomic():
        Collection.objects.create(owner=owner, name="Letters")
    wanted = KeyedHashField.of(Collection, "name_hash", owner.pk, "Letters")
    assert Collection.objects.get(name_hash=wanted) == made


def test_a_number_that_the_database_makes_is_no_identity() -> None:
    class Numbered(SealedModel):
        owner_id = models.UUIDField()
        text = SealedTextField()
        data = SealedJSONField(default=list)

        class Meta:
            app_label = "documents"
            managed = False

    try:
        problems = [problem for field in Numbered._meta.fields for problem in field.check() if problem.id]
        assert [problem.id for problem in problems if problem.id.startswith("encryption")] == ["encryption.E001"] * 2
    finally:
        from django.apps import apps

        del apps.all_models["documents"]["numbered"]
        apps.clear_cache()


def test_migrations_can_write_the_fields_down() -> None:
    for field in (SealedTextField(blank=True, default=""), SealedJSONField(default=dict), KeyedHashField(of="name")):
        _, path, arguments, options = field.deconstruct()
        assert path.startswith("accounts.encryption.fields.")
        again: Any = type(field)(*arguments, **options)
        assert again.deconstruct()[2:] == (arguments, options)


def test_without_the_key_nothing_is_made_up(message: Message) -> None:
    keys.destroy(message.owner_id)
    with pytest.raises(KeyMissing):
        _ = Message.objects.get(pk=message.pk).content
    with pytest.raises(KeyMissing):
        conversations.rename(message.conversation, "And now?")
