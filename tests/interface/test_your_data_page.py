"""Settings → Your data in a real browser: every state of a copy, and the way to the end of the account."""

from datetime import timedelta

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone
from playwright.sync_api import Page

from accounts.models import User
from accounts.rights import archive
from accounts.rights.holdings import Entry
from accounts.rights.models import DataRequest
from tests.interface.conftest import PHONE, WIDE

Status = DataRequest.Status
pytestmark = pytest.mark.browser


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "wide"])
def test_a_copy_is_followed_to_its_end_without_a_reload(tab: Page, owner: User, size: dict[str, int]) -> None:
    tab.set_viewport_size(size)  # type: ignore[arg-type]  # a plain dictionary of the two
    tab.goto("/settings/data")
    assert tab.get_by_role("button", name="Make a copy").is_visible()
    request = DataRequest.objects.create(owner_id=owner.pk, kind=DataRequest.Kind.EXPORT)
    mine = DataRequest.objects.filter(pk=request.pk)
    tab.goto("/settings/data")
    tab.evaluate("window.neverReloaded = true")
    assert tab.get_by_text("waits for its turn").is_visible()
    mine.update(status=Status.WORKING, progress_done=37, progress_total=100)
    tab.get_by_text("37 %").wait_for()
    assert fits(tab)
    key, stored = archive.store([Entry("a.txt", b"a")], owner_id=owner.pk)
    mine.update(status=Status.DONE, file=key, size=stored, expires_at=timezone.now() + timedelta(days=7))
    tab.get_by_role("link", name="Download").wait_for()
    assert tab.evaluate("window.neverReloaded")
    assert fits(tab)
    mine.update(file="", expires_at=timezone.now())
    tab.goto("/settings/data")
    assert tab.get_by_text("no longer here").is_visible()
    mine.update(status=Status.FAILED, error_text="This could not be done.")
    tab.goto("/settings/data")
    assert tab.get_by_role("alert").inner_text() == "This could not be done."
    archive.delete(key)


def test_the_account_is_closed_after_its_address_was_typed(tab: Page, owner: User) -> None:
    session = tab.context.cookies()[0]["value"]
    store = SessionStore(session)
    store["confirmed_at"] = int(timezone.now().timestamp())
    store.save()
    tab.goto("/settings/data")
    tab.get_by_role("link", name="Delete my account").click()
    tab.get_by_label("Type your address").fill("somebody@example.org")
    tab.get_by_role("button", name="Delete everything").click()
    assert "Nothing was deleted" in tab.get_by_role("alert").inner_text()
    tab.get_by_label("Type your address").fill(owner.email)
    tab.get_by_role("button", name="Delete everything").click()
    tab.get_by_role("heading", name="Your account is closed").wait_for()
    assert not User.objects.get(pk=owner.pk).is_active
    tab.goto("/settings/data")
    assert "/accounts/login" in tab.url
