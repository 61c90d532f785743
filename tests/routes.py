"""Every route and socket of the product, found by walking the URL table, and an object of one person for each.

A new route is covered without a line here, by tests/test_url_table.py and tests/accounts/test_every_role.py. One with
a parameter that nothing below knows fails there, with the name of the factory to add.
"""

import copy
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from asgiref.sync import async_to_sync
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.db import transaction
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.converters import UUIDConverter
from django.utils import timezone
from PIL import Image

from accounts import audit
from accounts.audit.models import AuditEvent
from accounts.invitations.models import LIFETIME, Invitation
from accounts.lock_out.models import Failures, Kind
from accounts.models import User
from accounts.rights import archive
from accounts.rights.holdings import Entry
from accounts.rights.models import Consent, DataRequest, LegalHold
from accounts.sessions.models import UserSession
from chats.evaluation.models import Run
from chats.exchange.models import ExchangeJob
from chats.images import drawing, keeping
from chats.images.models import Picture
from chats.models import Citation, Conversation, ConversationTag, Folder, Message, Tag
from chats.prompting.models import OwnInstructions, Persona, PromptTemplate
from chats.sharing import access
from chats.sharing.models import Share
from chatsite.asgi import application
from documents import blobs
from documents import models as documents
from documents.collections.models import CollectionShare
from documents.models import Chunk, Collection, Document, DocumentVersion, EmbeddingSpace, Page
from documents.sources.models import Label, Publication, Source

SIGN_IN = "/accounts/login/"
# Without a character that pages write in another way: it has to be found wherever it is shown.
SECRET = "what the owner keeps"

# What a visitor without an account may open, and why. Everything else leads to sign-in.
PUBLIC = {
    "health": "for the process that watches",
    "ready": "for the balancer",
    "manifest": "says what the site is called",
    "service_worker": "the same for everybody",
    "offline": "the same for everybody",
    "accounts:set_up": "guarded by its own token",
    "invitations:accept": "guarded by its own token",
    "sharing:ended": "says to whoever had a shared page open that it is closed, and nothing else",
    "account_login": "the way in",
    "account_logout": "leads home when nobody is signed in",
    "second_factor:step": "leads home unless a sign-in waits for its second step",
    "account_signup": "says that it is closed, unless it is open",
    "account_inactive": "says that the account is suspended",
    "account_email_verification_sent": "part of sign-up",
    "account_confirm_email": "guarded by its own token",
    "account_reset_password": "for who cannot sign in",
    "account_reset_password_done": "for who cannot sign in",
    "account_reset_password_from_key": "guarded by its own token",
    "account_reset_password_from_key_done": "for who cannot sign in",
}


