"""Pictures for a question that is being written: added one by one, shown, removed, sent, and swept if they are not."""

import shutil
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from accounts.audit import Action
from accounts.audit.models import AuditEvent
from accounts.limits import quotas
from accounts.models import User
from chats import conversation as conversations
from chats.editing import asking_anew
from chats.images import attaching, keeping
from chats.images.models import Picture
from chats.models import Conversation, Message
from documents import blobs, sweeping
from tests.chats.conftest import answered
from tests.library.conftest import files_on_disk

from .conftest import BLIND, HTMX, SEEING, Add, image, upload

pytestmark = pytest.mark.django_db(transaction=True)


def only() -> Picture:
    picture: Picture = Picture.objects.get()
    return picture


def files_of(picture: Picture) -> list[Path]:
    return list(Path(default_storage.path(picture.blob)).glob("*"))


# --- Adding -------------------------------------------------------------------------------------------------------


def test_a_picture_waits_with_its_preview(page: Client, owner: User) -> None:
    response = upload(page, image(), "the ferry.png")
    picture = only()
    assert response.status_code == 201
    html = response.content.decode()
    assert f'name="pictures" value="{picture.pk}"' in html
    assert f'src="/images/{picture.pk}?small" alt="the ferry.png"' in html
    assert (picture.owner, picture.message, picture.width, picture.height) == (owner, None, 320, 200)
    shown = page.get(f"/images/{picture.pk}?small")
    assert shown["Content-Type"] == "image/jpeg"
    assert shown.content.startswith(b"\xff\xd8\xff")
    assert page.get(f"/images/{picture.pk}").content.startswith(b"\x89PNG")


def test_it_lies_sealed_and_its_name_nowhere(page: Client, owner: User) -> None:
    upload(page, image(), "a secret harbour.png")
    stored = files_of(only())
    assert len(stored) == 2
    for path in stored:
        content = path.read_bytes()
        assert b"PNG" not in content
        assert b"JFIF" not in content
        assert "harbour" not in str(path)


def test_a_refused_picture_says_why_and_leaves_nothing(page: Client) -> None:
    before = files_on_disk()
    response = upload(page, b"just words", "words.png")
    assert response.status_code == 422
    assert "no picture that can be shown" in response.content.decode()
    assert not Picture.objects.exists()
    assert files_on_disk() == before


def test_a_file_that_is_too_large_is_refused_while_it_arrives(page: Client, settings: Any) -> None:
    settings.IMAGE_MAX_SIZE = 1000
    settings.IMAGE_MAX_SIZE_MB = 1
    response = upload(page, image((600, 600), form="BMP"), "large.bmp")
    assert response.status_code == 422
    assert "larger than 1 MB" in response.content.decode()


def test_nothing_came(page: Client) -> None:
    assert page.post("/images", **HTMX).status_code == 422


def test_without_the_token_of_the_page_nothing_is_added(owner: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner)
    assert upload(browser, image()).status_code == 403
    assert not Picture.objects.exists()


def test_who_may_only_read_adds_nothing(page: Client, owner: User) -> None:
    owner.role = "viewer"
    owner.save()
    assert upload(page, image()).status_code == 403


def test_it_counts_as_storage_and_a_full_account_takes_no_more(page: Client, owner: User, settings: Any) -> None:
    upload(page, image())
    assert quotas.storage(owner).used == only().size > 0
    settings.QUOTA_STORAGE_MB = {"user": 1}
    quotas.count_storage("test", lambda _: 1024 * 1024)
    try:
        response = upload(page, image())
    finally:
        quotas.count_storage("test", lambda _: 0)
    assert response.status_code == 422
    assert "It was not kept; everything else is." in response.content.decode()
    assert Picture.objects.count() == 1


