"""What a thief of disks and backups finds: known phrases go through the whole product, and are looked for everywhere.

Through the pages, the queue's work and the answering loop, with the real database, Redis and files. The phrases are
invented for each run, so whatever is found was written by this test.
"""

import base64
import io
import logging
import os
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.db.models import QuerySet
from django.test import Client
from PIL import Image, PngImagePlugin
from redis import Redis

from accounts.encryption import keys
from accounts.encryption.errors import Forged, KeyErased
from accounts.encryption.fields import SealedJSONField, SealedModel, SealedTextField
from accounts.models import User
from accounts.rights import archive, working
from accounts.rights.models import DataRequest
from accounts.second_factor.models import Authenticator
from accounts.tenancy import acting_as
from chats import answering
from chats.exchange import working as exchanging
from chats.exchange.models import ExchangeJob
from chats.images.models import Picture
from chats.models import Conversation, Message, Summary
from chatsite import carried
from documents import library, page_images, retrieval
from documents.ingestion import ingest
from documents.models import Collection, Document, DocumentVersion
from documents.sources.models import Label, Publication, Source
from tests.chats.exchange.samples import as_file, chatgpt
from tests.files.samples import pdf_with_pages

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


def invented() -> str:
    """A word that nobody has written before, and that a stemmer leaves alone."""
    return "".join(random.choice("bdfgklmnprtvz") + random.choice("aou") for _ in range(7)) + "x"


@dataclass
class Phrases:
    question: str
    title: str
    file_name: str
    text_file: str
    pdf_page: str
    thinking: str
    summary: str
    collection: str
    new_name: str
    picture: str
    folder: str
    tag: str
    document_tag: str
    instructions: str
    system_prompt: str
    template: str
    template_text: str
    persona: str
    persona_prompt: str
    comment: str
    reader: str
    collection_reader: str
    imported: str
    sought: str
    # What nobody can write on a page; and in every sealed column that is still empty.
    elsewhere: str

    @classmethod
    def made(cls) -> "Phrases":
        return cls(**{field.name: invented() for field in fields(cls)})

    def all(self) -> list[str]:
        return [getattr(self, field.name) for field in fields(self)]

    def found_in(self, data: bytes) -> list[str]:
        """As they are, in hexadecimal and in base64, as databases and cookies like to write bytes."""
        data = data.lower()
        return [phrase for phrase in self.all() if any(form in data for form in _forms(phrase))]


def _forms(phrase: str) -> list[bytes]:
    inner = [base64.b64encode(b" " * shift + phrase.encode())[4:-4].lower() for shift in range(3)]
    return [phrase.encode(), phrase.encode().hex().encode(), *inner]


class Monitor:
    """Everything that Redis is told and tells, as MONITOR shows it."""

    def __init__(self) -> None:
        self.seen = bytearray()
        url = urlsplit(settings.REDIS_URL)
        if url.scheme == "unix":
            self._line = socket.socket(socket.AF_UNIX)
            self._line.connect(url.path)
        else:
            self._line = socket.create_connection((url.hostname, url.port or 6379))
        self._line.sendall(b"MONITOR\r\n")
        assert self._line.recv(5) == b"+OK\r\n"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(OSError):
            while data := self._line.recv(1 << 16):
                self.seen += data

    def close(self) -> None:
        self._line.close()


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    watching = Monitor()
    yield watching
    watching.close()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, empty and watched."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@dataclass
class World:
    """A person who used the product with these phrases."""

    owner: User
    page: Client
    phrases: Phrases
    conversation: Conversation
    answer: Message
    text: Document
    pdf: Document
    # Keys in the storage.
    files: set[str]


