"""Why this answer, in Chromium: beside the answer it is about, on a phone and a wide window, for everybody."""

import os

import pytest
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from tests.chats.explaining.test_why import COOKING, COST, QUESTION, ask
from tests.interface.accessibility import complaints
from tests.ollama_server import OllamaServer
from tests.retrieval.conftest import AddDocument, add, clean_after
from tests.routes import signed_in

__all__ = ["add", "clean_after"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, databases=["default", "owner"]),
    pytest.mark.usefixtures("clean_after"),
]


def test_it_opens_beside_the_answer_and_closes_again(
    chromium: Browser, live_server: LiveServer, owner: User, ollama: OllamaServer, add: AddDocument
) -> None:
    ollama.script("llama3.2:3b", text="The northern offer costs 8,800 euros [1].")
    for name, text in {"offer.txt": COST, "copy of the offer.txt": COST, "soup.txt": COOKING}.items():
        add(owner, name, [text])
    answer = ask(owner, QUESTION, "And until when is it valid?")
    cookie = signed_in(owner).cookies["sessionid"].value
    for theme, width in (("light", 1440), ("dark", 320)):
        context = chromium.new_context(
            base_url=live_server.url,
            color_scheme="dark" if theme == "dark" else "light",
            viewport={"width": width, "height": 900},
            reduced_motion="reduce",
        )
        context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        page = context.new_page()
        page.route_web_socket("**/ws/**", lambda _socket: None)
        page.goto(f"/chats/{answer.conversation_id}")
        page.get_by_label("Why this answer").last.click()
        expect(page.locator("#panel").get_by_role("heading", name="Found, but not used")).to_be_visible()
        page.locator("#panel .why-entry summary").first.click()
        assert complaints(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if folder := os.environ.get("PICTURES"):
            page.screenshot(path=f"{folder}/why-{theme}.png")
        page.locator("#panel [data-close-panel]").click()
        expect(page.locator("#panel .why")).to_have_count(0)
        # The same as a page of its own.
        page.goto(f"/chats/{answer.conversation_id}/messages/{answer.pk}/why")
        assert complaints(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        context.close()
