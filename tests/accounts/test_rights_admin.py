"""People's rights in the administration: ending somebody's account, legal holds, who agreed, what was asked for."""

import pytest
from django.test import Client

from accounts.audit.models import AuditEvent
from accounts.models import Role, User
from accounts.rights import requesting
from accounts.rights.models import Consent, DataRequest, LegalHold
from tests.conftest import PASSWORD


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_user("manager@example.org", PASSWORD, role=Role.ADMIN)


@pytest.fixture
def browser(client: Client, admin: User) -> Client:
    client.post("/accounts/login/", {"login": admin.email, "password": PASSWORD})
    return client


def page(person: User) -> str:
    return f"/admin/accounts/user/{person.pk}/erase/"


def test_the_address_has_to_be_typed(browser: Client, owner: User) -> None:
    answer = browser.post(page(owner), {"email": "other@example.org"})
    assert answer.status_code == 422
    assert "Nothing was deleted" in answer.content.decode()
    assert not DataRequest.objects.exists()


def test_an_account_is_deleted(browser: Client, owner: User, admin: User) -> None:
    assert owner.email in browser.get(page(owner)).content.decode()
    answer = browser.post(page(owner), {"email": owner.email.upper()})
    assert answer.status_code == 302
    owner.refresh_from_db()
    assert not owner.is_active
    request = DataRequest.objects.get(owner_id=owner.pk)
    assert (request.kind, request.by_administrator) == (DataRequest.Kind.ERASURE, True)
    asked = AuditEvent.objects.get(action="data.erasure_requested")
    assert (asked.user_id, asked.resource_id) == (admin.pk, str(owner.pk))
    shown = browser.get(f"/admin/accounts/user/{owner.pk}/change/").content.decode()
    assert "are being deleted" in shown


def test_it_asks_who_it_is_first(client: Client, admin: User, owner: User) -> None:
    client.force_login(admin)
    session = client.session
    session["confirmed_at"] = 0
    session.save()
    answer = client.post(page(owner), {"email": owner.email})
    assert "/confirm" in answer["Location"]
    assert not DataRequest.objects.exists()


def test_a_super_admin_is_not_an_admins_to_delete(browser: Client, admin_user: User) -> None:
    assert browser.post(page(admin_user), {"email": admin_user.email}).status_code == 403
    assert not DataRequest.objects.exists()


def test_a_user_may_not(client: Client, owner: User, stranger: User) -> None:
    client.post("/accounts/login/", {"login": stranger.email, "password": PASSWORD})
    assert client.post(page(owner), {"email": owner.email}).status_code in {302, 403, 404}
    assert not DataRequest.objects.exists()


def test_a_legal_hold_is_shown_and_respected(browser: Client, owner: User) -> None:
    LegalHold.objects.create(user=owner, reason="file 7")
    assert "file 7" in browser.get(page(owner)).content.decode()
    answer = browser.post(page(owner), {"email": owner.email})
    assert answer.status_code == 422
    owner.refresh_from_db()
    assert owner.is_active


def test_a_deletion_under_way_is_not_taken_back_by_opening_the_account(browser: Client, owner: User) -> None:
    requesting.erase(owner)
    browser.post(f"/admin/accounts/user/{owner.pk}/change/", {"do": "reactivate"})
    owner.refresh_from_db()
    assert not owner.is_active


def test_no_hold_on_what_is_being_deleted(browser: Client, owner: User) -> None:
    request = requesting.erase(owner)
    DataRequest.objects.filter(pk=request.pk).update(status=DataRequest.Status.WORKING)
    answer = browser.post("/admin/rights/legalhold/add/", {"person": owner.email, "reason": "file 7"})
    assert "It is too late" in answer.content.decode()
    assert not LegalHold.objects.exists()


def test_no_hold_by_an_admin_on_a_super_admin_nor_on_themselves(browser: Client, admin: User, admin_user: User) -> None:
    for person in (admin_user, admin):
        answer = browser.post("/admin/rights/legalhold/add/", {"person": person.email, "reason": "file 7"})
        assert "You may not hold" in answer.content.decode()
    assert not LegalHold.objects.exists()


@pytest.mark.parametrize("whose", ["admin", "admin_user"])
def test_nor_may_they_lift_one(browser: Client, request: pytest.FixtureRequest, owner: User, whose: str) -> None:
    held = LegalHold.objects.create(user=request.getfixturevalue(whose), reason="file 7")
    other = LegalHold.objects.create(user=owner, reason="file 8")
    assert browser.post(f"/admin/rights/legalhold/{held.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [str(held.pk), str(other.pk)], "post": "yes"}
    browser.post("/admin/rights/legalhold/", chosen)
    assert LegalHold.objects.count() == 2
    assert not AuditEvent.objects.filter(action="data.legal_hold_lifted").exists()
    browser.post("/admin/rights/legalhold/", {**chosen, "_selected_action": [str(other.pk)]})
    assert LegalHold.objects.get().pk == held.pk


def test_who_agreed_and_what_was_asked_for_is_listed_and_no_more(browser: Client, owner: User, admin: User) -> None:
    Consent.objects.create(owner=owner, version="v1")
    requesting.export(owner, by=owner)
    gone = DataRequest.objects.create(owner_id="00000000-0000-4000-8000-000000000000", kind="erasure", status="done")
    agreed = browser.get("/admin/rights/consent/").content.decode()
    assert owner.email in agreed
    assert "v1" in agreed
    asked = browser.get("/admin/rights/datarequest/").content.decode()
    assert owner.email in asked
    assert str(gone.owner_id) in asked
    for address in ("consent", "datarequest"):
        assert browser.get(f"/admin/rights/{address}/add/").status_code == 403
    assert AuditEvent.objects.filter(action="admin.metadata_read", user_id=admin.pk).count() == 2