def test_adding_refusing_and_removing_are_recorded_without_names(page: Client) -> None:
    upload(page, image(), "harbour.png")
    upload(page, b"words")
    page.post(f"/images/{only().pk}/remove", **HTMX)
    actions = [Action.CHAT_IMAGE_ADDED, Action.CHAT_IMAGE_REFUSED, Action.CHAT_IMAGE_REMOVED]
    for action in actions:
        event = AuditEvent.objects.get(action=action)
        assert "harbour" not in str(event.details)


# --- Removing and coming back -------------------------------------------------------------------------------------


def test_a_removed_picture_is_gone_with_its_files(page: Client, add: Add) -> None:
    picture, other = add(), add(name="other.png")
    assert page.post(f"/images/{picture.pk}/remove", **HTMX).status_code == 204
    assert only() == other
    assert not files_of(picture)
    assert files_of(other)


def test_a_page_that_is_loaded_again_finds_what_waits(page: Client, add: Add, seeing: Conversation) -> None:
    first, second, sent = add(name="a.png"), add(name="b.png"), add(name="c.png")
    conversations.post_message(seeing, "What?", pictures=[sent])
    query = "&".join(f"id={pk}" for pk in (second.pk, first.pk, sent.pk, uuid.uuid4(), "nonsense"))
    html = page.get(f"/images/waiting?{query}").content.decode()
    assert html.index("b.png") < html.index("a.png")
    assert "c.png" not in html


def test_anothers_picture_is_not_there(strangers_page: Client, add: Add, stranger: User) -> None:
    picture = add()
    assert strangers_page.get(f"/images/{picture.pk}").status_code == 404
    assert strangers_page.post(f"/images/{picture.pk}/remove").status_code == 404
    assert strangers_page.get(f"/images/waiting?id={picture.pk}").content.strip() == b""
    chat = conversations.start(stranger, model=SEEING)
    refused = strangers_page.post(
        f"/chats/{chat.pk}/messages", {"content": "What?", "pictures": [str(picture.pk)]}, **HTMX
    )
    assert refused.status_code == 422
    assert only().message is None


# --- Sending ------------------------------------------------------------------------------------------------------


def test_a_question_takes_its_pictures_along_in_their_order(page: Client, add: Add, seeing: Conversation) -> None:
    pictures = [add(name=name) for name in ("b.png", "a.png")]
    response = page.post(
        f"/chats/{seeing.pk}/messages",
        {"content": "What?", "model": SEEING, "pictures": [str(picture.pk) for picture in pictures]},
        **HTMX,
    )
    question = Message.objects.get(role="user")
    assert response.status_code == 200
    html = response.content.decode()
    base = f"/chats/{seeing.pk}/messages/{question.pk}/images"
    assert html.index(f'src="{base}/1?small" alt="b.png"') < html.index(f'src="{base}/2?small" alt="a.png"')
    assert page.get(f"{base}/1").content.startswith(b"\x89PNG")
    assert page.get(f"{base}/3").status_code == 404
    assert page.get(f"/images/{pictures[0].pk}").status_code == 404
    again = page.get(f"/chats/{seeing.pk}").content.decode()
    assert f'href="{base}/2"' in again


def test_a_first_question_may_be_pictures_alone(page: Client, add: Add, ollama: object, owner: User) -> None:
    picture = add()
    response = page.post("/chats", {"content": " ", "model": SEEING, "pictures": [str(picture.pk)]}, **HTMX)
    assert response.status_code == 204
    assert Message.objects.get(role="user").content == "What is in this picture?"
    assert only().message is not None


@pytest.mark.parametrize("model", [BLIND, "builtin/quote"])
def test_a_model_that_cannot_see_is_refused_before_anything_is_asked(
    page: Client, add: Add, owner: User, ollama: Any, model: str
) -> None:
    chat = conversations.start(owner, model=model)
    picture = add()
    for address in (f"/chats/{chat.pk}/messages", "/chats"):
        response = page.post(address, {"content": "What?", "model": model, "pictures": [str(picture.pk)]}, **HTMX)
        assert response.status_code == 422
        said = response.content.decode()
        assert "cannot see pictures, so nothing was asked. Your text and the picture are kept." in said
        assert "Choose “qwen2.5vl:7b”, which can, or remove them." in said
    assert only().message is None
    assert not Message.objects.exists()
    assert Conversation.objects.count() == 1
    assert not ollama.chats


