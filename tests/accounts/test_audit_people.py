"""What the audit log sees of accounts that come, confirm, take their data along, and go."""

import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from accounts import audit
from accounts.audit.models import AuditEvent
from accounts.invitations import inviting
from accounts.models import User
from accounts.rights import working
from accounts.rights.models import DataRequest, LegalHold
from accounts.second_factor import recovery
from tests.accounts.conftest import signed_in
from tests.accounts.phone import Phone
from tests.accounts.test_audit_calls import the
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
Action = audit.Action
NEW = "another long passphrase"


def test_somebody_signs_up_and_confirms_the_address(client: Client, settings: Any, mailoutbox: list[Any]) -> None:
    settings.SIGN_UP = "open"
    client.post("/accounts/signup/", {"email": "new@example.org", "password1": NEW, "password2": NEW})
    user = User.objects.get(email="new@example.org")
    the(Action.SIGNED_UP, user_id=user.pk)
    link = re.search(r"/accounts/confirm-email/[^/\s]+/", mailoutbox[0].body)
    assert link
    client.post(link[0])
    the(Action.EMAIL_CONFIRMED, user_id=user.pk)


def test_somebody_is_invited_and_comes(client: Client, people: dict[str, User]) -> None:
    (sent,) = inviting.invite(people["admin"], ["new@example.org"], "viewer").sent
    invited = the(Action.USER_INVITED, user_id=people["admin"].pk)
    assert invited.details["role"] == "viewer"
    form = {"name": "", "password": NEW, "password_again": NEW}
    client.post("/invitation/" + sent.link.rsplit("/", 1)[1], form)
    the(Action.INVITATION_ACCEPTED, user_id=User.objects.get(email="new@example.org").pk)
    assert "new@example.org" not in str([event.details for event in AuditEvent.objects.all()])


def test_a_recovery_code(client: Client, owner: User) -> None:
    Phone.of(owner)
    code = recovery.make(owner)[0]
    client.post("/accounts/login/", {"login": owner.email, "password": PASSWORD})
    client.post("/accounts/second-step/", {"code": code, "recovery": "1"})
    the(Action.RECOVERY_CODE_USED, user_id=owner.pk)
    assert code not in str([vars(event) for event in AuditEvent.objects.all()])


def test_confirming_right_and_wrong(owner: User) -> None:
    client = signed_in(owner)
    session = client.session
    session["confirmed_at"] = 0
    session.save()
    client.post("/settings/confirm", {"password": "wrong"})
    the(Action.CONFIRMATION_FAILED, user_id=owner.pk)
    client.post("/settings/confirm", {"password": PASSWORD})
    the(Action.CONFIRMED, user_id=owner.pk)


def test_consent_given_and_withdrawn(owner: User, settings: Any) -> None:
    settings.CONSENT_TEXT, settings.CONSENT_VERSION = "Be kind.", "v1"
    client = signed_in(owner)
    client.post("/consent", {"version": "v1"})
    assert the(Action.CONSENT_GIVEN, user_id=owner.pk).details == {"version": "v1"}
    client.post("/settings/data/withdraw-consent")
    the(Action.CONSENT_WITHDRAWN, user_id=owner.pk)


@pytest.mark.django_db(transaction=True)
def test_an_export_and_the_end_of_an_account(owner: User) -> None:
    client = signed_in(owner)
    client.post("/settings/data/export")
    the(Action.EXPORT_REQUESTED, user_id=owner.pk)
    working.do(DataRequest.objects.get().pk)
    the(Action.EXPORT_MADE, user_id=owner.pk)
    client.get(f"/settings/data/exports/{DataRequest.objects.get().pk}").getvalue()
    the(Action.EXPORT_DOWNLOADED, user_id=owner.pk)
    client.post(f"/settings/data/exports/{DataRequest.objects.get().pk}/delete")
    deleted = the(Action.EXPORT_DELETED, user_id=owner.pk, resource_id=str(DataRequest.objects.get().pk))
    assert deleted.details == {"because": "asked"}
    client.post("/settings/data/delete-account", {"email": owner.email})
    the(Action.ERASURE_REQUESTED, user_id=owner.pk)
    working.do(DataRequest.objects.get(kind="erasure").pk)
    assert not User.objects.filter(pk=owner.pk).exists()
    # What was recorded of the person stays.
    the(Action.ERASED, resource_id=str(owner.pk))
    the(Action.EXPORT_REQUESTED, user_id=owner.pk)


def test_a_legal_hold(people: dict[str, User]) -> None:
    client, target = signed_in(people["super_admin"]), people["user"]
    client.post("/admin/rights/legalhold/add/", {"person": target.email, "reason": "17"})
    the(Action.LEGAL_HOLD_SET, user_id=people["super_admin"].pk, resource_id=str(target.pk))
    chosen = {"action": "delete_selected", "_selected_action": [str(LegalHold.objects.get().pk)], "post": "yes"}
    client.post("/admin/rights/legalhold/", chosen)
    the(Action.LEGAL_HOLD_LIFTED, user_id=people["super_admin"].pk, resource_id=str(target.pk))


def test_keys_that_are_rotated(db: None) -> None:
    call_command("rotate_keys", stdout=StringIO())
    assert the(Action.KEYS_ROTATED).details["by"] == "operator"
