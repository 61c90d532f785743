"""The first administrator: the one-time link and the settings."""

import os
import subprocess
import sys
import threading
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import setup
from accounts.models import Role, SetUpLink, User

PERSON = {
    "email": "First@Example.org",
    "name": "Ada",
    "password": "correct horse battery",
    "password_again": "correct horse battery",
}


def test_the_link_makes_one_super_admin_and_signs_them_in(client: Client, db: None) -> None:
    path = setup.new_link_path()
    assert client.get(path).status_code == 200
    response = client.post(path, PERSON)
    assert response.status_code == 302
    assert response["Location"] == "/"
    admin = User.objects.get()
    assert (admin.email, admin.name, admin.role) == ("first@example.org", "Ada", Role.SUPER_ADMIN)
    assert admin.check_password(PERSON["password"])
    assert client.session["_auth_user_id"] == str(admin.pk)
    assert not setup.needed()


def test_a_used_link_makes_nobody(db: None) -> None:
    path = setup.new_link_path()
    Client().post(path, PERSON)
    response = Client().post(path, PERSON | {"email": "second@example.org"})
    assert response.status_code == 410
    assert User.objects.count() == 1


def test_a_new_link_ends_the_earlier_one(client: Client, db: None) -> None:
    earlier, later = setup.new_link_path(), setup.new_link_path()
    assert client.get(earlier).status_code == 410
    assert client.get(later).status_code == 200
    assert SetUpLink.objects.count() == 1


def test_an_expired_link_tells_how_to_get_a_new_one(client: Client, db: None) -> None:
    path = setup.new_link_path()
    SetUpLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    response = client.post(path, PERSON)
    assert response.status_code == 410
    page = response.content.decode()
    assert f"DATA_DIR={settings.DATA_DIR} " in page
    assert "manage.py setup_link" in page
    assert not User.objects.exists()


def test_a_made_up_link_makes_nobody(client: Client, db: None) -> None:
    setup.new_link_path()
    assert client.post("/set-up/made-up", PERSON).status_code == 410
    assert not User.objects.exists()


def test_without_a_link_there_is_no_page_that_makes_an_administrator(client: Client, db: None) -> None:
    assert client.get("/set-up/").status_code in {302, 404}
    assert client.post("/set-up/x", PERSON).status_code == 410


def test_the_token_itself_is_not_in_the_database(db: None) -> None:
    token = setup.new_link_path().rsplit("/", 1)[1]
    link = SetUpLink.objects.get()
    assert token not in link.token_sha256
    assert len(link.token_sha256) == 64


def test_a_link_is_worth_nothing_once_there_is_an_administrator(client: Client, admin_user: User) -> None:
    path = setup.new_link_path()
    assert client.get(path).status_code == 410
    assert client.post(path, PERSON).status_code == 410
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password_again": "something else entirely"}, "The two passwords differ."),
        ({"password": "short", "password_again": "short"}, "This password is too short."),
        ({"password": "123456789012345", "password_again": "123456789012345"}, "entirely numeric"),
        ({"email": "nobody"}, "Enter a valid email address."),
    ],
)
def test_bad_input_leaves_the_link_as_it_was(client: Client, db: None, change: dict[str, str], words: str) -> None:
    path = setup.new_link_path()
    response = client.post(path, PERSON | change)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert client.post(path, PERSON).status_code == 302


