"""Files of ChatGPT, Open WebUI and this product come in: with their trees, times and models, once, and what is broken
is named."""

import io
import json
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.audit.models import AuditEvent
from accounts.models import User
from accounts.tenancy import acting_as
from chats import conversation as conversations
from chats.exchange import asking, reading, storing, tasks, working, writing
from chats.exchange.models import ExchangeJob, Origin
from chats.models import Citation, Conversation, ConversationTag, Folder, Message, Tag
from tests.chats.exchange.conftest import Take
from tests.chats.exchange.samples import HOUR, as_file, chatgpt, openwebui, zipped

pytestmark = pytest.mark.django_db


def tree(conversation: Conversation) -> list[Any]:
    """The tree without ids: role, text, model, moment, and what is below."""

    def below(parent: Any) -> list[Any]:
        found = Message.objects.filter(conversation=conversation, parent=parent).order_by("created_at", "id")
        return [(m.role, m.content, m.thinking, m.answered_by, m.created_at, m.rating, below(m)) for m in found]

    return below(None)


def texts(branch: list[Any]) -> list[Any]:
    return [(found[1], texts(found[-1])) for found in branch]


class TestChatGPT:
    def test_branches_times_and_models_are_kept(self, take: Take) -> None:
        job = take(as_file([chatgpt()]))
        assert (job.status, job.imported, job.broken, job.error_text) == ("done", 1, 0, "")
        chat = Conversation.objects.get()
        assert chat.title == "Herons"
        assert chat.created_at == datetime.fromtimestamp(HOUR, UTC)
        assert chat.updated_at == datetime.fromtimestamp(HOUR + 6, UTC)
        assert texts(tree(chat)) == [
            ("Where do herons nest?", [("In trees.", [("Which trees?", [("Tall ones.", [])])]), ("In colonies.", [])])
        ]
        second = chat.messages.get(model="o3")
        assert second.answered_by == "o3"
        assert second.created_at == datetime.fromtimestamp(HOUR + 3, UTC)
        assert chat.active_leaf == second

    def test_an_answer_in_several_nodes_becomes_one(self, take: Take) -> None:
        entry = chatgpt()
        mapping = entry["mapping"]
        thoughts = {"content_type": "thoughts", "thoughts": [{"summary": "Trees", "content": "They are tall."}]}
        mapping["q2"]["children"] = ["t"]
        mapping["t"] = {**json.loads(json.dumps(mapping["a3"])), "id": "t", "parent": "q2", "children": ["call"]}
        mapping["t"]["message"]["content"] = thoughts
        mapping["call"] = {**json.loads(json.dumps(mapping["a3"])), "id": "call", "parent": "t", "children": ["out"]}
        mapping["call"]["message"] |= {
            "content": {"content_type": "code", "language": "unknown", "text": "1 + 1"},
            "recipient": "python",
        }
        mapping["out"] = {**json.loads(json.dumps(mapping["a3"])), "id": "out", "parent": "call", "children": ["a3"]}
        mapping["out"]["message"] |= {
            "author": {"role": "tool", "name": "python"},
            "content": {"content_type": "execution_output", "text": "2"},
        }
        mapping["a3"]["parent"] = "out"
        take(as_file([entry]))
        (question,) = [m for m in Message.objects.filter(role="user") if m.content == "Which trees?"]
        answer = question.children.get()
        assert answer.content == "```python\n1 + 1\n```\n\n```text\n2\n```\n\nTall ones."
        assert answer.thinking == "Trees\n\nThey are tall."
        assert not answer.children.exists()

    @pytest.mark.parametrize("name", ["conversations.json", "export/conversations-000.json"])
    def test_the_list_is_found_in_the_zip(self, take: Take, name: str) -> None:
        job = take(zipped({"chat.html": b"<html>", "user.json": b"{}", name: as_file([chatgpt()])}))
        assert (job.status, job.imported) == ("done", 1)

    def test_a_zip_without_the_list_says_so(self, take: Take) -> None:
        job = take(zipped({"photo.png": b"x"}))
        assert job.status == "failed"
        assert "no conversations.json" in job.error_text