@dataclass
class World:
    """What the owner has: one object of every kind that an address can name."""

    owner: User
    conversation: Conversation
    deleted_conversation: Conversation
    answer: Message
    document: Document
    version: DocumentVersion
    session: UserSession
    export: DataRequest
    share: Share
    exchange: ExchangeJob
    folder: Folder
    tag: Tag
    waiting: Picture
    document_tag: documents.Tag
    template: PromptTemplate
    deleted_template: PromptTemplate
    persona: Persona
    deleted_persona: Persona
    collection: Collection
    collection_share: CollectionShare
    # Of the link to the conversation.
    token: str
    # What the administration lists: {table: one row of it}.
    records: dict[str, Model]

    @classmethod
    def of(cls, owner: User, *, secret: str = SECRET) -> "World":
        """`secret` stands in everything that the owner wrote, uploaded or named."""
        document, version, chunk = _document(owner, secret)
        conversation = Conversation.objects.create(owner=owner, title=f"{secret} title")
        question = Message.objects.create(conversation=conversation, role="user", content=f"{secret} question")
        answer = Message.objects.create(
            conversation=conversation, parent=question, role="assistant", content=f"{secret} answer", html=secret
        )
        conversation.active_leaf = answer
        conversation.save()
        Citation.objects.create(
            message=answer, number=1, chunk=chunk, version=version, document_name=document.name, page=1,
            quoted=secret, score=1,
        )  # fmt: skip
        deleted = Conversation.objects.create(owner=owner, title=secret, deleted_at=timezone.now())
        session = UserSession.objects.create(
            owner=owner, session_key=owner.pk.hex, signed_in_at=timezone.now(), last_seen_at=timezone.now()
        )
        key, size = archive.store([Entry("secret.txt", secret.encode())], owner_id=owner.pk)
        export = DataRequest.objects.create(
            owner_id=owner.pk, kind="export", status="done", file=key, size=size,
            expires_at=timezone.now() + timedelta(days=1),
        )  # fmt: skip
        share = Share.objects.create(conversation=conversation, kind="person", address="somebody@example.org")
        key, size = archive.store([Entry("secret.txt", secret.encode())], owner_id=owner.pk, folder="exchange")
        exchange = ExchangeJob.objects.create(
            owner=owner, kind="export", form="json", status="done", file=key, size=size,
            expires_at=timezone.now() + timedelta(days=1),
        )  # fmt: skip
        folder = Folder.objects.create(owner=owner, name=f"{secret} folder")
        tag = Tag.objects.create(owner=owner, name=f"{secret} tag")
        Conversation.objects.create(owner=owner, title=f"{secret} filed", folder=folder)
        ConversationTag.objects.create(conversation=conversation, tag=tag)
        document_tag = documents.Tag.objects.create(owner=owner, name=f"{secret} kind")
        documents.DocumentTag.objects.create(document=document, tag=document_tag)
        _picture(owner, secret, message=question)
        # Parameters name the answer; a picture stands there too, where its address is looked for.
        _picture(owner, secret, message=answer)
        waiting = _picture(owner, secret)
        when = (None, timezone.now())
        templates = [PromptTemplate.objects.create(owner=owner, name=secret, text=secret, deleted_at=d) for d in when]
        personas = [Persona.objects.create(owner=owner, name=secret, system_prompt=secret, deleted_at=d) for d in when]
        collection = Collection.objects.create(owner=owner, name=f"{secret} collection")
        collection_share = CollectionShare.objects.create(
            collection=collection, kind="person", address="somebody@example.org"
        )
        Document.objects.filter(pk=document.pk).update(collection=collection)
        _facts(document, secret)
        OwnInstructions.objects.create(owner=owner, text=f"{secret} instructions")
        return cls(
            owner, conversation, deleted, answer, document, version, session, export, share, exchange, folder, tag,
            waiting, document_tag, *templates, *personas, collection, collection_share,
            _link(conversation), _records(owner, document, export),
        )  # fmt: skip

    def rows(self) -> list[Any]:
        """Everything the owner has, as it is in the database now."""
        kinds: list[Any] = [
            User,
            Conversation,
            Message,
            Citation,
            Document,
            DocumentVersion,
            Page,
            Chunk,
            EmbeddingSpace,
            DataRequest,
            Share,
            ExchangeJob,
            Folder,
            Tag,
            ConversationTag,
            documents.Tag,
            documents.DocumentTag,
            Picture,
            PromptTemplate,
            Persona,
            Collection,
            CollectionShare,
            OwnInstructions,
            Source,
            Publication,
            Label,
            Invitation,
            LegalHold,
            Failures,
            Consent,
            Run,
        ]
        return [list(kind.objects.order_by("pk").values()) for kind in kinds]


def _document(owner: User, secret: str) -> tuple[Document, DocumentVersion, Chunk]:
    file = io.BytesIO()
    Image.new("RGB", (60, 80), "white").save(file, "PDF")
    file.seek(0)
    blob = blobs.store(file, owner_id=owner.pk)
    document = Document.objects.create(owner=owner, name=f"{secret}.pdf", status=Document.Status.READY)
    version = DocumentVersion.objects.create(
        document=document, number=1, blob=blob.key, fingerprint=blob.fingerprint, size=blob.size, page_count=1,
        media_type="application/pdf", passage_count=1, indexed_at=timezone.now(),
    )  # fmt: skip
    Page.objects.create(version=version, number=1, text=secret, width=60, height=80)
    chunk = Chunk.objects.create(version=version, index=0, page=1, start=0, content=secret, length=3)
    document.current_version = version
    document.save()
    return document, version, chunk


def _facts(document: Document, secret: str) -> None:
    Source.objects.create(document=document, path=f"/srv/{secret}.pdf")
    Publication.objects.create(document=document, url=f"https://example.org/{secret}")
    Label.objects.create(
        document=document, kind=Label.Kind.TAG, position=0, name=f"{secret} label", name_hash=document.pk.bytes * 2
    )


def _link(conversation: Conversation) -> str:
    secret = access.new_secret()
    share = Share.objects.create(
        conversation=conversation, kind=Share.Kind.LINK, secret_sha256=access.digest(secret),
        expires_at=timezone.now() + timedelta(days=7),
    )  # fmt: skip
    return access.token_of(share.pk, secret)