def test_an_address_that_is_taken_leaves_the_link_as_it_was(client: Client, owner: User) -> None:
    path = setup.new_link_path()
    response = client.post(path, PERSON | {"email": "OWNER@example.org"})
    assert response.status_code == 422
    assert "already" in response.content.decode()
    owner.refresh_from_db()
    assert owner.role == Role.USER
    assert client.post(path, PERSON).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_becomes_administrator() -> None:
    path = setup.new_link_path()
    at_once = threading.Barrier(6)
    answers: list[int] = []

    def submit(number: int) -> None:
        at_once.wait(timeout=20)
        try:
            answers.append(Client().post(path, PERSON | {"email": f"person{number}@example.org"}).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(answers) == [302, 410, 410, 410, 410, 410]
    assert User.objects.count() == 1


def test_many_tries_are_slowed_down(client: Client, db: None) -> None:
    answers = [client.post("/set-up/made-up", PERSON).status_code for _ in range(22)]
    assert answers[:20] == [410] * 20
    assert answers[20:] == [429, 429]


def test_the_command_prints_a_working_link(client: Client, db: None) -> None:
    output = StringIO()
    call_command("setup_link", stdout=output)
    address = output.getvalue().strip()
    assert address.startswith("http://")
    assert client.get("/set-up/" + address.rsplit("/", 1)[1]).status_code == 200


def test_the_command_refuses_once_there_is_an_administrator(admin_user: User) -> None:
    with pytest.raises(CommandError, match="changepassword"):
        call_command("setup_link")


def test_a_suspended_super_admin_does_not_count(admin_user: User) -> None:
    User.objects.update(is_active=False)
    assert setup.needed()


class TestFromSettings:
    @pytest.fixture(autouse=True)
    def _named(self, settings, db: None) -> None:
        settings.ADMIN_EMAIL = "Admin@Example.org"
        settings.ADMIN_PASSWORD = "a long enough passphrase"

    def test_the_named_administrator_is_created_once(self) -> None:
        setup.create_from_settings()
        setup.create_from_settings()
        admin = User.objects.get()
        assert (admin.email, admin.role) == ("admin@example.org", Role.SUPER_ADMIN)
        assert admin.check_password("a long enough passphrase")

    def test_an_existing_account_is_never_changed(self) -> None:
        existing = User.objects.create_user("admin@example.org", "what it was before")
        setup.create_from_settings()
        existing.refresh_from_db()
        assert existing.role == Role.USER
        assert existing.check_password("what it was before")

    def test_a_changed_password_stays_changed(self, settings) -> None:
        setup.create_from_settings()
        settings.ADMIN_PASSWORD = "another long passphrase"
        setup.create_from_settings()
        assert User.objects.get().check_password("a long enough passphrase")

    def test_an_administrator_who_moved_away_is_not_brought_back(self) -> None:
        setup.create_from_settings()
        User.objects.update(email="moved@example.org")
        setup.create_from_settings()
        assert User.objects.count() == 1

    def test_a_weak_password_stops_with_a_sentence(self, settings) -> None:
        settings.ADMIN_PASSWORD = "password"
        with pytest.raises(ImproperlyConfigured, match="ADMIN_PASSWORD cannot be used"):
            setup.create_from_settings()
        assert not User.objects.exists()

    def test_a_wrong_address_stops_with_a_sentence(self, settings) -> None:
        settings.ADMIN_EMAIL = "admin"
        with pytest.raises(ImproperlyConfigured, match="ADMIN_EMAIL"):
            setup.create_from_settings()

    @pytest.mark.parametrize("missing", ["ADMIN_EMAIL", "ADMIN_PASSWORD"])
    def test_one_without_the_other_stops_with_a_sentence(self, settings, missing: str) -> None:
        setattr(settings, missing, "")
        with pytest.raises(ImproperlyConfigured, match="belong together"):
            setup.create_from_settings()

    def test_without_both_nothing_happens(self, settings) -> None:
        settings.ADMIN_EMAIL = settings.ADMIN_PASSWORD = ""
        setup.create_from_settings()
        assert not User.objects.exists()


@pytest.mark.parametrize("command", [["setup_link"], ["changepassword", "somebody@example.org"]])
def test_a_command_says_that_no_chatsite_runs_with_this_folder(tmp_path: Path, command: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "manage.py", *command],
        env={**os.environ, "DATABASE_URL": f"postgresql://chatsite@/chatsite?host={tmp_path}"},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 1
    assert "Chatsite is not running with this data folder" in ran.stderr
    assert "Traceback" not in ran.stderr
