"""What a role opens and closes in the running product, and what suspending does."""

import io
import threading

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.testing import WebsocketCommunicator
from django.db import connection
from django.test import Client

from accounts import administration
from accounts.models import Role, User
from chats import answering
from chats import conversation as conversations
from chats.models import Message
from chatsite.asgi import application
from documents import blobs, ingestion
from documents.models import Document, DocumentVersion
from tests.accounts.conftest import is_signed_in, signed_in


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("user", 403), ("admin", 200), ("super_admin", 200)])
def test_the_administration_opens_for_administrators(people: dict[str, User], role: str, status: int) -> None:
    assert signed_in(people[role]).get("/admin/", follow=True).status_code == status


def test_the_administration_has_no_sign_in_page_of_its_own(client: Client, db: None) -> None:
    assert client.get("/admin/login/")["Location"].startswith("/accounts/login/")


class TestAViewer:
    def test_finds_an_empty_page_that_says_so_and_nothing_to_write_in(self, people: dict[str, User]) -> None:
        client = signed_in(people["viewer"])
        page = client.get("/").content.decode()
        assert "Nothing is shared with you yet" in page
        assert 'id="composer"' not in page
        assert "New chat" not in page
        assert "/admin/" not in page
        library = client.get("/documents/").content.decode()
        assert "You have no documents of your own" in library
        assert 'type="file"' not in library

    def test_reads_what_was_theirs_in_an_earlier_role_and_changes_nothing_of_it(self, owner: User) -> None:
        chat = conversations.start(owner)
        answer = conversations.post_message(chat, "Why is it so?").answer
        answer.status, answer.content, answer.html = Message.Status.FAILED, "Because.", "<p>Because.</p>"
        answer.save()
        administration.change_role(owner, Role.VIEWER)
        owner.refresh_from_db()
        page = signed_in(owner).get(f"/chats/{chat.pk}").content.decode()
        assert "Because." in page
        for offered in ('id="composer"', "Try again", "Delete this chat", "Answer again", "/continue"):
            assert offered not in page

    def test_is_told_why_nothing_is_taken(self, people: dict[str, User]) -> None:
        client = signed_in(people["viewer"])
        for address, words in (
            ("/documents/upload", "Your account may not add and change documents."),
            ("/chats", "Your account may not start and continue chats."),
        ):
            response = client.post(address, {"content": "Hello"})
            assert response.status_code == 403
            assert words in response.content.decode()
        assert not Message.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", [{"is_active": False}, {"role": Role.VIEWER}])
class TestWorkThatWaits:
    """Done for whoever may still have it done, when a worker takes it."""

    def test_an_answer_is_not_written(self, owner: User, change: dict[str, object]) -> None:
        answer = conversations.post_message(conversations.start(owner), "Why?").answer
        User.objects.filter(pk=owner.pk).update(**change)
        answering.answer(answer.pk)
        answer.refresh_from_db()
        assert (answer.status, answer.error_code) == (Message.Status.FAILED, "not_allowed")
        assert "Your question is kept." in answer.error_text

    def test_a_document_is_not_read(self, owner: User, change: dict[str, object]) -> None:
        document = Document.objects.create(owner=owner, name="notes.txt")
        blob = blobs.store(io.BytesIO(b"Some words."), owner_id=owner.pk)
        DocumentVersion.objects.create(
            document=document, number=1, blob=blob.key, fingerprint=blob.fingerprint, size=11, media_type="text/plain"
        )
        User.objects.filter(pk=owner.pk).update(**change)
        ingestion.ingest(document.pk)
        document.refresh_from_db()
        assert (document.status, document.error_code) == (Document.Status.FAILED, "not_allowed")


def test_being_superuser_follows_the_role(people: dict[str, User]) -> None:
    assert [user.role for user in people.values() if user.is_superuser] == [Role.SUPER_ADMIN]
    people["super_admin"].role = Role.USER
    people["super_admin"].save()
    assert not User.objects.filter(is_superuser=True).exists()


