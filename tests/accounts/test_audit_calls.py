"""What the audit log sees: every event that the requirements list, as a person's own pages and jobs bring it about."""

import re
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import transaction
from django.test import Client, RequestFactory

from accounts import audit, setup
from accounts.audit import origin, system_use
from accounts.audit.models import AuditEvent
from accounts.audit.sign_in import masked
from accounts.audit.system_use import is_due
from accounts.models import User
from accounts.tenancy import acting_as_system
from chats import answering
from chats import conversation as conversations
from chats.answering import records
from chats.answering.records import Source
from chats.models import Conversation, Folder, Message, Tag
from chatsite.celery import _drop_request_id, _send_request_id, _take_request_id
from documents import models as documents
from documents.models import Document
from tests.accounts.conftest import signed_in
from tests.accounts.phone import Phone, forget_codes
from tests.conftest import PASSWORD
from tests.ollama_server import OllamaServer
from tests.routes import World

pytestmark = pytest.mark.django_db
Action = audit.Action
NEW = "another long passphrase"


def events(action: Action, **fields: Any) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=action, **fields).order_by("pk"))


def the(action: Action, **fields: Any) -> AuditEvent:
    found = events(action, **fields)
    assert len(found) == 1, [event.action for event in AuditEvent.objects.order_by("pk")]
    return found[0]


def sign_in(client: Client, email: str, password: str = PASSWORD) -> Any:
    return client.post("/accounts/login/", {"login": email, "password": password})


class TestSigningIn:
    def test_in_and_out(self, owner: User) -> None:
        client = Client(HTTP_USER_AGENT="Browser/1.0 " + "x" * 300, REMOTE_ADDR="192.0.2.7")
        sign_in(client, owner.email)
        client.post("/accounts/logout/")
        came = the(Action.SIGNED_IN, user_id=owner.pk)
        assert came.address == "192.0.2.7"
        assert came.agent.startswith("Browser/1.0 xxx")
        assert len(came.agent) == 200
        assert re.fullmatch(r"[0-9a-f]{32}", came.request_id)
        assert came.details == {"methods": ["password"]}
        the(Action.SIGNED_OUT, user_id=owner.pk)

    def test_a_failure_names_the_account(self, client: Client, owner: User) -> None:
        sign_in(client, owner.email, "wrong")
        failed = the(Action.SIGN_IN_FAILED)
        assert failed.user_id == owner.pk
        assert failed.details == {"reason": "wrong password"}

    def test_a_failure_without_an_account_names_hardly_anything(self, client: Client, owner: User) -> None:
        sign_in(client, "somebody@company.example", "wrong")
        failed = the(Action.SIGN_IN_FAILED)
        assert failed.user_id is None
        assert failed.details == {"reason": "no such account", "masked": "s***@c***.example"}

    @pytest.mark.parametrize("typed", ["correct horse", "p@ssw0rd", "a@b", "@x.org", "x@y.0rg", ""])
    def test_what_may_be_a_password_is_masked_altogether(self, typed: str) -> None:
        assert masked(typed) == "***"

    def test_a_suspended_person(self, client: Client, owner: User) -> None:
        User.objects.filter(pk=owner.pk).update(is_active=False)
        sign_in(client, owner.email)
        assert the(Action.SIGN_IN_FAILED).details == {"reason": "suspended"}
        assert not events(Action.SIGNED_IN)

    def test_a_lock_out(self, client: Client, owner: User) -> None:
        for _ in range(6):
            sign_in(client, owner.email, "wrong")
        assert the(Action.LOCKED_OUT).user_id == owner.pk
        assert events(Action.SIGN_IN_REFUSED)

    def test_on_all_devices_and_on_one(self, owner: User) -> None:
        client, other = Client(), Client()
        for browser in (client, other):
            sign_in(browser, owner.email)
            browser.get("/settings")
        page = client.get("/settings").content.decode()
        session = re.search(r'action="(/settings/sessions/([0-9a-f-]+)/[a-z-]+)"', page)
        assert session
        client.post(session[1])
        revoked = the(Action.SESSION_REVOKED, user_id=owner.pk)
        assert (revoked.resource_kind, revoked.resource_id) == ("session", session[2])
        client.post("/settings/sign-out-everywhere")
        the(Action.SIGNED_OUT_EVERYWHERE, user_id=owner.pk)