def _records(owner: User, document: Document, export: DataRequest) -> dict[str, Model]:
    name = owner.pk.hex
    consent = Consent.objects.create(owner=owner, version="of long ago")
    audit.record(audit.Action.CONSENT_GIVEN, user=owner, version=consent.version)
    # Of somebody else: with one of the owner's own, nothing of theirs could be deleted anyway.
    held = User.objects.create_user(f"held-{name}@example.org", is_active=False)
    rows: list[Model] = [
        owner,
        document,
        export,
        consent,
        AuditEvent.objects.filter(action=audit.Action.CONSENT_GIVEN, user_id=owner.pk).latest("pk"),
        EmbeddingSpace.objects.create(model=f"test/{name}", dimension=2, state=EmbeddingSpace.State.RETIRED),
        Run.objects.create(owner=owner, set_name="set", set_fingerprint="f", state=Run.State.DONE),
        Invitation.objects.create(
            email=f"invited-{name}@example.org", token_sha256=name * 2, invited_by=owner,
            expires_at=timezone.now() + LIFETIME,
        ),
        Failures.objects.create(key=name, kind=Kind.ACCOUNT, user=owner, count=1),
        LegalHold.objects.create(user=held, reason="17", set_by=owner.pk),
    ]  # fmt: skip
    return {row._meta.db_table: row for row in rows}


def _picture(owner: User, secret: str, message: Message | None = None) -> Picture:
    """What it shows says whose it is, as a text in the file would."""
    parts = {"full": secret.encode(), "small": secret.encode()}
    folder = keeping.store(drawing.Drawn("image/png", 60, 80, parts), owner_id=owner.pk)
    picture: Picture = Picture.objects.create(
        owner=owner, message=message, number=1 if message else 0, name=f"{secret}.png", media_type="image/png",
        width=60, height=80, blob=folder, size=len(secret) * 2, reading="done", text=secret,
    )  # fmt: skip
    return picture


# What to put in the place of a route's parameter: something of the owner's. The key is the parameter's name, or the
# route's name and the parameter's where one name means two things.
FACTORIES: dict[str, Callable[[World], object]] = {
    "conversation_id": lambda world: world.conversation.pk,
    "chats:restore conversation_id": lambda world: world.deleted_conversation.pk,
    "message_id": lambda world: world.answer.pk,
    "document_id": lambda world: world.document.pk,
    "version": lambda world: world.version.number,
    "session_id": lambda world: world.session.pk,
    "request_id": lambda world: world.export.pk,
    "share_id": lambda world: world.share.pk,
    "collections:end share_id": lambda world: world.collection_share.pk,
    "collection_id": lambda world: world.collection.pk,
    "job_id": lambda world: world.exchange.pk,
    "folder_id": lambda world: world.folder.pk,
    "tag_id": lambda world: world.tag.pk,
    "document_tag_id": lambda world: world.document_tag.pk,
    "picture_id": lambda world: world.waiting.pk,
    "template_id": lambda world: world.template.pk,
    "prompting:restore_template template_id": lambda world: world.deleted_template.pk,
    "persona_id": lambda world: world.persona.pk,
    "prompting:restore_persona persona_id": lambda world: world.deleted_persona.pk,
    "number": lambda world: 1,
    "token": lambda world: world.token,
    "accounts:set_up token": lambda world: "made-up",
    "invitations:accept token": lambda world: "made-up",
    "organising:undo token": lambda world: "made-up",
    "key": lambda world: "made-up",
    "uidb36": lambda world: "1",
    # The admin's own.
    "user_id": lambda world: world.owner.pk,
    "app_label": lambda world: "accounts",
    "url": lambda world: "somewhere",
}


def _record_of(table: str) -> Callable[[World], object]:
    return lambda world: world.records[table].pk


# A model that is new in the administration gets a row in _records, and its table a name here.
ADMINISTERED_TABLES = (
    "accounts_user",
    "audit_event",
    "documents_document",
    "documents_embeddingspace",
    "evaluation_run",
    "invitations_invitation",
    "lock_out_failures",
    "rights_consent",
    "rights_datarequest",
    "rights_legalhold",
)
for _table in ADMINISTERED_TABLES:
    # Django names the routes by the model.
    _name = "audit_auditevent" if _table == "audit_event" else _table
    for _view in ("change", "delete", "history"):
        FACTORIES[f"admin:{_name}_{_view} object_id"] = _record_of(_table)