class TestSuspending:
    def test_it_ends_the_session_at_the_next_request(self, owner: User) -> None:
        client = signed_in(owner)
        assert is_signed_in(client)
        administration.suspend(owner)
        assert client.get("/settings")["Location"].startswith("/accounts/login/")

    def test_opening_the_account_again_does_not_bring_the_session_back(self, owner: User) -> None:
        client = signed_in(owner)
        administration.suspend(owner)
        administration.reactivate(owner)
        assert not is_signed_in(client)

    def test_the_right_password_leads_to_a_page_that_says_so(self, client: Client, owner: User) -> None:
        administration.suspend(owner)
        form = {"login": "owner@example.org", "password": "correct horse battery"}
        response = client.post("/accounts/login/", form, follow=True)
        assert "This account is suspended" in response.content.decode()
        assert "_auth_user_id" not in client.session

    def test_it_needs_nothing_but_the_flag(self, owner: User) -> None:
        """However an account was closed: every request looks."""
        client = signed_in(owner)
        User.objects.filter(pk=owner.pk).update(is_active=False)
        assert not is_signed_in(client)

    @pytest.mark.django_db(transaction=True)
    def test_no_socket_opens_any_more(self, owner: User) -> None:
        cookie = f"sessionid={signed_in(owner).session.session_key}".encode()
        headers = [(b"cookie", cookie), (b"origin", b"http://localhost"), (b"host", b"localhost")]

        async def connects() -> bool:
            socket = WebsocketCommunicator(application, "/ws/documents", headers=headers)
            connected, _ = await socket.connect(timeout=10)
            await socket.disconnect()
            return connected

        assert async_to_sync(connects)()
        administration.suspend(owner)
        assert not async_to_sync(connects)()


class TestTheLastSuperAdmin:
    def test_cannot_be_suspended(self, admin_user: User) -> None:
        with pytest.raises(administration.LastSuperAdmin):
            administration.suspend(admin_user)
        admin_user.refresh_from_db()
        assert admin_user.is_active

    def test_a_suspended_colleague_does_not_count(self, admin_user: User) -> None:
        User.objects.create_superuser("other@example.org", is_active=False)
        with pytest.raises(administration.LastSuperAdmin):
            administration.suspend(admin_user)

    def test_with_a_colleague_one_of_the_two_can_go(self, admin_user: User) -> None:
        other = User.objects.create_superuser("other@example.org")
        administration.suspend(admin_user)
        with pytest.raises(administration.LastSuperAdmin):
            administration.suspend(other)


@pytest.mark.django_db(transaction=True)
def test_two_super_admins_who_suspend_each_other_at_once_do_not_both_succeed() -> None:
    pair = [User.objects.create_superuser(f"admin{number}@example.org") for number in range(2)]
    at_once = threading.Barrier(2)
    refused: list[User] = []

    def suspend(user: User) -> None:
        at_once.wait(timeout=20)
        try:
            administration.suspend(user)
        except administration.LastSuperAdmin:
            refused.append(user)
        finally:
            connection.close()

    threads = [threading.Thread(target=suspend, args=(user,)) for user in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(refused) == 1
    assert User.objects.filter(is_active=True).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_super_admins_who_dismiss_each_other_at_once_do_not_both_succeed() -> None:
    """Whoever comes second is no super admin any more, and finds that out before doing anything."""
    pair = [User.objects.create_superuser(f"admin{number}@example.org") for number in range(2)]
    User.objects.create_superuser("third@example.org")
    at_once = threading.Barrier(2)
    refused: list[Exception] = []

    def dismiss(by: User, user: User) -> None:
        at_once.wait(timeout=20)
        try:
            administration.change_role(user, Role.USER, by=by)
        except administration.Refused as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=dismiss, args=each) for each in (pair, pair[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert [type(error) for error in refused] == [administration.NotYours]
    assert User.objects.filter(role=Role.SUPER_ADMIN).count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verb", ["change_role", "suspend", "sign_out_everywhere"])
def test_open_sockets_end_at_once(owner: User, verb: str) -> None:
    cookie = f"sessionid={signed_in(owner).session.session_key}".encode()
    headers = [(b"cookie", cookie), (b"origin", b"http://localhost"), (b"host", b"localhost")]
    act = getattr(administration, verb)
    arguments = [owner, Role.VIEWER] if verb == "change_role" else [owner]

    async def ends() -> str:
        socket = WebsocketCommunicator(application, "/ws/documents", headers=headers)
        connected, _ = await socket.connect(timeout=10)
        assert connected
        await sync_to_async(act)(*arguments)
        return str((await socket.receive_output(timeout=20))["type"])

    assert async_to_sync(ends)() == "websocket.close"
