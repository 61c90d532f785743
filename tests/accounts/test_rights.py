"""What people can ask for: a copy of everything about them, and the end of it."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from accounts import administration
from accounts.audit.models import AuditEvent
from accounts.encryption import keys
from accounts.models import Role, User
from accounts.rights import archive, holdings, requesting, retention, working
from accounts.rights.models import Consent, DataRequest, LegalHold
from accounts.tenancy import acting_as
from chats import conversation
from chats.models import Citation, Conversation, Message
from documents import library
from documents.ingestion import ingest
from documents.models import Document, DocumentVersion

PHRASE = "the heron at the third lock"
DOCUMENT_PHRASE = "forty-one copper kettles"


@pytest.fixture
def furnished(transactional_db: None, owner: User) -> User:
    """Somebody with a chat and a document that was read."""
    with acting_as(owner):
        chat = conversation.start(owner)
        exchange = conversation.post_message(chat, f"Where is {PHRASE}?")
        Message.objects.filter(pk=exchange.answer.pk).update(status=Message.Status.DONE)
        file = SimpleUploadedFile("kettles.txt", f"There are {DOCUMENT_PHRASE}.".encode())
        document = library.add(owner, file)
    ingest(document.pk)
    return owner


def do(request: DataRequest) -> DataRequest:
    working.do(request.pk)
    request.refresh_from_db()
    return request


def files(request: DataRequest) -> dict[str, bytes]:
    with archive.open_archive(request.file, owner_id=request.owner_id) as file:
        packed = zipfile.ZipFile(io.BytesIO(file.read()))
    assert packed.testzip() is None
    return {name: packed.read(name) for name in packed.namelist()}


class TestExport:
    def test_everything_is_in_it(self, furnished: User) -> None:
        request = do(requesting.export(furnished, by=furnished))
        assert (request.status, request.error_text) == (DataRequest.Status.DONE, "")
        found = files(request)
        assert json.loads(found["account/profile.json"])["email"] == furnished.email
        assert found["documents/kettles.txt"] == f"There are {DOCUMENT_PHRASE}.".encode()
        about = json.loads(found["documents/about/kettles.txt.json"])
        assert DOCUMENT_PHRASE in about["versions"][0]["pages"][0]["text"]
        (chat,) = [name for name in found if name.startswith("chats/") and name.endswith(".json")]
        assert PHRASE in json.loads(found[chat])["messages"][0]["content"]
        assert PHRASE in found[chat.removesuffix(".json") + ".md"].decode()
        actions = [event["action"] for event in json.loads(found["account/audit-log.json"])]
        assert "data.export_requested" in actions

    def test_it_lies_sealed(self, furnished: User) -> None:
        request = do(requesting.export(furnished, by=furnished))
        with default_storage.open(request.file, "rb") as file:
            raw = file.read()
        assert b"PK\x03\x04" not in raw
        assert DOCUMENT_PHRASE.encode() not in raw

    def test_two_clicks_make_one(self, furnished: User) -> None:
        assert requesting.export(furnished, by=furnished).pk == requesting.export(furnished, by=furnished).pk

    def test_it_is_done_once(self, furnished: User) -> None:
        request = do(requesting.export(furnished, by=furnished))
        first = request.file
        assert do(request).file == first

    def test_it_is_fetched_by_its_owner_only(self, furnished: User, stranger: User, client: Client) -> None:
        request = do(requesting.export(furnished, by=furnished))
        client.force_login(stranger)
        assert client.get(f"/settings/data/exports/{request.pk}").status_code in {302, 404}
        assert client.post(f"/settings/data/exports/{request.pk}/delete").status_code == 404
        request.refresh_from_db()
        assert request.file

    def test_an_archive_that_ran_out_is_deleted(self, furnished: User) -> None:
        request = do(requesting.export(furnished, by=furnished))
        DataRequest.objects.filter(pk=request.pk).update(expires_at=request.created_at)
        retention.apply()
        assert not default_storage.exists(request.file)
        request.refresh_from_db()
        assert request.file == ""


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("../../etc/passwd", "_/_/etc/passwd"),
        ("/absolute", "absolute"),
        ("a\x00b\u202etxt.exe", "a_b_txt.exe"),
        ("CON.txt", "_CON.txt"),
        ("...", "unnamed"),
        ("Überblick für März.pdf", "Überblick für März.pdf"),
    ],
)
def test_paths_in_an_archive_lead_nowhere_else(typed: str, kept: str) -> None:
    path = archive.safe_path(typed)
    assert ".." not in path.split("/")
    assert not path.startswith("/")
    if "etc" not in typed:
        assert path == kept


def test_equal_names_become_different() -> None:
    taken: dict[str, int] = {}
    assert [archive.unique(name, taken) for name in ("a.txt", "A.txt", "a.txt")] == ["a.txt", "A (2).txt", "a (3).txt"]


def stored_files() -> set[str]:
    root = Path(settings.DATA_DIR) / "files"
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def _everything_in_the_database() -> str:
    found = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            if table not in {"audit_event", "audit_seal", "rights_datarequest"}:
                cursor.execute(f"SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM \"{table}\" AS t")
                found.append(cursor.fetchone()[0])
    return "\n".join(found)


class TestErasure:
    def test_nothing_is_left(self, furnished: User, stranger: User, admin_user: User) -> None:
        with acting_as(stranger):
            conversation.post_message(conversation.start(stranger), "Mine stays.")
        version = DocumentVersion.objects.get(owner=furnished)
        before = stored_files() - {version.blob}
        do(requesting.export(furnished, by=furnished))
        request = do(requesting.erase(furnished))
        assert (request.status, request.error_text) == (DataRequest.Status.DONE, "")
        everything = _everything_in_the_database()
        assert str(furnished.pk) not in everything
        assert furnished.email not in everything
        assert str(stranger.pk) in everything
        assert stored_files() == before
        with pytest.raises(keys.KeyMissing):
            keys.data_key(furnished.pk)

    def test_yesterdays_copy_of_the_rows_can_be_read_no_more(self, furnished: User, admin_user: User) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT content FROM chats_message WHERE owner_id = %s ORDER BY created_at", [furnished.pk])
            yesterday = bytes(cursor.fetchone()[0])
        message = Message.objects.filter(owner_id=furnished.pk).order_by("created_at").first()
        assert message is not None
        assert Message.unsealed("content", yesterday, message.pk, owner_id=furnished.pk) == f"Where is {PHRASE}?"
        do(requesting.erase(furnished))
        keys.forget_cached()
        with pytest.raises(keys.KeyMissing):
            Message.unsealed("content", yesterday, message.pk, owner_id=furnished.pk)

    @pytest.mark.parametrize("dies_in", ["chats", "documents", "account"])
    def test_it_goes_on_after_a_worker_died(
        self, furnished: User, admin_user: User, monkeypatch: pytest.MonkeyPatch, dies_in: str
    ) -> None:
        request = requesting.erase(furnished)
        holding = next(one for one in holdings.every() if one.name == dies_in)
        with monkeypatch.context() as patched:
            patched.setattr(type(holding), "erase", _die)
            working.do(request.pk)
        request.refresh_from_db()
        assert request.status == DataRequest.Status.WORKING
        DataRequest.objects.filter(pk=request.pk).update(lease_until=request.created_at)
        assert do(request).status == DataRequest.Status.DONE
        assert not User.objects.filter(pk=furnished.pk).exists()

    def test_the_account_is_closed_at_once(self, furnished: User, client: Client) -> None:
        client.force_login(furnished)
        requesting.erase(furnished)
        assert client.get("/settings").status_code == 302

    def test_the_last_super_admin_stays(self, db: None, admin_user: User) -> None:
        with pytest.raises(administration.LastSuperAdmin):
            requesting.erase(admin_user)
        admin_user.refresh_from_db()
        assert admin_user.is_active

    def test_not_under_a_legal_hold(self, furnished: User) -> None:
        LegalHold.objects.create(user=furnished, reason="file 7")
        with pytest.raises(requesting.Refused, match="legal hold"):
            requesting.erase(furnished)
        furnished.refresh_from_db()
        assert furnished.is_active

    def test_the_address_has_to_be_typed(self, furnished: User, client: Client) -> None:
        client.post("/accounts/login/", {"login": furnished.email, "password": "correct horse battery"})
        answer = client.post("/settings/data/delete-account", {"email": "somebody@example.org"})
        assert (answer.status_code, "Nothing was deleted" in answer.content.decode()) == (422, True)
        assert User.objects.filter(pk=furnished.pk, is_active=True).exists()
        answer = client.post("/settings/data/delete-account", {"email": furnished.email})
        assert "Your account is closed" in answer.content.decode()
        assert DataRequest.objects.filter(owner_id=furnished.pk, kind=DataRequest.Kind.ERASURE).exists()


def _die(*_: object) -> None:
    raise RuntimeError("the worker died here")


def test_every_model_that_leads_to_a_person_is_held_by_somebody() -> None:
    named = {label for holding in holdings.every() for label in holding.models}
    for model in apps.get_models():
        leads = any(
            field.related_model is User or field.attname in {"owner_id", "user_id"}
            for field in model._meta.concrete_fields
        )
        if leads:
            assert model._meta.label in named, f"{model._meta.label} leads to a person, and no holding names it"


class TestRetention:
    def test_what_is_too_old_goes_and_the_rest_stays(
        self, furnished: User, settings: object, django_assert_max_num_queries: object
    ) -> None:
        settings.RETENTION_DAYS = {"chats": 10, "deleted_chats": 30, "documents": 10}  # type: ignore[attr-defined]
        new = conversation.start(furnished)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE chats_conversation SET updated_at = now() - interval '11 days' WHERE id <> %s", [new.pk]
            )
            cursor.execute("UPDATE documents_document SET created_at = now() - interval '11 days'")
        retention.apply()
        assert list(Conversation.objects.values_list("pk", flat=True)) == [new.pk]
        assert not Document.objects.exists()
        assert not Message.objects.exists()
        assert not Citation.objects.exists()
        events = AuditEvent.objects.filter(action="data.retention_applied")
        assert {event.details["kind"]: event.details["count"] for event in events} == {"chats": 1, "documents": 1}

    def test_nothing_of_a_person_under_a_hold(self, furnished: User, settings: object) -> None:
        settings.RETENTION_DAYS = {"chats": 1, "deleted_chats": 1, "documents": 1}  # type: ignore[attr-defined]
        LegalHold.objects.create(user=furnished, reason="file 7")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE chats_conversation SET updated_at = now() - interval '11 days'")
        retention.apply()
        assert Conversation.objects.exists()

    def test_nor_of_one_who_is_put_under_a_hold_while_it_goes_on(
        self, furnished: User, settings: object, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.RETENTION_DAYS = {"chats": 1, "deleted_chats": 1, "documents": 1}  # type: ignore[attr-defined]
        with connection.cursor() as cursor:
            cursor.execute("UPDATE chats_conversation SET updated_at = now() - interval '11 days'")
            cursor.execute("UPDATE documents_document SET created_at = now() - interval '11 days'")
        people = retention._people()
        monkeypatch.setattr(retention, "_people", lambda: people)
        LegalHold.objects.create(user=furnished, reason="file 7")
        retention.apply()
        # Between two of one person's things too.
        with acting_as(furnished):
            for holding in holdings.every():
                assert not any(holding.expire(kind, furnished.pk, 1) for kind in holding.retentions)
        assert Conversation.objects.exists()
        assert Document.objects.exists()
        LegalHold.objects.all().delete()
        retention.apply()
        assert not Conversation.objects.exists()
        assert not Document.objects.exists()


class TestConsent:
    @pytest.fixture(autouse=True)
    def _notice(self, settings: object) -> None:
        settings.CONSENT_TEXT, settings.CONSENT_VERSION = "Be **kind**. <script>", "v1"  # type: ignore[attr-defined]

    def test_pages_wait_for_it(self, owner: User, client: Client) -> None:
        client.force_login(owner)
        answer = client.get("/documents/")
        assert (answer.status_code, answer["Location"]) == (302, "/consent?next=%2Fdocuments%2F")
        page = client.get("/consent").content.decode()
        assert "<strong>kind</strong>" in page
        assert "&lt;script&gt;" in page
        assert client.post("/consent", {"version": "v1", "next": "/documents/"})["Location"] == "/documents/"
        assert client.get("/documents/").status_code == 200
        assert Consent.objects.get(owner=owner).version == "v1"

    def test_a_new_version_is_asked_for_again(self, owner: User, client: Client, settings: object) -> None:
        client.force_login(owner)
        client.post("/consent", {"version": "v1"})
        settings.CONSENT_VERSION = "v2"  # type: ignore[attr-defined]
        assert client.get("/documents/").status_code == 302
        assert client.post("/consent", {"version": "v1"}).status_code == 409

    def test_it_never_leads_elsewhere(self, owner: User, client: Client) -> None:
        client.force_login(owner)
        assert client.post("/consent", {"version": "v1", "next": "https://evil.example"})["Location"] == "/"

    def test_withdrawn_it_is_asked_for_at_the_next_sign_in(self, owner: User, client: Client) -> None:
        form = {"login": owner.email, "password": "correct horse battery"}
        client.post("/accounts/login/", form)
        client.post("/consent", {"version": "v1"})
        assert client.post("/settings/data/withdraw-consent").status_code == 302
        client.post("/accounts/login/", form)
        assert client.get("/documents/")["Location"].startswith("/consent")
        assert Consent.objects.get(owner=owner).withdrawn_at is not None


def test_a_role_of_its_own_is_not_needed(db: None, client: Client) -> None:
    """A viewer has the same rights over what is theirs."""
    viewer = User.objects.create_user("viewer@example.org", None, role=Role.VIEWER)
    client.force_login(viewer)
    assert client.get("/settings/data").status_code == 200
