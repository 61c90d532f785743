"""The administration's own pages: the frame, the dashboard, documents, models, settings. No content anywhere."""

import re

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone

from accounts.limits.models import TokensSpent
from accounts.models import User
from chatsite import env
from chatsite.administration import configuration
from documents.models import Document
from tests.accounts.conftest import signed_in
from tests.routes import SECRET, World

SUPER_ADMIN_ONLY = ["/admin/models/", "/admin/settings/"]


@pytest.fixture
def by_admin(people: dict[str, User]) -> Client:
    return signed_in(people["admin"])


@pytest.fixture
def by_super_admin(people: dict[str, User]) -> Client:
    return signed_in(people["super_admin"])


def test_the_frame_shows_what_the_role_may_open(by_admin: Client, by_super_admin: Client) -> None:
    for client, sees in ((by_admin, False), (by_super_admin, True)):
        page = client.get("/admin/").content.decode()
        assert 'href="/admin/accounts/user/"' in page
        assert all((f'href="{address}"' in page) is sees for address in SUPER_ADMIN_ONLY)


@pytest.mark.parametrize("address", SUPER_ADMIN_ONLY)
def test_models_and_settings_are_for_super_admins(by_admin: Client, by_super_admin: Client, address: str) -> None:
    response = by_admin.get(address)
    assert response.status_code == 403
    assert "Your account may not change models and settings." in response.content.decode()
    assert by_super_admin.get(address).status_code == 200
    assert by_super_admin.post(address).status_code == 405


def test_tables_of_libraries_are_not_there(by_super_admin: Client) -> None:
    for app in ("auth/group", "account/emailaddress", "socialaccount/socialtoken", "otp_totp/totpdevice"):
        assert by_super_admin.get(f"/admin/{app}/").status_code == 404


def test_the_password_is_changed_at_the_product_s_own_page(by_admin: Client) -> None:
    assert by_admin.get("/admin/password_change/")["Location"] == "/accounts/password/change/"


class TestTheDashboard:
    def test_nothing_failed_carries_no_mark(self, by_admin: Client) -> None:
        failed = re.compile(r'<span class="badge (\w*)">Failed</span>')
        assert failed.findall(by_admin.get("/admin/").content.decode()) == [""]
        owner = User.objects.create_user("somebody@example.org")
        Document.objects.create(owner=owner, name="a.pdf", status=Document.Status.FAILED)
        assert failed.findall(by_admin.get("/admin/").content.decode()) == ["bad"]

    def test_shows_figures(self, by_admin: Client, people: dict[str, User]) -> None:
        World.of(people["user"])
        TokensSpent.objects.create(owner=people["user"], day=timezone.localdate(), tokens=12_345, answers=7)
        page = by_admin.get("/admin/").content.decode()
        assert ">4</strong> active" in page
        assert ">7</strong> today" in page
        assert "12,345" in page
        assert ">1</strong> kept" in page

    def test_asks_as_many_questions_for_much_as_for_little(
        self, by_admin: Client, people: dict[str, User], django_assert_max_num_queries
    ) -> None:
        for number in range(4):
            World.of(User.objects.create_user(f"person{number}@example.org"))
        with django_assert_max_num_queries(25):
            assert by_admin.get("/admin/").status_code == 200

    def test_stands_while_redis_is_away(self, by_super_admin: Client, settings) -> None:
        settings.REDIS_URL = "unix:///nowhere/redis.sock"
        page = by_super_admin.get("/admin/").content.decode()
        assert "Redis does not answer." in page