# Parameters that name an object of one person, so that another person must not find it.
OWNED = {
    "conversation_id",
    "message_id",
    "document_id",
    "session_id",
    "request_id",
    "share_id",
    "collection_id",
    "job_id",
    "folder_id",
    "tag_id",
    "document_tag_id",
    "picture_id",
    "template_id",
    "persona_id",
}


@dataclass(frozen=True)
class Route:
    name: str
    parameters: tuple[str, ...] = ()
    pattern: str = field(default="", compare=False)
    uuids: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.name

    @property
    def is_owned(self) -> bool:
        # What lies behind a token is guarded by it, whoever comes.
        return bool(OWNED & set(self.parameters)) and "token" not in self.parameters

    def missing(self) -> list[str]:
        return [p for p in self.parameters if p not in FACTORIES and f"{self.name} {p}" not in FACTORIES]

    def values(self, world: World) -> dict[str, object]:
        return {p: (FACTORIES.get(f"{self.name} {p}") or FACTORIES[p])(world) for p in self.parameters}

    def address(self, world: World) -> str:
        return reverse(self.name, kwargs=self.values(world))


def _walk(resolver: URLResolver, namespaces: tuple[str, ...] = ()) -> Iterator[Route]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            inner = (*namespaces, entry.namespace) if entry.namespace else namespaces
            yield from _walk(entry, inner)
        elif isinstance(entry, URLPattern) and entry.name:
            parameters = (*resolver.pattern.regex.groupindex, *entry.pattern.regex.groupindex)
            yield Route(":".join([*namespaces, entry.name]), parameters, str(entry.pattern), _uuids(entry))


def _uuids(entry: URLPattern) -> frozenset[str]:
    return frozenset(name for name, kind in entry.pattern.converters.items() if isinstance(kind, UUIDConverter))


def nameless(resolver: URLResolver) -> Iterator[str]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from nameless(entry)
        elif not entry.name:
            yield str(entry.pattern)


def _sockets() -> list[URLPattern]:
    """The socket routes, from below the layers that check the origin and find the session."""
    layer = application.application_mapping["websocket"]
    while not isinstance(layer, URLRouter):
        layer = getattr(layer, "application", None) or layer.inner
    return list(layer.routes)


ROUTES = sorted(set(_walk(get_resolver())), key=str)
PRIVATE = [route for route in ROUTES if route.name not in PUBLIC]
OWNED_ROUTES = [route for route in ROUTES if route.is_owned]
PLAIN_ROUTES = [route for route in PRIVATE if not route.is_owned and not route.name.startswith("admin:")]
_SOCKETS = [
    Route(str(entry.pattern), tuple(entry.pattern.regex.groupindex), str(entry.pattern)) for entry in _sockets()
]
SOCKETS = [route for route in _SOCKETS if "token" not in route.parameters]
# What opens to whoever has the link, as far as SHARE_LINKS lets them, and to nobody else.
LINK_SOCKETS = [route for route in _SOCKETS if "token" in route.parameters]
LINK_ROUTES = [route for route in ROUTES if route.name.startswith("sharing:link_")]


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def as_before(client: Client) -> Client:
    """A fresh browser with the session of another, whatever that one has done since."""
    fresh = Client()
    fresh.handler = client.handler
    fresh.cookies = copy.deepcopy(client.cookies)
    return fresh


@contextmanager
def undone() -> Iterator[None]:
    """What is done in it stays in no table."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def leads_to_sign_in(response: Any) -> bool:
    return response.status_code == 302 and response["Location"].startswith((SIGN_IN, "/admin/login/"))


def connects(route: Route, world: World, user: User | None, *, origin: str = "http://localhost") -> bool:
    address = "/" + re.sub(r"<\w+:(\w+)>", lambda found: str(route.values(world)[found[1]]), route.pattern)
    headers = [(b"origin", origin.encode()), (b"host", b"localhost")]
    if user:
        headers.append((b"cookie", f"sessionid={signed_in(user).session.session_key}".encode()))

    async def attempt() -> bool:
        socket = WebsocketCommunicator(application, address, headers=headers)
        connected, _ = await socket.connect(timeout=20)
        await socket.disconnect(timeout=20)
        return bool(connected)

    return bool(async_to_sync(attempt)())
