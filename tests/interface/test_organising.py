"""Keeping chats in order, in Chromium: on a phone and a wide window, by pointer and by keyboard."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from chats.models import Conversation, Folder, Tag
from chats.organising import arranging, labels, listing
from tests.conftest import PASSWORD
from tests.interface.accessibility import complaints
from tests.interface.conftest import PHONE, WIDE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def chats(owner: User) -> dict[str, Conversation]:
    now = timezone.now()
    days = {"Heating offers": 0, "Trip to Łódź": 1, "Contract review": 3, "Old plans": 60}
    return {
        title: Conversation.objects.create(owner=owner, title=title, updated_at=now - timedelta(days=ago))
        for title, ago in days.items()
    }


@pytest.fixture(params=[PHONE, WIDE], ids=["phone", "wide"])
def page(request: pytest.FixtureRequest, tab: Page) -> Page:
    tab.set_viewport_size(request.param)
    tab.route_web_socket("**/ws/**", lambda _socket: None)
    return tab


def shown_list(page: Page) -> Locator:
    """The sidebar's list, which a phone has in a drawer."""
    if page.viewport_size == PHONE and not page.locator("#sidebar:popover-open").count():
        page.get_by_role("button", name="Chats and pages").click()
    return page.locator("#chat-list")


def group(page: Page, name: str) -> Locator:
    return page.locator("#chat-list").get_by_role("region", name=name)


def menu_of(page: Page, title: str) -> Locator:
    row = shown_list(page).locator(".chat-row", has_text=title)
    row.hover()
    row.get_by_role("link", name=f"Options: {title}").click()
    menu = page.get_by_role("dialog", name="Options")
    expect(menu.get_by_role("button", name="Delete")).to_be_visible()
    return menu


def undo(page: Page) -> None:
    page.get_by_role("button", name="Undo").last.click()


def test_chats_stand_under_their_dates(page: Page, chats: dict[str, Conversation]) -> None:
    page.goto("/")
    shown_list(page)
    for when, title in (("Today", "Heating offers"), ("Yesterday", "Trip to Łódź"), ("Last 7 days", "Contract review")):
        expect(group(page, when).get_by_role("link", name=title, exact=True)).to_be_visible()


def test_a_chat_is_pinned_and_the_pin_taken_back(page: Page, chats: dict[str, Conversation]) -> None:
    page.goto(f"/chats/{chats['Heating offers'].pk}")
    menu_of(page, "Contract review").get_by_role("button", name="Pin to the top").click()
    expect(group(page, "Pinned").get_by_text("Contract review")).to_be_visible()
    expect(page.get_by_role("link", name="Options: Contract review")).to_be_focused()
    undo(page)
    expect(group(page, "Pinned")).to_have_count(0)
    expect(group(page, "Last 7 days").get_by_text("Contract review")).to_be_visible()


def test_a_deleted_chat_comes_back_with_one_press(page: Page, chats: dict[str, Conversation]) -> None:
    page.goto(f"/chats/{chats['Heating offers'].pk}")
    menu_of(page, "Contract review").get_by_role("button", name="Delete").click()
    expect(page.locator("#chat-list").get_by_text("Contract review")).to_have_count(0)
    expect(page.get_by_text("The chat was deleted.")).to_be_visible()
    undo(page)
    expect(page.locator("#chat-list").get_by_text("Contract review")).to_be_visible()


def test_who_deletes_the_chat_they_read_is_led_home_and_can_undo_there(
    page: Page, chats: dict[str, Conversation]
) -> None:
    page.goto(f"/chats/{chats['Heating offers'].pk}")
    menu_of(page, "Heating offers").get_by_role("button", name="Delete").click()
    page.wait_for_url(lambda address: address.endswith("/"))
    undo(page)
    expect(shown_list(page).get_by_text("Heating offers")).to_be_visible()


def test_renaming_changes_the_list_and_the_page_and_keeps_what_is_refused(
    page: Page, chats: dict[str, Conversation]
) -> None:
    page.goto(f"/chats/{chats['Heating offers'].pk}")
    menu = menu_of(page, "Heating offers")
    menu.get_by_text("Rename").first.click()
    field = menu.get_by_role("textbox", name="Title")
    expect(field).to_be_focused()
    page.keyboard.type("   ")
    page.keyboard.press("Enter")
    expect(menu.get_by_role("alert")).to_contain_text("The old one is kept")
    expect(field).to_be_focused()
    field.fill("Warmth")
    page.keyboard.press("Enter")
    expect(group(page, "Today").get_by_role("link", name="Warmth", exact=True)).to_have_attribute(
        "aria-current", "page"
    )
    expect(menu).to_be_hidden()


