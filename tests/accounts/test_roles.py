"""What a role opens and closes in the running product, and what suspending does."""

import threading

import pytest
from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator
from django.db import connection
from django.test import Client

from accounts import administration
from accounts.models import Role, User
from tests.accounts.conftest import is_signed_in, signed_in


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("user", 403), ("admin", 200), ("super_admin", 200)])
def test_the_administration_opens_for_administrators(people: dict[str, User], role: str, status: int) -> None:
    assert signed_in(people[role]).get("/admin/", follow=True).status_code == status


def test_the_administration_has_no_sign_in_page_of_its_own(client: Client, db: None) -> None:
    assert client.get("/admin/login/")["Location"].startswith("/accounts/login/")


def test_a_viewer_may_not_upload_and_is_told_so(people: dict[str, User]) -> None:
    response = signed_in(people["viewer"]).post("/documents/upload")
    assert response.status_code == 403
    assert "Your account may not add and change documents." in response.content.decode()


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
        from chatsite.asgi import application

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