@pytest.fixture
def world(owner: User, client: Client, settings: Any, temporary: Path) -> World:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1000  # what is larger waits on disk
    settings.RAG_RELEVANCE_THRESHOLD = 0.0  # the question is half made of a word that nothing holds
    phrases = Phrases.made()
    others_files = stored_files()
    client.force_login(owner)
    padding = "The ferry waits at the pier until the tide allows it to leave. " * 40
    text = f"# Notes\n\n{padding}\n\nThe word for the gate is {phrases.text_file}.\n".encode()
    pages = [f"Page {number} has words of its own. {padding[:300]}" for number in range(1, 4)]
    pages[1] += f" In the middle stands {phrases.pdf_page}. {padding[:300]}"
    pdf = pdf_with_pages(pages)
    for name, content in ((f"{phrases.file_name}.md", text), ("plans.pdf", pdf), (f"{phrases.file_name}.bad", b"\0")):
        client.post("/documents/upload", {"files": [SimpleUploadedFile(name, content)]})
    documents = {document.name: document for document in Document.objects.all()}
    for document in documents.values():
        ingest(document.pk)
    version = documents["plans.pdf"].versions.get()
    client.get(f"/documents/{version.document_id}/versions/1/pages/1/image.png")
    library.rename(documents["plans.pdf"], f"{phrases.new_name}.pdf")
    chosen = {"document": [str(documents["plans.pdf"].pk)], "put": "new", "new_tag": phrases.document_tag}
    client.post("/documents/several", chosen)
    client.post("/documents/collections", {"name": phrases.collection})
    collection = Collection.objects.get()
    share = {"kind": "person", "address": f"{phrases.collection_reader}@example.org"}
    client.post(f"/documents/collections/{collection.pk}/shares", share)

    asked = f"What is the word for the gate, {phrases.question}?"
    client.post("/chats", {"content": asked, "use_documents": "on", "documents_offered": "1"})
    conversation = Conversation.objects.get()
    answer = Message.objects.get(role="assistant")
    answering.answer(answer.pk)
    client.post(f"/chats/{conversation.pk}/rename", {"title": f"About {phrases.title}"})
    _told_to_models_and_shared(client, phrases, conversation, answer)
    client.post("/search", {"q": phrases.sought})
    client.post("/documents/search", {"q": phrases.sought})
    answer.refresh_from_db()
    client.post("/images", {"file": SimpleUploadedFile(f"{phrases.picture}.png", _picture_about(phrases.picture))})
    assert phrases.picture in client.get(f"/images/waiting?id={Picture.objects.get().pk}").content.decode()
    answer.thinking = f"I think of {phrases.thinking}."
    answer.save(update_fields=["thinking"])
    Summary.objects.create(upto=answer, text=f"They spoke of {phrases.summary}.", model="builtin")
    _what_no_page_writes(owner, documents["plans.pdf"], phrases.elsewhere)
    client.post("/settings/exchange/import", {"file": io.BytesIO(as_file([chatgpt(title=phrases.imported)]))})
    exchanging.do(ExchangeJob.objects.get().pk)
    client.post("/settings/exchange/export", {"form": "json"})
    exchanging.do(ExchangeJob.objects.get(kind=ExchangeJob.Kind.EXPORT).pk)
    text_document, pdf_document = documents[f"{phrases.file_name}.md"], documents["plans.pdf"]
    files = stored_files() - others_files
    return World(owner, client, phrases, conversation, answer, text_document, pdf_document, files)


def _told_to_models_and_shared(client: Client, phrases: Phrases, conversation: Conversation, answer: Message) -> None:
    chat = f"/chats/{conversation.pk}"
    for address, form in {
        f"{chat}/organise/move": {"folder": "new", "new": phrases.folder},
        f"{chat}/organise/tag": {"tag": "new", "new": phrases.tag},
        f"{chat}/settings": {"system_prompt": phrases.system_prompt},
        f"{chat}/shares": {"kind": "person", "address": f"{phrases.reader}@example.org"},
        f"{chat}/messages/{answer.pk}/rating": {"rating": "-1", "comment": phrases.comment},
        "/settings/instructions": {"text": phrases.instructions},
        "/prompts/new": {"name": phrases.template, "text": phrases.template_text},
        "/personas/new": {"name": phrases.persona, "system_prompt": phrases.persona_prompt},
    }.items():
        client.post(address, form)


def _what_no_page_writes(owner: User, document: Document, phrase: str) -> None:
    Authenticator.objects.create(user=owner, secret=phrase)
    Source.objects.create(document=document, path=f"/srv/{phrase}.pdf")
    Publication.objects.create(document=document, url=f"https://example.org/{phrase}")
    Label.objects.create(document=document, kind=Label.Kind.TAG, position=0, name=phrase, name_hash=b"x" * 32)


def _picture_about(phrase: str) -> bytes:
    """A picture that says the phrase beside its pixels too; large enough to wait on disk."""
    about = PngImagePlugin.PngInfo()
    about.add_text("Comment", phrase)
    out = io.BytesIO()
    Image.effect_noise((200, 200), 90).save(out, "PNG", pnginfo=about)
    return out.getvalue()