class TestOpenWebUI:
    def test_branches_times_models_and_what_else_there_is(self, take: Take) -> None:
        job = take(as_file([openwebui()]))
        assert (job.imported, job.broken) == (1, 0)
        chat = Conversation.objects.get()
        assert (chat.title, chat.system_prompt, chat.model) == ("Kettles", "Be brief.", "llama3.2:3b")
        assert chat.parameters == {"temperature": 0.4, "context": 4096}
        assert chat.archived_at == chat.pinned_at == chat.updated_at == datetime.fromtimestamp(HOUR + 9, UTC)
        assert [tagged.tag.name for tagged in chat.tagged.all()] == ["kitchen"]
        assert texts(tree(chat)) == [("What is a kettle made of?", [("Copper [1].", []), ("Steel.", [])])]
        first = chat.active_leaf
        assert first is not None
        assert (first.thinking, first.answered_by, first.rating) == ("Copper & tin", "llama3.2:3b", 1)
        assert first.created_at == datetime.fromtimestamp(HOUR + 2, UTC)
        citation = Citation.objects.get()
        assert (citation.document_name, citation.page, citation.quoted) == ("kettles.pdf", 4, "Kettles are copper.")

    def test_the_page_of_it_opens_with_its_source(self, take: Take, client: Client, owner: User) -> None:
        take(as_file([openwebui()]))
        chat = Conversation.objects.get()
        client.force_login(owner)
        page = client.get(f"/chats/{chat.pk}").content.decode()
        assert 'data-citation="1"' in page
        assert (
            "kettles.pdf" in client.get(f"/chats/{chat.pk}/messages/{chat.active_leaf_id}/citations/1").content.decode()
        )


class TestThereAndBack:
    @pytest.fixture
    def rich(self, owner: User) -> Conversation:
        with acting_as(owner):
            chat = conversations.start(owner, model="m")
            first = conversations.post_message(chat, "First?")
            Message.objects.filter(pk=first.answer.pk).update(status="done", answered_by="m", rating=-1)
            conversations.regenerate(Message.objects.get(pk=first.answer.pk), model="other")
            Message.objects.filter(status="queued").update(status="stopped")
            conversations.switch_branch(first.answer)
            Citation.objects.create(message=first.answer, number=2, document_name="d", page=3, quoted="q", score=0.5)
            Conversation.objects.filter(pk=chat.pk).update(folder=Folder.objects.create(owner=owner, name="Work"))
            ConversationTag.objects.create(conversation=chat, tag=Tag.objects.create(owner=owner, name="new"))
            return Conversation.objects.get(pk=chat.pk)

    def test_another_account_gets_the_same(self, rich: Conversation, take: Take, stranger: User, owner: User) -> None:
        with acting_as(owner):
            before = writing.whole(rich, writing.messages_of(rich))
            content = b"".join(writing.json_parts([rich]))
        job = take(content, stranger)
        assert (job.imported, job.error_text) == (1, "")
        with acting_as(stranger):
            copy = Conversation.objects.get(owner=stranger)
            after = writing.whole(copy, writing.messages_of(copy))
        assert _without_ids(after) == _without_ids(before)
        assert len(after["messages"]) == 3

    def test_ones_own_file_adds_nothing(self, rich: Conversation, take: Take, owner: User) -> None:
        with acting_as(owner):
            content = b"".join(writing.json_parts([rich]))
        job = take(content)
        assert (job.imported, job.known) == (0, 1)
        assert Conversation.objects.count() == 1


def _without_ids(chat: dict[str, Any]) -> dict[str, Any]:
    """Ids by their place in the file."""
    places = {message["id"]: index for index, message in enumerate(chat["messages"])}
    messages = [{**m, "id": places[m["id"]], "parent": places.get(m["parent"])} for m in chat["messages"]]
    return {**chat, "id": 0, "messages": messages, "shown_up_to": places.get(chat["shown_up_to"])}


class TestTwice:
    def test_the_same_file_gives_nothing_double(self, take: Take) -> None:
        content = as_file([chatgpt(), openwebui()])
        first, second = take(content), take(content)
        assert (first.imported, first.known) == (2, 0)
        assert (second.imported, second.known) == (0, 2)
        assert (Conversation.objects.count(), Message.objects.count()) == (2, 8)

    def test_two_people_import_the_same_file(self, take: Take, stranger: User) -> None:
        assert take(as_file([chatgpt()])).imported == 1
        assert take(as_file([chatgpt()]), stranger).imported == 1
        first, second = Origin.objects.values_list("fingerprint", flat=True)
        assert bytes(first) != bytes(second)

    def test_what_was_deleted_comes_back(self, take: Take, owner: User) -> None:
        take(as_file([chatgpt()]))
        with acting_as(owner):
            conversations.delete(Conversation.objects.get())
        assert take(as_file([chatgpt()])).imported == 1
        assert Conversation.objects.get().deleted_at is None