def test_a_chat_goes_into_a_new_folder_that_opens_on_demand_and_stays_open(
    page: Page, chats: dict[str, Conversation]
) -> None:
    page.goto(f"/chats/{chats['Heating offers'].pk}")
    menu = menu_of(page, "Contract review")
    menu.get_by_text("Move to a folder").click()
    menu.get_by_role("textbox", name="New folder").fill("Work")
    page.keyboard.press("Enter")
    folder = group(page, "Folders").locator("details", has_text="Work")
    inside = folder.get_by_role("link", name="Contract review", exact=True)
    expect(folder.locator("summary")).to_contain_text("1")
    folder.locator("summary").click()
    expect(inside).to_be_visible()
    page.reload()
    shown_list(page)
    expect(inside).to_be_visible()
    folder.locator("summary").click()
    page.wait_for_function("/folders=(;|$)/.test(document.cookie)")
    page.reload()
    shown_list(page)
    expect(inside).to_be_hidden()


def test_a_folder_is_renamed_and_deleted_and_its_chats_stay(
    page: Page, owner: User, chats: dict[str, Conversation]
) -> None:
    arranging.move([chats["Contract review"]], labels.create(owner, Folder, "Work"))
    page.goto("/")
    shown_list(page).locator(".folder-row").hover()
    page.get_by_role("link", name="Options: Work").click()
    menu = page.get_by_role("dialog", name="Options")
    menu.get_by_text("Rename").first.click()
    menu.get_by_role("textbox", name="Name").fill("Play")
    page.keyboard.press("Enter")
    page.locator(".folder-row").hover()
    page.get_by_role("link", name="Options: Play").click()
    menu.get_by_role("button", name="Delete the folder").click()
    expect(group(page, "Folders")).to_have_count(0)
    expect(group(page, "Last 7 days").get_by_text("Contract review")).to_be_visible()
    undo(page)
    expect(group(page, "Folders").get_by_text("Play")).to_be_visible()


def test_tags_are_put_on_one_after_the_other_while_the_menu_stays(
    page: Page, owner: User, chats: dict[str, Conversation]
) -> None:
    labels.create(owner, Tag, "urgent")
    page.goto("/")
    menu = menu_of(page, "Contract review")
    menu.get_by_text("Tags").first.click()
    menu.get_by_role("button", name="urgent").click()
    expect(menu.get_by_role("button", name="urgent")).to_have_attribute("aria-pressed", "true")
    expect(menu.get_by_role("button", name="urgent")).to_be_focused()
    menu.get_by_role("textbox", name="New tag").fill("later")
    page.keyboard.press("Enter")
    expect(menu.get_by_role("button", name="later")).to_have_attribute("aria-pressed", "true")
    menu.get_by_role("button", name="urgent").click()
    expect(menu.get_by_role("button", name="urgent")).to_have_attribute("aria-pressed", "false")
    (row,) = chats["Contract review"].tagged.all()
    assert row.tag.name == "later"


def test_the_menu_stays_where_it_was_opened_when_the_list_is_drawn_anew(
    page: Page, owner: User, chats: dict[str, Conversation]
) -> None:
    page.goto("/")
    menu = menu_of(page, "Contract review")
    menu.get_by_text("Tags").first.click()
    before = menu.bounding_box()
    menu.get_by_role("textbox", name="New tag").fill("later")
    page.keyboard.press("Enter")
    expect(menu.get_by_role("button", name="later")).to_have_attribute("aria-pressed", "true")
    expect(group(page, "Tags").get_by_role("link", name="later")).to_be_visible()
    opener = page.get_by_role("link", name="Options: Contract review")
    after, at = menu.bounding_box(), opener.bounding_box()
    assert before is not None
    assert after is not None
    assert at is not None
    assert after["x"] == before["x"]
    if page.viewport_size == WIDE:  # a phone has it at its foot
        below = min(at["y"] + at["height"] + 4, WIDE["height"] - after["height"] - 8)
        assert abs(after["y"] - below) < 2
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(opener).to_be_focused()


def test_a_tag_in_the_sidebar_leads_to_its_chats(page: Page, owner: User, chats: dict[str, Conversation]) -> None:
    arranging.tag([chats["Contract review"]], labels.create(owner, Tag, "urgent & <b>late</b>"))
    labels.create(owner, Tag, "unused")
    page.goto("/")
    shown_list(page)
    tags = group(page, "Tags").get_by_role("link")
    expect(tags).to_have_text(["urgent & <b>late</b>"])
    tags.click()
    expect(page.locator(".chats-list .chat-name")).to_have_text(["Contract review"])
    shown_list(page)
    expect(tags).to_have_attribute("aria-current", "page")


def test_the_menu_is_used_by_keyboard_alone(page: Page, chats: dict[str, Conversation]) -> None:
    page.goto(f"/chats/{chats['Heating offers'].pk}")
    opener = shown_list(page).get_by_role("link", name="Options: Contract review")
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pin to the top")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Options")).to_be_hidden()
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pin to the top")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("button", name="Delete")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The chat was archived.")).to_be_visible()
    expect(page.locator("#chat-list :focus")).to_have_count(1)


