"""Searching one's documents in Chromium: results in place, narrowing from a result, and what axe says of it."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from tests.interface.accessibility import complaints
from tests.retrieval.conftest import AddDocument, add, clean_after
from tests.routes import signed_in

__all__ = ["add", "clean_after"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, databases=["default", "owner"]),
    pytest.mark.usefixtures("clean_after"),
]

HERONS = "Two herons stand at the river, and the keeper of the lighthouse counts them every morning."


@pytest.fixture
def page(chromium: Browser, live_server: LiveServer, owner: User, add: AddDocument) -> Iterator[Page]:
    add(owner, "birds of the river.txt", [HERONS, "Gulls stand on the roof of the lighthouse in winter."])
    add(owner, "quay.txt", ["Salt was traded at the quay, and herons were sold there, next to granite and timber."])
    context = chromium.new_context(base_url=live_server.url, reduced_motion="reduce")
    cookie = signed_in(owner).cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    page = context.new_page()
    page.goto("/documents/search")
    yield page
    context.close()


def search(page: Page, words: str) -> None:
    page.get_by_role("searchbox").fill(words)
    page.keyboard.press("Enter")
    page.locator(".hit").first.wait_for()


def test_results_come_in_place_and_can_be_narrowed_from_one_of_them(page: Page) -> None:
    search(page, "herons at the river")
    expect(page.locator(".hit")).to_have_count(3)
    expect(page.locator(".hit mark").first).to_be_visible()
    page.locator(".hit", has_text="quay.txt").get_by_text("Only in this document").click()
    expect(page.locator(".hit")).to_have_count(1)
    expect(page.get_by_label("Document", exact=True)).to_have_value(
        page.locator(".hit-only").get_attribute("value") or ""
    )
    # Another choice is searched with at once.
    page.get_by_label("Document", exact=True).select_option(label="All")
    expect(page.locator(".hit")).to_have_count(3)
    assert page.url.endswith("/documents/search")


def test_back_from_a_page_the_same_words_are_found_again(page: Page) -> None:
    search(page, "herons at the river")
    page.goto("/search")
    assert page.get_by_role("searchbox").input_value() == ""
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value("herons at the river")
    expect(page.locator(".hit")).to_have_count(3)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_filters_stand_in_columns_of_one_width_and_one_height(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.get_by_text("Filters", exact=True).click()
    fields = page.locator(".filter-grid :is(select, input)")
    boxes = fields.evaluate_all("all => all.map(one => one.getBoundingClientRect().toJSON())")
    assert len(boxes) >= 4
    assert {round(box["height"]) for box in boxes} == {40}
    assert len({round(box["width"]) for box in boxes}) == 1
    assert page.locator(".filter-grid").evaluate("grid => grid.scrollWidth <= grid.clientWidth")
    since, until = (
        page.locator(name).evaluate("one => one.getBoundingClientRect().top") for name in ("#since", "#until")
    )
    assert (since == until) is (width > 320)


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 320)], ids=["light-1440", "dark-320"])
def test_everybody_can_read_what_is_found(page: Page, theme: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    search(page, "Which herons stand at the river?")
    page.locator(".search-filters summary").click()
    assert complaints(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/documents-search-{theme}.png")