class TestDamage:
    def test_a_broken_entry_is_named_and_the_rest_is_imported(self, take: Take) -> None:
        circle = chatgpt("c-2", "Round")
        circle["mapping"]["root"]["parent"] = "a3"
        job = take(as_file([chatgpt(), circle, "no chat", {"title": "Strange"}, openwebui()]))
        assert (job.status, job.imported, job.broken) == ("done", 2, 3)
        assert [(r["number"], r["title"], r["why"]) for r in job.remarks] == [
            (2, "Round", "its messages follow each other in a circle"),
            (3, "", "it is no chat"),
            (4, "Strange", "it has none of the forms that are known here"),
        ]

    def test_a_file_that_breaks_off_keeps_what_came_before(self, take: Take) -> None:
        job = take(as_file([chatgpt(), openwebui()])[:-300])
        assert (job.status, job.imported) == ("done", 1)
        assert "cut off" in job.error_text

    @pytest.mark.parametrize("content", [b"hello", b"\xff\xfe\x00", b"{", b"[", b"null", b"PK\x03\x04broken"])
    def test_what_is_no_export_says_so(self, take: Take, content: bytes) -> None:
        job = take(content)
        assert job.status == "failed"
        assert job.error_text
        assert not Conversation.objects.exists()

    def test_what_is_nested_too_deeply_is_left_out(self, take: Take) -> None:
        bomb = b'{"title": "Deep", "mapping": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}"
        job = take(b"[" + bomb + b"," + as_file(chatgpt()) + b"]")
        assert (job.imported, job.broken) == (1, 1)
        assert job.remarks[0]["why"] == "it is nested too deeply"

    def test_a_zip_that_unpacks_to_too_much_ends(self, take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "_UNPACKED", 1_000_000)
        job = take(zipped({"conversations.json": b"[" + b" " * 2_000_000 + as_file(chatgpt()) + b"]"}))
        assert job.status == "failed"
        assert "unpacks to more" in job.error_text

    def test_two_thousand_turns_below_each_other(self, take: Take) -> None:
        entry = chatgpt()
        above = "a3"
        for index in range(2_000):
            entry["mapping"][f"n{index}"] = {
                **json.loads(json.dumps(entry["mapping"]["q2"])), "id": f"n{index}", "parent": above, "children": [],
            }  # fmt: skip
            entry["mapping"][above]["children"] = [f"n{index}"]
            above = f"n{index}"
        entry["current_node"] = above
        assert take(as_file([entry])).imported == 1
        assert Message.objects.count() == 2_005


