"""Pictures in exports and imports: in our own JSON there and back, beside Markdown, and set in PDF."""

import base64
import io
import json
import zipfile
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pypdf
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from accounts.limits import quotas
from accounts.models import User
from accounts.rights import archive
from accounts.tenancy import acting_as
from chats import conversation as conversations
from chats.exchange import asking, working, writing
from chats.exchange.models import ExchangeJob
from chats.exchange.pdf import making
from chats.images import attaching, keeping
from chats.images.models import Picture
from chats.models import Conversation, Message
from tests.chats.conftest import sealed_in
from tests.chats.images.test_drawing import bomb, with_place

from .conftest import Add, image

pytestmark = pytest.mark.django_db(transaction=True)
Take = Callable[..., ExchangeJob]


@pytest.fixture
def question(add: Add, seeing: Conversation) -> Message:
    pictures = [add(name="pier.png"), add(image((1600, 1000), "orange", "JPEG"), name="a [sunset].jpg")]
    exchange = conversations.post_message(seeing, "Where is this?", pictures=pictures)
    sealed = sealed_in(exchange.answer, content="At the pier.", html="<p>At the pier.</p>")
    Message.objects.filter(pk=exchange.answer.pk).update(status="done", **sealed)
    return exchange.question


@pytest.fixture
def take(stranger: User) -> Take:
    """Somebody else takes a file in."""

    def taken(content: bytes) -> ExchangeJob:
        with acting_as(stranger):
            job = asking.take_in(stranger, SimpleUploadedFile("chats.json", content))
        working.do(job.pk)
        job.refresh_from_db()
        return job

    return taken


def exported(chat: Conversation) -> bytes:
    return b"".join(writing.json_parts([chat]))


def set_as_pdf(question: Message) -> bytes:
    chat = Conversation.objects.get(pk=question.conversation_id)
    return making.pdf(chat, writing.messages_of(chat))


def content_of(picture: Picture, size: keeping.Size = "full") -> bytes:
    with keeping.opened(picture, size) as file:
        return file.read()


def test_our_own_json_goes_there_and_back(question: Message, take: Take, stranger: User, owner: User) -> None:
    job = take(exported(question.conversation))
    assert (job.status, job.imported, job.remarks) == ("done", 1, [])
    theirs = Message.objects.get(owner=stranger, role="user")
    copies = attaching.of_messages([theirs.pk])[theirs.pk]
    assert [(p.number, p.name, p.media_type) for p in copies] == [
        (1, "pier.png", "image/png"),
        (2, "a [sunset].jpg", "image/jpeg"),
    ]
    originals = attaching.of_messages([question.pk])[question.pk]
    assert content_of(copies[0]) == content_of(originals[0])
    assert Image.open(io.BytesIO(content_of(copies[1], "sight"))).size == (1280, 800)
    assert quotas.storage(stranger).used == sum(picture.size for picture in copies)
    assert {picture.blob for picture in copies}.isdisjoint({picture.blob for picture in originals})


def test_a_file_that_is_taken_in_again_keeps_no_second_picture(question: Message, take: Take, stranger: User) -> None:
    content = exported(question.conversation)
    take(content)
    before = keeping.stored_bytes(stranger.pk)
    assert take(content).known == 1
    assert keeping.stored_bytes(stranger.pk) == before
    assert Picture.objects.filter(owner=stranger).count() == 2


def spoiled(content: bytes, *pictures: Any) -> bytes:
    file = json.loads(content)
    file["chats"][0]["messages"][0]["pictures"] = list(pictures)
    return json.dumps(file).encode()


def test_pictures_of_a_file_are_a_stranger_s(question: Message, take: Take, stranger: User) -> None:
    def of(data: bytes) -> dict[str, Any]:
        return {"name": "p.png", "data": base64.b64encode(data).decode()}

    content = spoiled(
        exported(question.conversation),
        of(with_place()),
        of(bomb(60_000, 60_000)),
        {"name": "x", "data": "no base64 at all"},
        {"name": "y", "data": None},
        "nonsense",
        of(b"just words"),
    )
    job = take(content)
    assert (job.status, job.imported, job.broken) == ("done", 1, 0)
    (remark,) = job.remarks
    assert remark["why"] == "3 pictures of it could not be kept, the chat itself is here"
    kept = Picture.objects.get(owner=stranger)
    assert not Image.open(io.BytesIO(content_of(kept))).getexif()


def test_without_room_the_chat_comes_without_its_pictures(question: Message, take: Take, settings: Any) -> None:
    settings.QUOTA_STORAGE_MB = {"user": 1}
    quotas.count_storage("test", lambda _: 1024 * 1024)
    try:
        job = take(exported(question.conversation))
    finally:
        quotas.count_storage("test", lambda _: 0)
    assert job.imported == 1
    assert "2 pictures of it could not be kept" in job.remarks[0]["why"]


def test_an_import_that_is_lost_half_way_leaves_no_files(
    question: Message, take: Take, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chats.exchange import storing

    def broken(*_: object) -> bool:
        raise RuntimeError

    stored: list[str] = []
    forget = keeping.forget
    monkeypatch.setattr(storing, "store", broken)
    monkeypatch.setattr(keeping, "forget", lambda folders: (stored.extend(folders), forget(stored)))
    assert take(exported(question.conversation)).status == "failed"
    assert len(stored) == 2
    assert not Picture.objects.filter(owner=stranger).exists()


def test_more_than_a_file_can_hold_is_named(question: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MOST_PICTURES", 10)
    message = json.loads(exported(question.conversation))["chats"][0]["messages"][0]
    assert [picture["data"] for picture in message["pictures"]] == [None, None]
    assert message["pictures"][0]["name"] == "pier.png"


def test_a_single_markdown_file_holds_its_pictures(page: Client, question: Message) -> None:
    response = page.get(f"/chats/{question.conversation_id}/export.md")
    text = b"".join(response).decode()  # type: ignore[call-overload]
    begin = "![pier.png](data:image/png;base64,"
    assert begin in text
    data = text.partition(begin)[2].partition(")")[0]
    assert base64.b64decode(data).startswith(b"\x89PNG")
    assert "![a sunset.jpg](data:image/jpeg;base64," in text


def test_beside_markdown_in_a_zip_file_they_are_files(question: Message, owner: User) -> None:
    with acting_as(owner):
        job = asking.export(owner, "markdown", [question.conversation])
    working.do(job.pk)
    job.refresh_from_db()
    with closing(archive.open_archive(job.file, owner_id=owner.pk)) as file, zipfile.ZipFile(file) as zipped:
        (text,) = (zipped.read(name).decode() for name in zipped.namelist() if name.endswith(".md"))
        for picture in Picture.objects.filter(message=question):
            name = f"pictures/{keeping.file_name(picture)}"
            assert f"]({name})" in text
            assert zipped.read(name) == content_of(picture)


def test_pdf_shows_them(question: Message) -> None:
    content = set_as_pdf(question)
    pdf = pypdf.PdfReader(io.BytesIO(content))
    images = [image for page in pdf.pages for image in page.images]
    assert {image.image.size for image in images if image.image} == {(320, 200), (1280, 800)}
    assert "Where is this?" in "".join(page.extract_text() for page in pdf.pages)


def test_pdf_names_what_it_cannot_show(question: Message) -> None:
    for picture in Picture.objects.filter(message=question):
        keeping.blobs.delete_folder(picture.blob)
    content = set_as_pdf(question)
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)
    assert "Picture: pier.png" in text