class TestNoContent:
    """An administrator's pages hold none of what people wrote, uploaded or named."""

    @pytest.mark.parametrize("role", ["admin", "super_admin"])
    def test_is_on_any_page(self, people: dict[str, User], role: str) -> None:
        world, client = World.of(people["user"]), signed_in(people[role])
        document = f"/admin/documents/document/{world.document.pk}/change/"
        addresses = [
            "/admin/",
            "/admin/documents/document/",
            f"/admin/documents/document/?q={world.document.pk}",
            "/admin/documents/document/?q=user",
            f"/admin/documents/document/?q={SECRET}",
            document,
            f"/admin/accounts/user/{world.owner.pk}/change/",
            "/admin/accounts/user/",
        ]
        for address in addresses:
            response = client.get(address)
            assert response.status_code == 200, address
            body = response.content.decode().replace(f'value="{SECRET}"', "").replace("the owner&#x27;s secret", "")
            assert SECRET not in body, address

    def test_a_document_is_known_by_its_kind_and_number(self, by_admin: Client, people: dict[str, User]) -> None:
        world = World.of(people["user"])
        page = by_admin.get("/admin/documents/document/").content.decode()
        assert str(world.document.pk)[:8] in page
        assert "PDF" in page
        assert "user@example.org" in page

    def test_documents_cannot_be_changed_there(self, by_super_admin: Client, people: dict[str, User]) -> None:
        world = World.of(people["user"])
        base = f"/admin/documents/document/{world.document.pk}"
        by_super_admin.post(f"{base}/change/", {"status": "failed", "name": "mine"})
        assert by_super_admin.post(f"{base}/delete/", {"post": "yes"}).status_code == 403
        assert by_super_admin.get("/admin/documents/document/add/").status_code == 403
        world.document.refresh_from_db()
        assert world.document.status == "ready"

    def test_content_has_no_pages_there(self, by_super_admin: Client, people: dict[str, User]) -> None:
        for table in ("chats/conversation", "chats/message", "documents/chunk", "documents/page"):
            assert by_super_admin.get(f"/admin/{table}/").status_code == 404


class TestSettings:
    def test_each_is_shown_with_what_it_means(self, by_super_admin: Client) -> None:
        page = by_super_admin.get("/admin/settings/").content.decode()
        assert "CHUNK_OVERLAP" in page
        assert "How much of a passage the next one repeats." in page

    def test_no_secret_is_shown(self, by_super_admin: Client) -> None:
        page = by_super_admin.get("/admin/settings/").content.decode()
        for secret in (django_settings.SECRET_KEY, django_settings.ENCRYPTION_KEY):
            assert secret not in page
        database = django_settings.DATABASES["default"]
        assert not database["PASSWORD"] or database["PASSWORD"] not in page

    @pytest.mark.parametrize(
        "name",
        ["SECRET_KEY", "ENCRYPTION_KEY_PREVIOUS", "EMAIL_PASSWORD", "ADMIN_PASSWORD", "OIDC_CLIENT_SECRET"],
    )
    def test_secrets_are_known_by_their_names(self, name: str) -> None:
        assert configuration.is_secret(name)

    def test_everything_that_sounds_like_a_secret_counts_as_one(self) -> None:
        sounding = [name for name in env.READ if any(word in name for word in ("PASSWORD", "SECRET", "TOKEN_", "_KEY"))]
        harmless = {"PASSWORD_SIGN_IN", "FIRST_TOKEN_TIMEOUT", "NEXT_TOKEN_TIMEOUT"}
        assert [name for name in sounding if not configuration.is_secret(name) and name not in harmless] == []

    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            ("postgresql://ada:pw@db:5432/chat?sslmode=on", "postgresql://•••@db:5432/chat?•••"),
            ("https://chat.example.org", "https://chat.example.org"),
            ("redis://:pw@redis:6379/0", "redis://•••@redis:6379/0"),
            ("plain words", "plain words"),
        ],
    )
    def test_credentials_in_addresses_are_masked(self, value: str, shown: str) -> None:
        assert configuration.without_credentials(value) == shown


def test_the_models_page_names_what_answers(by_super_admin: Client) -> None:
    page = by_super_admin.get("/admin/models/").content.decode()
    assert "Search and quote" in page
    assert "builtin/wordllama" in page
