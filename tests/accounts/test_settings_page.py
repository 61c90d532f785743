from django.test import Client

from accounts.models import User
from tests.accounts.conftest import is_signed_in, signed_in


def test_it_shows_who_is_signed_in(owner: User) -> None:
    response = signed_in(owner).get("/settings")
    assert response.status_code == 200
    assert "owner@example.org" in response.content.decode()


def test_an_anonymous_visitor_is_sent_to_sign_in(client: Client, db: None) -> None:
    assert client.get("/settings")["Location"] == "/accounts/login/?next=/settings"


def test_the_name_can_be_changed_and_nothing_else(owner: User) -> None:
    client = signed_in(owner)
    change = {"name": "Grace", "email": "other@example.org", "role": "super_admin", "is_superuser": "1"}
    assert client.post("/settings", change).status_code == 302
    owner.refresh_from_db()
    assert (owner.name, owner.email, owner.role, owner.is_superuser) == ("Grace", "owner@example.org", "user", False)
    assert "Your settings are saved." in client.get("/settings").content.decode()


def test_a_name_stays_on_its_line_and_in_its_order(owner: User) -> None:
    signed_in(owner).post("/settings", {"name": "Ada\u202e Love\r\nlace\u2028  Zoë"})
    owner.refresh_from_db()
    assert owner.name == "Ada Love lace Zoë"


def test_a_name_that_is_too_long_is_refused_with_a_sentence(owner: User) -> None:
    response = signed_in(owner).post("/settings", {"name": "x" * 151})
    assert response.status_code == 422
    assert "at most 150 characters" in response.content.decode()


def test_signing_out_everywhere_keeps_this_session(owner: User) -> None:
    here, elsewhere = signed_in(owner), signed_in(owner)
    assert here.get("/settings/sign-out-everywhere").status_code == 405
    assert here.post("/settings/sign-out-everywhere").status_code == 302
    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)


def test_other_methods_are_refused(owner: User) -> None:
    assert signed_in(owner).delete("/settings").status_code == 405
