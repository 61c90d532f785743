import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import Role, User
from tests.conftest import PASSWORD


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    """Every test comes from the same address; one must not use up the limits of the next."""
    cache.clear()


@pytest.fixture
def people(db: None) -> dict[str, User]:
    """One person of each role."""
    return {role: User.objects.create_user(f"{role}@example.org", PASSWORD, role=role) for role in Role.values}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session and client.get("/settings").status_code == 200