def test_where_no_model_sees_the_refusal_says_so(page: Client, add: Add, owner: User, settings: Any) -> None:
    picture = add()
    response = page.post("/chats", {"content": "What?", "pictures": [str(picture.pk)]}, **HTMX)
    assert "No model that can is installed" in response.content.decode()


def test_the_wanted_model_is_offered_first(page: Client, ollama: Any, settings: Any) -> None:
    from llms import catalogue

    ollama.models["llava:7b"] = ollama.models["qwen2.5vl:7b"]
    assert [model.name for model in catalogue.vision_models()] == ["qwen2.5vl:7b", "llava:7b"]
    settings.VISION_MODEL = "ollama/llava:7b"
    assert [model.name for model in catalogue.vision_models()] == ["llava:7b", "qwen2.5vl:7b"]
    html = page.get("/").content.decode()
    assert 'data-vision="ollama/llava:7b"' in html
    assert '<option value="ollama/llava:7b" data-sees' in html


def test_more_pictures_than_a_question_may_have(page: Client, add: Add, seeing: Conversation, settings: Any) -> None:
    settings.IMAGES_PER_MESSAGE = 1
    pictures = [str(add().pk), str(add().pk)]
    response = page.post(f"/chats/{seeing.pk}/messages", {"content": "What?", "pictures": pictures}, **HTMX)
    assert response.status_code == 422
    assert "A question can have 1 pictures" in response.content.decode()
    assert not Message.objects.exists()


def test_a_picture_is_sent_once(page: Client, add: Add, seeing: Conversation, owner: User) -> None:
    picture = add()
    answered(seeing)
    conversations.post_message(conversations.start(owner, model=SEEING), "What?", pictures=[picture])
    with pytest.raises(conversations.BadMessage, match="sent from another tab"):
        conversations.post_message(seeing, "What?", pictures=[picture])
    assert Message.objects.filter(conversation=seeing).count() == 2


def test_regenerating_asks_only_who_sees(page: Client, add: Add, seeing: Conversation) -> None:
    answer = conversations.post_message(seeing, "What?", pictures=[add()]).answer
    conversations.stop(answer)
    refused = page.post(f"/chats/{seeing.pk}/messages/{answer.pk}/regenerate", {"model": BLIND}, **HTMX)
    assert refused.status_code == 422
    assert Message.objects.filter(role="assistant").count() == 1
    assert page.post(f"/chats/{seeing.pk}/messages/{answer.pk}/regenerate", **HTMX).status_code == 200


def test_a_question_with_pictures_is_edited_with_them_in_sight_for_a_model_that_sees(
    page: Client, add: Add, seeing: Conversation
) -> None:
    question = conversations.post_message(seeing, "What?", pictures=[add()]).question
    address = f"/chats/{seeing.pk}/messages/{question.pk}/edit"
    form = page.get(address, **HTMX).content.decode()
    assert f"/messages/{question.pk}/images/1?small" in form
    assert 'name="kept" value="1"' in form
    conversations.configure(seeing, model=BLIND)
    refused = page.post(address, {"content": "Where?"}, **HTMX)
    assert refused.status_code == 422
    assert "cannot see pictures" in refused.content.decode()
    conversations.configure(seeing, model=SEEING)
    html = page.post(address, {"content": "Where?"}, **HTMX).content.decode()
    edited = next(message for message in Message.objects.filter(role="user") if message.content == "Where?")
    assert f"/messages/{edited.pk}/images/1?small" in html