class TestPasswords:
    def test_changed(self, owner: User) -> None:
        form = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
        signed_in(owner).post("/accounts/password/change/", form)
        the(Action.PASSWORD_CHANGED, user_id=owner.pk)

    def test_changed_by_the_operator(self, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("getpass.getpass", lambda prompt: NEW)
        call_command("changepassword", owner.email, stdout=StringIO())
        changed = the(Action.PASSWORD_CHANGED)
        assert (changed.resource_id, changed.details) == (str(owner.pk), {"by": "operator"})

    def test_asked_for_and_chosen_by_a_link(self, client: Client, owner: User, mailoutbox: list[Any]) -> None:
        client.post("/accounts/password/reset/", {"email": owner.email})
        the(Action.PASSWORD_RESET_REQUESTED, user_id=owner.pk)
        link = re.search(r"/accounts/password/reset/key/\S+", mailoutbox[0].body)
        assert link
        form_at = client.get(link[0], follow=True).redirect_chain[-1][0]
        client.post(form_at, {"password1": NEW, "password2": NEW})
        the(Action.PASSWORD_RESET, user_id=owner.pk)


class TestSecondFactor:
    def test_set_up_and_removed(self, owner: User) -> None:
        client = signed_in(owner)
        client.get("/settings/second-factor")
        phone = Phone.scanning(owner)
        client.post("/settings/second-factor", {"code": phone.code()})
        the(Action.TOTP_ENROLLED, user_id=owner.pk)
        client.post("/settings/recovery-codes")
        the(Action.RECOVERY_CODES_MADE, user_id=owner.pk)
        client.post("/settings/second-factor/remove")
        the(Action.TOTP_REMOVED, user_id=owner.pk)

    def test_given_right_and_wrong(self, client: Client, owner: User) -> None:
        phone = Phone.of(owner)
        sign_in(client, owner.email)
        client.post("/accounts/second-step/", {"code": phone.wrong_code()})
        the(Action.TOTP_FAILED, user_id=owner.pk)
        forget_codes(owner)
        client.post("/accounts/second-step/", {"code": phone.code()})
        the(Action.TOTP_VERIFIED, user_id=owner.pk)
        the(Action.SIGNED_IN, user_id=owner.pk)


class TestDocuments:
    def upload(self, client: Client, name: str = "secret plan.txt", content: bytes = b"The kettle.\n") -> Any:
        return client.post("/documents/upload", {"files": SimpleUploadedFile(name, content)}, follow=True)

    def test_from_upload_to_deletion(self, owner: User) -> None:
        client = signed_in(owner)
        self.upload(client)
        document = Document.objects.get()
        at = f"/documents/{document.pk}"
        uploaded = the(Action.DOCUMENT_UPLOADED, user_id=owner.pk)
        assert (uploaded.resource_kind, uploaded.resource_id) == ("document", str(document.pk))
        assert uploaded.details == {"size": 12, "media_type": "text/plain"}
        assert b"kettle" in client.get(f"{at}/file").getvalue()
        Document.objects.update(status=Document.Status.FAILED)
        client.post(f"{at}/retry")
        client.post(f"{at}/rename", {"name": "secret draft"})
        client.post(f"{at}/delete")
        for action in (
            Action.DOCUMENT_DOWNLOADED, Action.DOCUMENT_RETRIED, Action.DOCUMENT_RENAMED, Action.DOCUMENT_DELETED,
        ):  # fmt: skip
            the(action, user_id=owner.pk, resource_id=str(document.pk))
        assert not [event for event in AuditEvent.objects.all() if "secret" in str(vars(event))]

    def test_versions(self, owner: User) -> None:
        client = signed_in(owner)
        self.upload(client)
        document = Document.objects.get()
        Document.objects.update(status=Document.Status.READY, current_version=document.versions.get())
        newer = {"files": SimpleUploadedFile("secret plan.txt", b"The pot.\n"), "replaces": str(document.pk)}
        client.post("/documents/upload", newer)
        added = the(Action.DOCUMENT_VERSION_ADDED, user_id=owner.pk, resource_id=str(document.pk))
        assert added.details == {"version": 2, "size": 9, "media_type": "text/plain"}
        client.post(f"/documents/{document.pk}/versions/drop")
        dropped = the(Action.DOCUMENT_VERSION_DROPPED, user_id=owner.pk, resource_id=str(document.pk))
        assert dropped.details == {"versions": 1}
        self.upload(client, "another secret.txt", b"The pan.\n")
        other = Document.objects.exclude(pk=document.pk).get()
        client.post("/documents/versions", {"pair": f"{other.pk}.{document.pk}"})
        joined = events(Action.DOCUMENT_VERSION_ADDED, resource_id=str(document.pk))[1]
        assert joined.details == {"joined": str(other.pk)}
        assert not [event for event in AuditEvent.objects.all() if "secret" in str(vars(event))]

    def test_tags(self, owner: User) -> None:
        client = signed_in(owner)
        self.upload(client)
        document = Document.objects.get()
        several = {"document": str(document.pk)}
        client.post("/documents/several", {**several, "put": "new", "new_tag": "secret kind"})
        tag = documents.Tag.objects.get()
        client.post(f"/documents/tags/{tag.pk}/rename", {"name": "secret sort"})
        client.post("/documents/several", {**several, "take": str(tag.pk)})
        client.post(f"/documents/tags/{tag.pk}/delete")
        for action in (
            Action.DOCUMENT_TAG_CREATED, Action.DOCUMENT_TAG_RENAMED, Action.DOCUMENT_TAG_DELETED,
        ):  # fmt: skip
            the(action, user_id=owner.pk, resource_id=str(tag.pk))
        for action in (Action.DOCUMENT_TAGGED, Action.DOCUMENT_UNTAGGED):
            event = the(action, user_id=owner.pk, resource_id=str(document.pk))
            assert event.details == {"tag": str(tag.pk)}
        assert not [event for event in AuditEvent.objects.all() if "secret" in str(vars(event))]

    def test_a_collection(self, owner: User) -> None:
        client = signed_in(owner)
        client.post("/documents/collections", {"name": "secret shelf"})
        collection = documents.Collection.objects.get()
        client.post(f"/documents/collections/{collection.pk}/delete")
        for action in (Action.COLLECTION_CREATED, Action.COLLECTION_DELETED):
            event = the(action, user_id=owner.pk)
            assert (event.resource_kind, event.resource_id) == ("collection", str(collection.pk))
            assert "secret" not in str(vars(event))

    def test_a_refused_upload(self, owner: User) -> None:
        self.upload(signed_in(owner), "secret.exe", b"MZ\x90\x00" + b"\0" * 100)
        refused = the(Action.DOCUMENT_REFUSED, user_id=owner.pk)
        assert refused.details["because"]
        assert "secret" not in str(vars(refused))


class TestChats:
    @pytest.fixture
    def chat(self, owner: User) -> Conversation:
        return conversations.start(owner, use_documents=False)

    def test_from_the_first_question_to_deletion(self, owner: User) -> None:
        client = signed_in(owner)
        client.post("/chats", {"content": "What is the secret plan?", "model": "ollama/one"})
        chat = Conversation.objects.get()
        at = f"/chats/{chat.pk}"
        the(Action.CHAT_STARTED, user_id=owner.pk, resource_id=str(chat.pk))
        asked = the(Action.CHAT_ASKED, user_id=owner.pk, resource_id=str(chat.pk))
        answer = Message.objects.get(role="assistant")
        question = Message.objects.get(role="user")
        assert asked.details == {"question": str(question.pk), "answer": str(answer.pk), "model": "ollama/one"}
        client.post(f"{at}/messages/{answer.pk}/stop")
        client.post(f"{at}/messages/{answer.pk}/continue")
        conversations.stop(answer)
        client.post(f"{at}/messages/{answer.pk}/regenerate", {"model": "ollama/two"})
        client.post(f"{at}/rename", {"title": "The secret"})
        client.post(f"{at}/messages", {"content": "More of the secret?", "model": "ollama/three"})
        client.post(f"{at}/delete")
        client.post(f"{at}/restore")
        for action in (
            Action.CHAT_CONTINUED, Action.CHAT_REGENERATED, Action.CHAT_RENAMED, Action.CHAT_CONFIGURED,
            Action.CHAT_DELETED, Action.CHAT_RESTORED,
        ):  # fmt: skip
            the(action, user_id=owner.pk, resource_id=str(chat.pk))
        assert len(events(Action.CHAT_STOPPED, user_id=owner.pk)) == 2
        assert not [event for event in AuditEvent.objects.all() if "secret" in str(vars(event))]

    def test_what_a_refused_question_leaves_is_nothing(self, chat: Conversation) -> None:
        conversations.post_message(chat, "one")
        with pytest.raises(conversations.StillWriting):
            conversations.post_message(chat, "two")
        the(Action.CHAT_ASKED)

    def test_recording_a_question_is_one_statement_more(
        self, chat: Conversation, django_assert_num_queries: Callable[..., Any]
    ) -> None:
        with django_assert_num_queries(6) as queries:
            conversations.post_message(chat, "one")
        assert sum("audit_event" in query["sql"] for query in queries) == 1

    def test_an_answer_names_the_documents_that_it_was_given(self, chat: Conversation) -> None:
        world = World.of(chat.owner)
        document, version = world.document, world.version
        answer = conversations.post_message(chat, "one").answer
        job = records.claim(answer.pk, "worker")
        assert job
        given = [
            Source(
                number=n, chunk_id=1, version_id=str(version.pk), document_name="secret", page=1, heading="", text="x"
            )
            for n in (1, 2)
        ]
        records.settle(
            job, "worker", Message.Status.DONE, given=given, cited=[], content="x", answered_by="ollama/one",
            tokens_prompt=20, tokens_completion=5,
        )  # fmt: skip
        event = the(Action.CHAT_ANSWERED, user_id=chat.owner_id, resource_id=str(chat.pk))
        assert event.details == {
            "answer": str(answer.pk), "status": "done", "error": "", "model": "ollama/one", "tokens_prompt": 20,
            "tokens_completion": 5, "documents": [str(document.pk)],
        }  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_an_answer_by_a_worker_is_recorded_with_its_model_and_tokens(owner: User, ollama: OllamaServer) -> None:
    chat = conversations.start(owner, model="ollama/llama3.2:3b", use_documents=False)
    answer = conversations.post_message(chat, "one").answer
    answering.answer(answer.pk)
    event = the(Action.CHAT_ANSWERED, user_id=owner.pk)
    assert event.details["model"] == "ollama/llama3.2:3b"
    assert event.details["tokens_completion"] == 120
    assert event.details["status"] == "done"


class TestFoldersAndTagsOfChats:
    @pytest.mark.parametrize(
        ("kind", "actions"),
        [
            ("folder", [Action.FOLDER_CREATED, Action.FOLDER_RENAMED, Action.FOLDER_DELETED]),
            ("tag", [Action.TAG_CREATED, Action.TAG_RENAMED, Action.TAG_DELETED]),
        ],
    )
    def test_made_named_and_deleted(self, owner: User, kind: str, actions: list[Action]) -> None:
        client, chat = signed_in(owner), Conversation.objects.create(owner=owner, title="secret chat")
        verb = {"folder": "move", "tag": "tag"}[kind]
        client.post(f"/chats/{chat.pk}/organise/{verb}", {kind: "new", "new": "secret things"})
        label = {"folder": Folder, "tag": Tag}[kind].objects.get()
        client.post(f"/chats/{kind}s/{label.pk}/rename", {"name": "secret matters"})
        client.post(f"/chats/{kind}s/{label.pk}/delete")
        for action in actions:
            event = the(action, user_id=owner.pk)
            assert (event.resource_kind, event.resource_id) == (kind, str(label.pk))
        assert events(actions[2])[0].details["chats"] == 1
        assert not [event for event in AuditEvent.objects.all() if "secret" in str(vars(event))]


class TestAdministration:
    def test_what_is_done_to_an_account(self, people: dict[str, User]) -> None:
        client, target = signed_in(people["super_admin"]), people["user"]
        page = f"/admin/accounts/user/{target.pk}/change/"
        for form in (
            {"do": "role", "role": "viewer"},
            {"do": "profile", "email": "moved@example.org", "name": "Moved"},
            {"do": "password_link"},
            {"do": "sign_out_everywhere"},
            {"do": "suspend"},
            {"do": "reactivate"},
        ):
            client.post(page, form)
        by = people["super_admin"].pk
        changed = the(Action.ROLE_CHANGED, user_id=by, resource_id=str(target.pk))
        assert (changed.details["before"], changed.details["role"]) == ("user", "viewer")
        for action in (
            Action.USER_CHANGED, Action.EMAIL_CHANGED, Action.USER_PASSWORD_LINK, Action.USER_SIGNED_OUT,
            Action.USER_SUSPENDED, Action.USER_REACTIVATED,
        ):  # fmt: skip
            the(action, user_id=by, resource_id=str(target.pk))
        assert "moved" not in str([event.details for event in AuditEvent.objects.all()]).lower()

    def test_looking_at_others_metadata(self, people: dict[str, User]) -> None:
        document, client = World.of(people["user"]).document, signed_in(people["admin"])
        for address, kind, identifier in (
            ("/admin/accounts/user/", "user", ""),
            (f"/admin/accounts/user/{people['user'].pk}/change/", "user", str(people["user"].pk)),
            ("/admin/documents/document/", "document", ""),
            (f"/admin/documents/document/{document.pk}/change/", "document", str(document.pk)),
        ):
            assert client.get(address).status_code == 200
            the(Action.METADATA_READ, user_id=people["admin"].pk, resource_kind=kind, resource_id=identifier)

    def test_the_first_administrator_by_link(self, client: Client) -> None:
        path = setup.new_link_path()
        the(Action.SET_UP_LINK_MADE)
        client.post(path, {"email": "first@example.org", "name": "", "password": NEW, "password_again": NEW})
        made = the(Action.ADMINISTRATOR_SET_UP)
        assert made.user_id == User.objects.get(email="first@example.org").pk
        assert made.details == {"by": "link"}

    def test_the_first_administrator_by_settings(self, db: None, settings: Any) -> None:
        settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "first@example.org", NEW
        setup.create_from_settings()
        assert the(Action.ADMINISTRATOR_SET_UP).details == {"by": "settings"}


class TestSystemUse:
    @pytest.fixture(autouse=True)
    def _told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(system_use, "is_due", is_due)
        monkeypatch.setattr(system_use, "_told", {"a test": float("inf")})

    def test_each_reason_is_recorded_once_an_hour(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def use(reason: str) -> None:
            with acting_as_system(reason):
                User.objects.exists()

        for _ in range(3):
            use("look for one thing")
            use("look for another")
        told = events(Action.SYSTEM_ACTED)
        assert [event.details["reason"] for event in told] == ["look for one thing", "look for another"]
        assert all(event.details["process"] and event.user_id is None for event in told)
        monkeypatch.setattr(system_use, "EVERY", 0.0)
        use("look for one thing")
        assert len(events(Action.SYSTEM_ACTED)) == 3

    def test_what_was_undone_is_told_again(self) -> None:
        for is_undone in (True, False):
            with transaction.atomic(), acting_as_system("look for one thing"):
                User.objects.exists()
                transaction.set_rollback(is_undone)
        assert len(events(Action.SYSTEM_ACTED)) == 1

    def test_who_asks_nothing_is_not_recorded(self) -> None:
        with acting_as_system("nothing to do"):
            pass
        assert not events(Action.SYSTEM_ACTED)


class TestOrigin:
    def test_a_job_comes_from_where_its_request_came_from(self, owner: User) -> None:
        sent: dict[str, Any] = {}
        came = origin.Origin(address="192.0.2.7", agent="Browser/1.0", request_id="r" * 32)

        origin.take(came.as_header())
        _send_request_id(headers=sent)
        assert came.address not in str(sent)
        assert "Browser" not in str(sent)
        assert came.agent not in str(sent)
        origin.drop()
        assert origin.current() == origin.NOWHERE
        task = type("Task", (), {"request": sent})
        _take_request_id("task-id", task)
        audit.record(Action.CHAT_ASKED)
        _drop_request_id()
        event = the(Action.CHAT_ASKED)
        assert (event.address, event.agent, event.request_id) == (came.address, came.agent, came.request_id)

    def test_one_that_was_forged_is_left_out(self) -> None:
        for header in ("nonsense", "AQ==", "A" * 100):
            origin.take(header, request_id="own")
            assert origin.current() == origin.Origin(request_id="own")
        origin.drop()

    def test_behind_a_trusted_proxy_it_is_the_one_that_the_proxy_names(self, owner: User, settings: Any) -> None:
        client = Client(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.9, 192.0.2.7")
        sign_in(client, owner.email)
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
        sign_in(client, owner.email, "wrong")
        assert the(Action.SIGNED_IN).address == "10.0.0.1"
        client.post("/accounts/logout/")
        assert the(Action.SIGNED_OUT).address == "192.0.2.7"

    def test_an_address_or_agent_that_is_none_is_left_out(self, owner: User) -> None:
        Client(REMOTE_ADDR="", HTTP_USER_AGENT="a\0b").force_login(owner)
        came = the(Action.SIGNED_IN)
        assert (came.address, came.agent) == ("", "")
        request = RequestFactory(REMOTE_ADDR="unix:", HTTP_USER_AGENT="a\0b").get("/")
        audit.record(Action.CHAT_ASKED, request=request)
        asked = the(Action.CHAT_ASKED)
        assert (asked.address, asked.agent) == ("", "ab")
