import pytest
from django.db import connection
from django.test import Client

from accounts.models import User
from tests.conftest import PASSWORD


def test_the_personas_can_be_told_apart_by_role(owner: User, stranger: User, admin_user: User) -> None:
    assert [person.role for person in (owner, stranger, admin_user)] == ["user", "user", "super_admin"]
    assert owner.check_password(PASSWORD)


@pytest.mark.django_db
def test_the_test_database_has_vectors() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT '[1,2]'::vector <-> '[1,2]'::vector")
        assert cursor.fetchone() == (0.0,)


def test_health_needs_no_sign_in(client: Client) -> None:
    assert client.get("/health").status_code == 200