def test_an_edited_question_has_the_same_pictures_and_they_are_stored_once(add: Add, seeing: Conversation) -> None:
    question = conversations.post_message(seeing, "What?", pictures=[add(), add(name="b.png")]).question
    stored = keeping.stored_bytes(seeing.owner_id)
    other = asking_anew.edit(question, "Where?").question
    copies = attaching.of_messages([other.pk])[other.pk]
    assert [picture.name for picture in copies] == ["ferry.png", "b.png"]
    assert keeping.stored_bytes(seeing.owner_id) == stored
    Picture.objects.filter(message=question).delete()
    keeping.forget([picture.blob for picture in copies])
    with keeping.opened(copies[0]) as file:
        assert file.read(4) == b"\x89PNG"


def test_an_edited_question_keeps_some_pictures_and_gets_others(
    page: Client, add: Add, seeing: Conversation, settings: Any
) -> None:
    settings.IMAGES_PER_MESSAGE = 3
    question = conversations.post_message(seeing, "What?", pictures=[add(name=f"{n}.png") for n in "abc"]).question
    address = f"/chats/{seeing.pk}/messages/{question.pk}/edit"
    new, other = add(name="new.png"), add(name="other.png")
    form = {"content": "Where?", "chooses_pictures": "1", "kept": ["3", "1", "x", "9"], "pictures": [str(new.pk)]}
    refused = page.post(address, form | {"pictures": [str(new.pk), str(other.pk)]}, **HTMX)
    assert "can have 3 pictures" in refused.content.decode()
    form["kept"] = ["3", "1"]
    assert page.post(address, form, **HTMX).status_code == 200
    assert _named(Message.objects.filter(role="user").latest("created_at")) == ["a.png", "c.png", "new.png"]
    assert _named(question) == ["a.png", "b.png", "c.png"]
    page.post(address, {"content": "Where now?", "chooses_pictures": "1"}, **HTMX)
    assert _named(Message.objects.filter(role="user").latest("created_at")) == []


def test_an_edited_question_takes_no_picture_of_somebody_else(
    page: Client, add: Add, seeing: Conversation, stranger: User
) -> None:
    question = conversations.post_message(seeing, "What?").question
    picture = add()
    Picture.objects.filter(pk=picture.pk).update(owner=stranger)
    form = {"content": "Where?", "chooses_pictures": "1", "pictures": str(picture.pk)}
    refused = page.post(f"/chats/{seeing.pk}/messages/{question.pk}/edit", form, **HTMX)
    assert refused.status_code == 422
    assert Message.objects.filter(role="user").count() == 1


def _named(question: Message) -> list[str]:
    return [picture.name for picture in question.pictures.order_by("number")]


# --- Sweeping -----------------------------------------------------------------------------------------------------


def test_what_was_never_sent_is_swept(add: Add, seeing: Conversation, settings: Any) -> None:
    old, young, sent = add(), add(), add()
    conversations.post_message(seeing, "What?", pictures=[sent])
    long_ago = timezone.now() - timedelta(hours=settings.IMAGE_UNSENT_HOURS + 1)
    Picture.objects.filter(pk__in=[old.pk, sent.pk]).update(created_at=long_ago)
    assert keeping.sweep() == 1
    assert set(Picture.objects.all()) == {young, sent}
    assert not files_of(old)
    assert files_of(young)


def test_files_without_a_row_are_swept_and_others_are_not(
    add: Add, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(Path(default_storage.path("pictures")), ignore_errors=True)
    kept, lost = add(), add()
    Picture.objects.filter(pk=lost.pk).delete()
    assert keeping.sweep() == 0, "a young file may still get its row"
    monkeypatch.setattr(keeping, "_YOUNG", timedelta(seconds=-5))
    monkeypatch.setattr(sweeping, "_YOUNG", timedelta(seconds=-5))
    assert keeping.sweep() == 1
    sweeping.sweep()
    with keeping.opened(kept) as file:
        assert file.read(4) == b"\x89PNG"
    with pytest.raises(FileNotFoundError):
        blobs.open_blob(f"{lost.blob}/full", owner_id=owner.pk)


def test_beat_knows_the_sweep() -> None:
    assert django_settings.CELERY_BEAT_SCHEDULE["sweep-images"]["task"] == "chats.images.tasks.sweep"
