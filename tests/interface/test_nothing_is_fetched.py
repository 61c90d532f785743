"""A real browser shows everything that a model might write, and asks nobody but this server for anything."""

import pytest
from playwright.sync_api import Page

from accounts.models import User
from chats import conversation as conversations
from chats import presentation
from chats.models import Conversation, Message
from tests.chats.exfiltration import TRICKS
from tests.interface.conftest import in_both_windows

pytestmark = pytest.mark.browser


def _answer(conversation: Conversation, text: str) -> None:
    answer = conversations.post_message(conversation, "Why?").answer
    answer.status, answer.content = Message.Status.DONE, text
    answer.html = presentation.final_html(text, {})
    answer.save()


@in_both_windows
def test_no_trick_of_an_answer_reaches_anybody(tab: Page, owner: User) -> None:
    conversation = conversations.start(owner)
    for begin in range(0, len(TRICKS), 10):
        _answer(conversation, "\n\n".join(TRICKS[begin : begin + 10]))
    asked: list[str] = []
    tab.route_web_socket("**/ws/**", lambda _socket: None)
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(f"/chats/{conversation.pk}")
    tab.locator(".answer").last.scroll_into_view_if_needed()
    tab.wait_for_load_state("networkidle")
    assert tab.locator(".answer").count() == 6
    assert len(asked) > 5
    assert [url for url in asked if "evil.example" in url] == []
    assert (
        tab.evaluate("document.querySelectorAll('.prose :is(img, iframe, script, style, link, object, form)').length")
        == 0
    )
