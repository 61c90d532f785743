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
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.test import Client
from PIL import Image, PngImagePlugin
from redis import Redis

from accounts.encryption import keys
from accounts.encryption.errors import Forged, KeyErased
from accounts.models import User
from accounts.tenancy import acting_as
from chats import answering
from chats.images.models import Picture
from chats.models import Citation, Conversation, Message, Summary
from chatsite import carried
from documents import blobs, library, page_images, retrieval
from documents.ingestion import ingest
from documents.models import Chunk, Collection, Document, DocumentVersion, Page
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


@pytest.fixture
def world(owner: User, client: Client, settings: Any, temporary: Path) -> World:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1000  # what is larger waits on disk
    settings.RAG_RELEVANCE_THRESHOLD = 0.0  # the question is half made of a word that nothing holds
    phrases = Phrases.made()
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
    with acting_as(owner):
        Collection.objects.create(owner=owner, name=phrases.collection)

    asked = f"What is the word for the gate, {phrases.question}?"
    client.post("/chats", {"content": asked, "use_documents": "on", "documents_offered": "1"})
    conversation = Conversation.objects.get()
    answer = Message.objects.get(role="assistant")
    answering.answer(answer.pk)
    client.post(f"/chats/{conversation.pk}/rename", {"title": f"About {phrases.title}"})
    answer.refresh_from_db()
    client.post("/images", {"file": SimpleUploadedFile(f"{phrases.picture}.png", _picture_about(phrases.picture))})
    assert phrases.picture in client.get(f"/images/waiting?id={Picture.objects.get().pk}").content.decode()
    answer.thinking = f"I think of {phrases.thinking}."
    answer.save(update_fields=["thinking"])
    Summary.objects.create(upto=answer, text=f"They spoke of {phrases.summary}.", model="builtin")
    text_document, pdf_document = documents[f"{phrases.file_name}.md"], documents["plans.pdf"]
    return World(owner, client, phrases, conversation, answer, text_document, pdf_document)


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

    dump = dumped()
    assert b"chats_message" in dump
    assert str(world.answer.pk).encode() in dump
    assert phrases.found_in(dump) == []

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


def test_an_erased_key_makes_yesterdays_backup_unreadable(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account goes, and its key with it; then yesterday's dump and yesterday's files come back."""
    rows = dumped("--data-only", "--inserts", "--on-conflict-do-nothing", "--exclude-table=audit_*")
    version = world.text.versions.get()
    files = settings.STORAGES["default"]["OPTIONS"]["location"]
    shutil.copytree(files, tmp_path / "backup")
    for document in Document.objects.all():
        library.delete(document)
    Conversation.objects.all().delete()
    keys.destroy(world.owner.pk)

    restored = subprocess.run(
        [str(carried._postgres_bin("psql")), "--quiet", "--set", "ON_ERROR_STOP=1", "--single-transaction"],
        env=_environment(),
        input=rows,
        capture_output=True,
        check=False,
    )
    assert restored.returncode == 0, restored.stderr.decode()
    shutil.copytree(tmp_path / "backup", files, dirs_exist_ok=True)

    assert Message.objects.count() == 2
    sealed = [
        (kind, name, row)
        for kind, names in {
            Conversation: ["title"],
            Message: ["content", "thinking", "html", "retrieval"],
            Summary: ["text"],
            Citation: ["quoted", "document_name"],
            Document: ["name"],
            Page: ["text"],
            Chunk: ["content", "heading"],
        }.items()
        for row in kind.objects.all()
        for name in names
        if kind.objects.filter(pk=row.pk).values_list(name, flat=True).get()
    ]
    assert len(sealed) > 20
    for _kind, name, row in sealed:
        with pytest.raises(KeyErased):
            getattr(row, name)
    with pytest.raises(KeyErased):
        blobs.open_blob(version.blob, owner_id=world.owner.pk)
    with pytest.raises(KeyErased):
        page_images.page_image(DocumentVersion.objects.get(document=world.pdf), 1)
    with pytest.raises(KeyErased):
        retrieval.search(user_id=world.owner.pk, query=world.phrases.text_file)
    # Nor by any other key that is left.
    for other in _keys_left():
        for kind, name, row in sealed:
            value = kind.objects.filter(pk=row.pk).values_list(name, flat=True).get()
            identity = [getattr(row, field) for field in kind.sealed_identity]
            with monkeypatch.context() as patch:
                patch.setattr(keys, "of", lambda *_, other=other, **__: keys.OwnerKeys(other))
                with pytest.raises(Forged):
                    kind.unsealed(name, value, *identity, owner_id=world.owner.pk)

    # The person, were the account to come back, is told so.
    page = world.page.get("/documents/")
    assert page.status_code == 410
    assert "erased with the account" in page.content.decode()


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
