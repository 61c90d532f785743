"""Under a legal hold nothing that the person made disappears, whichever route is asked to delete it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.utils import timezone

from accounts import audit
from accounts.audit.models import AuditEvent
from accounts.models import User
from accounts.rights.models import LegalHold
from accounts.tenancy import acting_as
from chats.images import keeping
from chats.images.models import Picture
from chats.models import Conversation
from chats.prompting import keeping as prompts
from chats.prompting.models import UNDO_FOR, OwnInstructions, PromptTemplate
from chats.sharing import access, giving
from chats.sharing.models import Share
from documents.collections import giving as collections
from documents.collections.models import CollectionShare
from documents.errors import Held as DocumentHeld
from documents.models import Document
from documents.sources.blog.jekyll import Post
from documents.sources.blog.syncing import write_facts
from documents.sources.models import Label, Publication
from tests.routes import ROUTES, World, signed_in, undone

# What goes all the same, and why (docs/privacy.md).
GOES = {
    "user_sessions_usersession": "ending a session protects the person",
    "second_factor_authenticator": "resetting a second factor protects the person",
    "second_factor_recoverycode": "the same",
    "chats_conversationtag": "whether a chat has a tag is a change of the chat; the tag stays",
    "documents_documenttag": "the same of documents",
}
# Made anew of what stays.
DERIVED = {"documents_chunk", "documents_embedding", "documents_page", "documents_posting", "searching_indexed",
           "searching_occurrences"}  # fmt: skip


@pytest.fixture
def world(owner: User) -> World:
    """With everything that one route or another deletes for good."""
    world = World.of(owner)
    OwnInstructions.objects.get_or_create(owner=owner, defaults={"text": "Speak plainly."})
    long_ago = timezone.now() - UNDO_FOR - timedelta(days=1)
    PromptTemplate.objects.create(owner=owner, name="old", text="old", deleted_at=long_ago)
    return world


@pytest.fixture
def held(owner: User) -> None:
    LegalHold.objects.create(user=owner, reason="17")


def rows(owner: User) -> dict[str, set[Any]]:
    found = {}
    for model in apps.get_models():
        columns = {field.column: field.attname for field in model._meta.concrete_fields}
        table = model._meta.db_table
        if attribute := columns.get("owner_id"):
            own = model._default_manager.filter(**{attribute: owner.pk})
            found[table] = set(own.values_list("pk", flat=True))
    return {table: keys for table, keys in found.items() if table not in GOES | dict.fromkeys(DERIVED)}


def disappeared(world: World, client: Callable[[], Client], form: dict[str, Any]) -> dict[str, set[str]]:
    """{route: the tables that have fewer of the owner's rows after it was posted to}."""
    before, gone = rows(world.owner), {}
    for route in ROUTES:
        with undone():
            response = client().post(route.address(world), form)
            assert response.status_code < 500 or route.name == "ready", f"{route}: {response.status_code}"
            now = rows(world.owner)
            if fewer := {table for table, keys in before.items() if keys - now[table]}:
                gone[route.name] = fewer
    return gone


FORM = {"text": "", "do": "delete", "action": "delete", "post": "yes", "confirm": "yes", "kind": "person"}


def test_no_route_takes_a_row_of_whoever_is_held(world: World, held: None) -> None:
    assert disappeared(world, lambda: signed_in(world.owner), FORM) == {}


def test_no_administrator_takes_one_either(world: World, held: None, admin_user: User) -> None:
    form = {**FORM, "_selected_action": str(world.document.pk), "email": world.owner.email}
    assert disappeared(world, lambda: signed_in(admin_user), form) == {}
    assert User.objects.get(pk=world.owner.pk).is_active


def test_without_a_hold_they_do(world: World) -> None:
    """Otherwise the two tests above would prove nothing."""
    gone = disappeared(world, lambda: signed_in(world.owner), FORM)
    tables = {
        "prompting_prompttemplate",
        "prompting_owninstructions",
        "chats_folder",
        "chats_tag",
        "documents_tag",
        "documents_collection",
        "sharing_share",
        "collections_collectionshare",
        "images_picture",
        "documents_document",
        "exchange_exchangejob",
    }
    assert tables <= set().union(*gone.values())


def test_the_tables_that_are_left_out_are_there(world: World) -> None:
    named = {model._meta.db_table for model in apps.get_models()}
    assert set(GOES) | DERIVED <= named


@pytest.mark.parametrize(
    "name",
    [
        "organising:delete_folder",
        "organising:delete_tag",
        "collections:delete",
        "documents:delete_tag",
        "images:remove",
        "exchange:forget",
        "prompting:own_instructions",
    ],
)
@pytest.mark.parametrize("by_htmx", [True, False])
def test_it_is_refused_in_words(world: World, held: None, name: str, by_htmx: bool) -> None:
    (route,) = [route for route in ROUTES if route.name == name]
    headers = {"HX-Request": "true"} if by_htmx else {}
    response = signed_in(world.owner).post(route.address(world), {"text": ""}, headers=headers, follow=True)
    assert "legal hold on your account" in response.content.decode()


def test_words_of_instructions_may_change(world: World, held: None) -> None:
    assert signed_in(world.owner).post("/settings/instructions", {"text": "Speak at length."}).status_code == 302
    assert OwnInstructions.objects.get(owner=world.owner).text == "Speak at length."


class TestAShareThatIsEnded:
    """It cannot be read any more, and that it was there stays."""

    pytestmark = pytest.mark.usefixtures("held")

    def test_of_a_chat(self, world: World, stranger: User) -> None:
        share = giving.with_person(world.conversation, stranger.email)
        with acting_as(stranger):
            assert Conversation.objects.exists()
        giving.end(share)
        kept = Share.objects.get(pk=share.pk)
        assert kept.address == stranger.email
        with acting_as(stranger):
            assert not Conversation.objects.exists()
        assert access.for_person(stranger, world.conversation.pk) is None

    def test_by_a_link(self, world: World, settings: Any) -> None:
        settings.SHARE_LINKS = "anybody"
        share, token = giving.by_link(world.conversation)
        assert access.for_link(AnonymousUser(), token)
        giving.end(share)
        assert Share.objects.filter(pk=share.pk).exists()
        assert access.for_link(AnonymousUser(), token) is None

    def test_of_a_collection(self, world: World, stranger: User) -> None:
        share = collections.with_person(world.collection, stranger.email)
        with acting_as(stranger):
            assert Document.objects.exists()
        collections.end(share)
        assert CollectionShare.objects.filter(pk=share.pk).exists()
        with acting_as(stranger):
            assert not Document.objects.exists()

    def test_it_is_recorded_once_and_can_be_given_again(self, world: World, stranger: User) -> None:
        share = giving.with_person(world.conversation, stranger.email)
        giving.end(share)
        giving.end(share)
        assert AuditEvent.objects.filter(action=audit.Action.SHARE_ENDED).count() == 1
        assert giving.with_person(world.conversation, stranger.email).pk == share.pk
        with acting_as(stranger):
            assert Conversation.objects.exists()


def test_a_picture_that_was_never_sent_outlasts_its_hours(world: World, owner: User, stranger: User) -> None:
    other = World.of(stranger).waiting.pk
    LegalHold.objects.create(user=owner, reason="17")
    Picture.objects.update(created_at=timezone.now() - timedelta(days=365))
    keeping.sweep()
    left = set(Picture.objects.unsent().values_list("pk", flat=True))
    assert world.waiting.pk in left
    assert other not in left


def test_facts_of_a_post_are_not_replaced(world: World, held: None) -> None:
    post = Post("Title", "text", None, (), ("tag",), "https://example.org/2", is_mended=False)
    before = Publication.objects.get(document=world.document).url
    with pytest.raises(DocumentHeld):
        write_facts(world.document, post)
    assert Publication.objects.get(document=world.document).url == before != post.url
    assert [label.name for label in Label.objects.all()] != ["tag"]


def test_old_templates_go_once_it_is_lifted(world: World, held: None) -> None:
    old = PromptTemplate.objects.filter(deleted_at__lt=timezone.now() - UNDO_FOR)
    prompts.delete(world.template, world.owner)
    assert old.exists()
    LegalHold.objects.all().delete()
    prompts.delete(world.template, world.owner)
    assert not old.exists()


@pytest.mark.parametrize("by_htmx", [True, False])
def test_two_documents_do_not_become_one(world: World, held: None, by_htmx: bool) -> None:
    other = Document.objects.create(owner=world.owner, name="b.pdf")
    headers = {"HX-Request": "true"} if by_htmx else {}
    form = {"pair": f"{other.pk}.{world.document.pk}"}
    response = signed_in(world.owner).post("/documents/versions", form, headers=headers, follow=True)
    assert "legal hold on your account" in response.content.decode()
    assert Document.objects.filter(pk=other.pk).exists()