def dumped(*options: str) -> bytes:
    """As an operator dumps it, allowed by row-level security to see everything."""
    done = subprocess.run(
        [str(carried._postgres_bin("pg_dump")), "--enable-row-security", *options],
        env=_environment(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def _environment() -> dict[str, str]:
    options = connections["owner"].settings_dict
    return {
        **os.environ,
        "PGHOST": options["HOST"],
        "PGPORT": options["PORT"],
        "PGUSER": options["USER"],
        "PGPASSWORD": options["PASSWORD"],
        "PGDATABASE": connection.settings_dict["NAME"],
        "PGOPTIONS": "-c chatsite.actor=system",
    }


def test_what_looks_for_phrases_finds_them() -> None:
    phrases = Phrases.made()
    for data in (
        f"… {phrases.title} …".encode(),
        f"\\x{phrases.title.encode().hex()}".encode(),
        base64.b64encode(f"some words and {phrases.title} and more".encode()),
    ):
        assert phrases.found_in(data) == [phrases.title]


def test_nothing_that_was_written_lies_anywhere_in_plain(
    monitor: Monitor, world: World, temporary: Path, caplog: pytest.LogCaptureFixture
) -> None:
    phrases = world.phrases
    assert world.answer.status == Message.Status.DONE
    assert phrases.text_file in world.answer.content  # the built-in pair quotes
    fill_sealed_columns(world.owner, phrases.elsewhere)
    written = repr([opened(*place, row) for place, row in sealed_values(world.owner)])
    assert {phrase for phrase in phrases.all() if phrase not in written} == {phrases.sought}

    dump = dumped()
    assert b"chats_message" in dump
    assert str(world.answer.pk).encode() in dump
    assert phrases.found_in(dump) == []

    sessions = [session.get_decoded() for session in Session.objects.all()]  # compressed in the dump
    assert sessions
    assert phrases.found_in(repr(sessions).encode()) == []

    # The files of the database too: its journal has had every row in it.
    on_disk = [path for path in Path(settings.DATA_DIR).rglob("*") if path.is_file() and not path.is_socket()]
    assert any("pg_wal" in path.parts for path in on_disk) or os.environ.get("DATABASE_URL", "").startswith("postgres")
    assert any(path.name == world.text.versions.get().blob.rpartition("/")[2] for path in on_disk)
    assert {str(path): found for path in on_disk if (found := phrases.found_in(_read(path)))} == {}
    assert {str(path): found for path in temporary.rglob("*") if (found := phrases.found_in(_read(path)))} == {}

    redis = Redis.from_url(settings.REDIS_URL)
    assert {key: found for key in redis.scan_iter() if (found := phrases.found_in(key + _value(redis, key)))} == {}
    assert b"chatsite:live" in monitor.seen
    assert b"publish" in bytes(monitor.seen).lower()
    assert phrases.found_in(bytes(monitor.seen)) == []

    assert phrases.found_in(caplog.text.encode()) == []
    cookies = world.page.cookies.output().encode()
    assert phrases.found_in(cookies) == []


def test_everything_is_still_found_by_its_owner(world: World, stranger: User) -> None:
    phrases = world.phrases
    chat = world.page.get(f"/chats/{world.conversation.pk}").content.decode()
    assert all(phrase in chat for phrase in (phrases.question, phrases.title, phrases.text_file))
    shelf = world.page.get("/documents/").content.decode()
    assert phrases.file_name in shelf
    assert phrases.new_name in shelf
    assert phrases.pdf_page in world.page.get(f"/documents/{world.pdf.pk}/versions/1/pages/2").content.decode()
    with acting_as(world.owner):
        for phrase in (phrases.text_file, phrases.pdf_page):
            found = retrieval.search(user_id=world.owner.pk, query=phrase).passages
            assert phrase in found[0].text
        by_name = retrieval.search(user_id=world.owner.pk, query=phrases.file_name).passages
        assert by_name[0].document_id == world.text.pk
    with acting_as(stranger):
        assert retrieval.search(user_id=stranger.pk, query=phrases.text_file).passages == []


def test_an_account_that_is_deleted_stays_unreadable_in_yesterdays_backup(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person deletes the account; then yesterday's dump and yesterday's files come back."""
    owner = world.owner
    fill_sealed_columns(owner, world.phrases.elsewhere)
    before = {place: opened(*place, row) for place, row in sealed_values(owner)}
    assert all(before.values())
    # Documents, pages drawn of them, pictures in all sizes, an archive.
    assert {key.split("/")[0] for key in world.files} >= {"pages", "pictures", "exchange"}
    for key in world.files:
        archive.open_archive(key, owner_id=owner.pk).read(1)
    rows = dumped("--data-only", "--inserts", "--on-conflict-do-nothing", "--exclude-table=audit_*")
    files = settings.STORAGES["default"]["OPTIONS"]["location"]
    shutil.copytree(files, tmp_path / "backup")

    world.page.post("/settings/data/delete-account", {"email": owner.email})
    erasure = DataRequest.objects.get(owner_id=owner.pk, kind=DataRequest.Kind.ERASURE)
    working.do(erasure.pk)
    erasure.refresh_from_db()
    assert erasure.status == DataRequest.Status.DONE
    assert not User.objects.filter(pk=owner.pk).exists()
    assert list(sealed_values(owner)) == []
    assert not stored_files() & world.files

    restored = subprocess.run(
        [str(carried._postgres_bin("psql")), "--quiet", "--set", "ON_ERROR_STOP=1", "--single-transaction"],
        env=_environment(),
        input=rows,
        capture_output=True,
        check=False,
    )
    assert restored.returncode == 0, restored.stderr.decode()
    shutil.copytree(tmp_path / "backup", files, dirs_exist_ok=True)
    back = list(sealed_values(owner))
    assert [place for place, _ in back] == list(before)
    assert stored_files() >= world.files

    for place, row in back:
        with pytest.raises(KeyErased):
            opened(*place, row)
    for key in world.files:
        with pytest.raises(KeyErased):
            archive.open_archive(key, owner_id=owner.pk)
    with pytest.raises(KeyErased):
        page_images.page_image(DocumentVersion.objects.get(document=world.pdf), 1)
    with pytest.raises(KeyErased):
        retrieval.search(user_id=owner.pk, query=world.phrases.text_file)
    # Nor by any other key that is left.
    for other in _keys_left():
        with monkeypatch.context() as patch:
            patch.setattr(keys, "of", lambda *_, other=other, **__: keys.OwnerKeys(other))
            for place, row in back:
                with pytest.raises(Forged):
                    opened(*place, row)
            for key in world.files:
                with pytest.raises(Forged):
                    archive.open_archive(key, owner_id=owner.pk)

    # The person, were the account to come back, is told so.
    returned = Client()
    returned.force_login(User.objects.get(pk=owner.pk))
    page = returned.get("/documents/")
    assert page.status_code == 410
    assert "erased with the account" in page.content.decode()


def stored_files() -> set[str]:
    root = Path(settings.STORAGES["default"]["OPTIONS"]["location"])
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


# A column, and the row's key: what names a sealed value.
Place = tuple[type[SealedModel], str, Any]


def sealed_columns() -> Iterator[tuple[type[SealedModel], str]]:
    for model in apps.get_models():
        for column in model._meta.concrete_fields:
            if isinstance(column, SealedTextField | SealedJSONField):
                assert issubclass(model, SealedModel)
                yield model, column.attname


def rows_of(model: type[SealedModel], owner: User) -> "QuerySet[SealedModel]":
    return model._base_manager.filter(**{model.sealed_owner: owner.pk}).order_by("pk")


def fill_sealed_columns(owner: User, phrase: str) -> None:
    """The phrase in each that is still empty. There must be a row of every model."""
    for model, name in sealed_columns():
        rows = list(rows_of(model, owner))
        assert rows, f"the world has no {model.__name__}"
        for row in rows:
            if not getattr(row, name):
                value = [phrase] if isinstance(model._meta.get_field(name), SealedJSONField) else phrase
                sealed = model.sealed(*_identity(row), owner_id=owner.pk, **{name: value})
                model._base_manager.filter(pk=row.pk).update(**sealed)


def sealed_values(owner: User) -> Iterator[tuple[Place, SealedModel]]:
    for model, name in sealed_columns():
        for row in rows_of(model, owner):
            yield (model, name, row.pk), row


def opened(model: type[SealedModel], name: str, key: Any, row: SealedModel) -> Any:
    """From what lies in the database now."""
    value = model._base_manager.filter(pk=key).values_list(name, flat=True).get()
    return model.unsealed(name, value, *_identity(row), owner_id=getattr(row, model.sealed_owner))


def _identity(row: SealedModel) -> list[Any]:
    return [getattr(row, name) for name in row.sealed_identity]


def _keys_left() -> list[bytes]:
    found = []
    for path in Path(settings.KEYS_DIR).iterdir():
        with suppress(KeyErased, keys.KeyUnreadable):
            if keys._is_key(path.name):
                found.append(keys._kept(path.name, make=False))
    today = int(time.time() // 86400)
    return [*found, keys.installation_key(f"live:{today}"), settings.ENCRYPTION_KEY.encode()[:32]]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # the database renames and removes its own
        return b""


def _value(redis: "Redis[bytes]", key: bytes) -> bytes:
    kind = redis.type(key)
    read: dict[bytes, Any] = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"set": redis.smembers,
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
    }
    return repr(read[kind](key)).encode() if kind in read else b""


@pytest.fixture(autouse=True)
def _all_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