def test_several_are_marked_and_moved_tagged_archived_and_deleted(
    page: Page, owner: User, chats: dict[str, Conversation]
) -> None:
    labels.create(owner, Folder, "Work")
    page.goto("/chats/all")
    here = page.locator("#chats")
    for action, choice, said in (
        ("Move", "Work", "2 chats were moved."),
        ("Tag", None, "2 chats were tagged."),
        ("Archive", None, "2 chats were archived."),
        ("Delete", None, "2 chats were deleted."),
    ):
        here.get_by_role("checkbox", name="Contract review").check()
        here.get_by_role("checkbox", name="Old plans").check()
        expect(here.get_by_role("status")).to_have_text("2 marked")
        bar = here.get_by_role("group", name="With the marked chats")
        bar.get_by_text(action, exact=True).first.click()
        if choice:
            bar.get_by_role("button", name=choice, exact=True).click()
        elif action == "Tag":
            bar.get_by_role("textbox", name="New tag").fill("later")
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
        expect(page.get_by_text(said)).to_be_visible()
        if action in {"Archive", "Delete"}:
            expect(here.get_by_text("Old plans")).to_have_count(0)
            undo(page)
            expect(here.get_by_text("Old plans")).to_be_visible()
    assert {row.tag.name for row in chats["Old plans"].tagged.all()} == {"later"}


def test_all_are_marked_at_once_and_a_run_with_shift(page: Page, chats: dict[str, Conversation]) -> None:
    page.goto("/chats/all")
    here = page.locator("#chats")
    here.get_by_role("checkbox", name="Heating offers").check()
    here.get_by_role("checkbox", name="Contract review").click(modifiers=["Shift"])
    expect(here.get_by_role("status")).to_have_text("3 marked")
    here.get_by_role("checkbox", name="All on this page").check()
    expect(here.get_by_role("status")).to_have_text("4 marked")
    here.get_by_role("checkbox", name="All on this page").uncheck()
    expect(here.get_by_role("status")).to_have_text("")


def test_a_menu_on_the_page_of_all_chats_changes_page_and_sidebar(page: Page, chats: dict[str, Conversation]) -> None:
    page.goto("/chats/all")
    page.locator("#chats").get_by_role("link", name="Options: Contract review").click()
    page.get_by_role("dialog", name="Options").get_by_role("button", name="Archive").click()
    expect(page.locator("#chats").get_by_text("Contract review")).to_have_count(0)
    expect(page.locator("#chat-list").get_by_text("Contract review")).to_have_count(0)


def test_older_chats_come_while_scrolling(page: Page, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LENGTH", 40)
    now = timezone.now()
    Conversation.objects.bulk_create(
        Conversation(owner=owner, title=f"Chat {n}", updated_at=now - timedelta(days=n)) for n in range(120)
    )
    page.goto("/")
    rows = shown_list(page).locator(".chat-row")
    for count in (80, 120):
        rows.last.scroll_into_view_if_needed()
        expect(rows).to_have_count(count)
    months = page.locator("#chat-list h2").all_text_contents()
    assert len(months) == len(set(months))


def test_a_menu_after_the_session_ended_leads_to_sign_in_and_back_to_the_page(
    page: Page, owner: User, chats: dict[str, Conversation]
) -> None:
    here = f"/chats/all?tag={labels.create(owner, Tag, 'urgent').pk}"
    page.goto(here)
    row = shown_list(page).locator(".chat-row", has_text="Contract review")
    row.hover()
    page.context.clear_cookies(name="sessionid")
    row.get_by_role("link", name="Options: Contract review").click()
    page.wait_for_url("**/accounts/login/**")
    expect(page.get_by_role("status")).to_have_text("Your session has ended. Sign in again to go on where you were.")
    page.get_by_label("E-mail").fill(owner.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{here}")


def test_when_the_connection_is_gone_the_menu_says_so(page: Page, chats: dict[str, Conversation]) -> None:
    page.goto("/")
    menu = menu_of(page, "Contract review")
    page.route("**/organise/pin", lambda route: route.abort())
    menu.get_by_role("button", name="Pin to the top").click()
    expect(menu.get_by_role("alert")).to_contain_text("Nothing was changed")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_menus(page: Page, owner: User, chats: dict[str, Conversation], scheme: str) -> None:
    arranging.move([chats["Old plans"]], labels.create(owner, Folder, "Work"))
    arranging.tag([chats["Contract review"]], labels.create(owner, Tag, "urgent"))
    arranging.pin([chats["Trip to Łódź"]], on=True)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    page.goto(f"/chats/{chats['Heating offers'].pk}")
    menu = menu_of(page, "Contract review")
    for part in ("Rename", "Move to a folder", "Tags"):
        menu.get_by_text(part).first.click()
        assert complaints(page) == []
    page.goto("/chats/all")
    page.locator("#chats").get_by_role("checkbox", name="Old plans").check()
    page.locator(".several summary", has_text="Tag").click()
    assert complaints(page) == []