class TestKilled:
    def test_whoever_takes_over_goes_on_behind_what_is_done(
        self, owner: User, transactional_db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with acting_as(owner):
            chats = [chatgpt(f"c-{index}", f"Chat {index}") for index in range(5)]
            job = asking.take_in(owner, SimpleUploadedFile("c.json", as_file(chats)))
        store, done = storing.store, []

        def dies(chat: Any, *others: Any) -> bool:
            if len(done) == 3:
                raise SystemExit
            done.append(chat.title)
            return store(chat, *others)

        monkeypatch.setattr(storing, "store", dies)
        with pytest.raises(SystemExit):
            working.do(job.pk)
        monkeypatch.setattr(storing, "store", lambda chat, *others: done.append(chat.title) or store(chat, *others))
        ExchangeJob.objects.filter(pk=job.pk).update(lease_until=datetime(2020, 1, 1, tzinfo=UTC))
        tasks.do_exchange(str(job.pk))
        job.refresh_from_db()
        assert (job.status, job.imported, job.known) == ("done", 5, 0)
        assert done == [f"Chat {index}" for index in range(5)]
        assert Conversation.objects.count() == 5


class TestTheUpload:
    def test_it_is_sealed_and_gone_afterwards(self, owner: User, transactional_db: None) -> None:
        with acting_as(owner):
            job = asking.take_in(owner, SimpleUploadedFile("c.json", as_file([chatgpt()])))
        assert b"herons" not in default_storage.open(job.file).read()
        working.do(job.pk)
        assert not default_storage.exists(job.file)
        job.refresh_from_db()
        assert job.file == ""
        event = AuditEvent.objects.get(action="data.imported")
        assert event.user_id == owner.pk
        assert event.details == {"imported": 1, "continued": 0, "known": 0, "broken": 0}

    def test_by_the_page(self, client: Client, owner: User, transactional_db: None) -> None:
        client.force_login(owner)
        answer = client.post("/settings/exchange/import", {"file": io.BytesIO(as_file([chatgpt()]))})
        assert answer.status_code == 302
        page = client.get("/settings/exchange").content.decode()
        assert "It waits for its turn" in page
        again = client.post("/settings/exchange/import", {"file": io.BytesIO(as_file([chatgpt()]))})
        assert again.status_code == 409
        assert "was not taken" in again.content.decode()
        working.do(ExchangeJob.objects.get().pk)
        assert "1 chat imported" in client.get("/settings/exchange", headers={"HX-Request": "true"}).content.decode()

    def test_it_can_be_removed_from_the_list_when_it_is_done(
        self, client: Client, owner: User, transactional_db: None
    ) -> None:
        client.force_login(owner)
        client.post("/settings/exchange/import", {"file": io.BytesIO(as_file([chatgpt()]))})
        job = ExchangeJob.objects.get()
        client.post(f"/settings/exchange/{job.pk}/forget")
        assert ExchangeJob.objects.exists()
        working.do(job.pk)
        client.post(f"/settings/exchange/{job.pk}/forget")
        assert not ExchangeJob.objects.exists()
        forgotten = AuditEvent.objects.get(action="data.import_forgotten")
        assert (forgotten.user_id, forgotten.resource_id) == (owner.pk, str(job.pk))

    def test_a_plain_form_with_its_token_and_one_without(self, owner: User) -> None:
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(owner)
        browser.get("/settings/exchange")
        token = browser.cookies["csrftoken"].value
        assert browser.post("/settings/exchange/import", {"file": io.BytesIO(as_file([chatgpt()]))}).status_code == 403
        assert not ExchangeJob.objects.exists()
        form = {"file": io.BytesIO(as_file([chatgpt()])), "csrfmiddlewaretoken": token}
        assert browser.post("/settings/exchange/import", form).status_code == 302
        assert ExchangeJob.objects.exists()

    def test_no_file_and_a_large_one(self, client: Client, owner: User, settings: Any) -> None:
        client.force_login(owner)
        assert client.post("/settings/exchange/import").status_code == 422
        settings.UPLOAD_MAX_SIZE = 100
        answer = client.post("/settings/exchange/import", {"file": io.BytesIO(as_file([chatgpt()]))})
        assert answer.status_code == 413
        assert not ExchangeJob.objects.exists()


class TestOut:
    def test_one_as_markdown_and_json(self, client: Client, owner: User, take: Take) -> None:
        take(as_file([chatgpt()]))
        chat = Conversation.objects.get()
        client.force_login(owner)
        text = client.get(f"/chats/{chat.pk}/export.md").getvalue().decode()
        assert "## You\n\nWhere do herons nest?\n\n## o3\n\nIn colonies." in text
        assert "Tall ones" not in text
        whole = json.loads(client.get(f"/chats/{chat.pk}/export.json").getvalue())
        assert whole["format"] == "chatsite-chats"
        assert {m["content"] for m in whole["chats"][0]["messages"]} >= {"Tall ones.", "In colonies."}
        assert AuditEvent.objects.filter(action="data.export_downloaded").count() == 2

    @pytest.mark.parametrize(("form", "names"), [("json", {"chats.json"}), ("markdown", 2)])
    def test_all_by_a_worker(self, client: Client, owner: User, take: Take, form: str, names: Any) -> None:
        take(as_file([chatgpt(), openwebui()]))
        client.force_login(owner)
        assert client.post("/settings/exchange/export", {"form": form}).status_code == 302
        job = ExchangeJob.objects.get(kind="export")
        working.do(job.pk)
        job.refresh_from_db()
        assert (job.status, job.progress_total) == ("done", 2)
        got = client.get(f"/settings/exchange/{job.pk}/file")
        packed = zipfile.ZipFile(io.BytesIO(got.getvalue()))
        assert set(packed.namelist()) == names if isinstance(names, set) else len(packed.namelist()) == names
        job.expires_at = datetime(2020, 1, 1, tzinfo=UTC)
        job.save()
        assert client.get(f"/settings/exchange/{job.pk}/file").status_code == 404
        tasks.sweep()
        assert not default_storage.exists(job.file)
        deleted = AuditEvent.objects.get(action="data.export_deleted")
        assert (deleted.resource_id, deleted.details) == (str(job.pk), {"because": "expired"})

    def test_one_that_is_removed_goes_with_its_file(
        self, client: Client, owner: User, transactional_db: None, take: Take
    ) -> None:
        take(as_file([chatgpt()]))
        client.force_login(owner)
        client.post("/settings/exchange/export", {"form": "json"})
        job = ExchangeJob.objects.get(kind="export")
        working.do(job.pk)
        job.refresh_from_db()
        assert default_storage.exists(job.file)
        client.post(f"/settings/exchange/{job.pk}/forget")
        assert not ExchangeJob.objects.filter(pk=job.pk).exists()
        assert not default_storage.exists(job.file)
        deleted = AuditEvent.objects.get(action="data.export_deleted")
        assert (deleted.user_id, deleted.details) == (owner.pk, {"because": "asked"})

    def test_a_strangers_chat_cannot_be_chosen(self, strangers_page: Client, take: Take, stranger: User) -> None:
        take(as_file([chatgpt()]))
        chat = Conversation.objects.get()
        assert strangers_page.post("/settings/exchange/export", {"form": "json", "chat": chat.pk}).status_code == 404
        assert not ExchangeJob.objects.filter(kind="export").exists()
