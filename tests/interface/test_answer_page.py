"""What stands around an answer: its thoughts, its figures, its thumbs. In Chromium, on a phone and a wide window."""

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from chats import conversation as conversations
from chats import presentation
from chats.models import Conversation, Message
from tests.chats.conftest import answered, sealed_in
from tests.interface.conftest import PHONE, WIDE
from tests.interface.page_server import Server

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(params=[PHONE, WIDE], ids=["phone", "wide"])
def page(request: pytest.FixtureRequest, tab: Page) -> Page:
    tab.set_viewport_size(request.param)
    return tab


def opened(page: Page, server: Server, chat: Conversation) -> None:
    page.goto(f"/chats/{chat.pk}")
    server.wait()


def test_thoughts_come_folded_can_be_followed_and_stay_open_to_the_end(
    page: Page, server: Server, chat: Conversation
) -> None:
    answer = conversations.post_message(chat, "Is it?").answer
    opened(page, server, chat)
    line = presentation.state_line("thinking", [], {})
    server.send(answer.pk, "delta", 1, state=line, status="thinking", thoughts="First, is 1 &lt; 2?")
    block = page.locator(".steps")
    expect(block.locator("summary")).to_contain_text("Thinking")
    expect(block.locator(".thinking")).to_be_hidden()
    block.locator("summary").click()
    server.send(answer.pk, "delta", 2, thoughts=" Then I compare.")
    expect(block.locator(".thinking")).to_have_text("First, is 1 < 2? Then I compare.")
    line = presentation.state_line("writing", [], {"thinking": 7.2})
    server.send(answer.pk, "delta", 3, state=line, status="writing", open="<p>Yes</p>")
    expect(block.locator("summary")).to_have_text("Thought for 7 s")
    expect(block.locator(".thinking")).to_have_text("First, is 1 < 2? Then I compare.")
    sealed = sealed_in(answer, content="Yes.", html="<p>Yes.</p>", thinking="First, is 1 < 2? Then I compare.")
    Message.objects.filter(pk=answer.pk).update(status="done", timings={"thinking": 7.2}, **sealed)
    answer.refresh_from_db()
    server.send(answer.pk, "final", 4, content=presentation.bubble(answer))
    expect(page.locator(".answer[data-status=done] .thinking")).to_be_visible()
    page.reload()
    expect(block.locator("summary")).to_have_text("Thought for 7 s")
    expect(block.locator(".thinking")).to_be_hidden()
    block.locator("summary").press("Enter")
    expect(block.locator(".thinking")).to_have_text("First, is 1 < 2? Then I compare.")


def test_every_state_of_an_answer_is_seen_in_words(page: Page, server: Server, chat: Conversation) -> None:
    said = {
        "queued": "Waiting for a free place",
        "searching": "Searching",
        "thinking": "Thinking",
        "writing": "So far.",
        "stopped": "Stopped.",
        "interrupted": "The answer was interrupted. What was written is kept.",
        "failed": "The model is not there. Choose another.",
        "done": "All of it.",
    }
    answer = conversations.post_message(chat, "Is it?").answer
    for status, words in said.items():
        text = words if status == "done" else "" if status in {"queued", "searching", "thinking"} else "So far."
        sealed = sealed_in(answer, content=text, html=presentation.final_html(text, {}))
        error = words if status == "failed" else ""
        Message.objects.filter(pk=answer.pk).update(status=status, error_text=error, **sealed)
        page.goto(f"/chats/{chat.pk}")
        expect(page.locator(".answer").get_by_text(words)).to_be_visible()
        is_live = status in {"queued", "searching", "thinking", "writing"}
        expect(page.get_by_role("button", name="Stop the answer")).to_be_visible(visible=is_live)


def test_a_page_that_comes_later_gets_all_thoughts_once(page: Page, server: Server, chat: Conversation) -> None:
    answer = conversations.post_message(chat, "Is it?").answer
    Message.objects.filter(pk=answer.pk).update(status="thinking", **sealed_in(answer, thinking="First, "))
    opened(page, server, chat)
    line = presentation.state_line("thinking", [], {})
    server.send(answer.pk, "state", 5, done="", open="", state=line, status="thinking", thoughts="First, is it?")
    server.send(answer.pk, "delta", 6, thoughts=" Yes.")
    expect(page.locator(".thinking")).to_have_text("First, is it? Yes.")


def test_a_thumb_and_a_comment_by_pointer_and_by_keyboard(page: Page, server: Server, chat: Conversation) -> None:
    answer = answered(chat)
    opened(page, server, chat)
    page.locator(".answer").hover()
    good, bad = page.get_by_role("button", name="Good answer"), page.get_by_role("button", name="Bad answer")
    bad.click()
    expect(bad).to_have_attribute("aria-pressed", "true")
    expect(bad).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("It is not blue.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your comment")).to_be_visible()
    answer.refresh_from_db()
    assert (answer.rating, answer.rating_comment) == (-1, "It is not blue.")
    good.press("Enter")
    expect(good).to_have_attribute("aria-pressed", "true")
    expect(bad).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(good).to_have_attribute("aria-pressed", "true")
    page.get_by_text("Your comment").click()
    expect(page.get_by_role("textbox", name="What was good about the answer (optional)")).to_have_value(
        "It is not blue."
    )


def test_a_rating_that_could_not_be_stored_says_so_and_keeps_the_words(
    page: Page, server: Server, chat: Conversation
) -> None:
    answered(chat)
    opened(page, server, chat)
    page.locator(".answer").hover()
    page.get_by_role("button", name="Bad answer").click()
    words = page.get_by_role("textbox", name="What was wrong about the answer (optional)")
    words.fill("Wrong")
    page.route("**/rating", lambda route: route.abort())
    page.get_by_role("button", name="Keep the comment").click()
    expect(page.locator("#composer-note")).to_contain_text("could not be reached")
    expect(words).to_have_value("Wrong")


def test_thumbs_pressed_quickly_after_one_another_end_as_what_is_stored(
    page: Page, server: Server, chat: Conversation
) -> None:
    answer = answered(chat)
    opened(page, server, chat)
    good, bad = page.get_by_role("button", name="Good answer"), page.get_by_role("button", name="Bad answer")
    asked: list[str | None] = []
    meanwhile: list[int] = []

    def happen(route: Route) -> APIResponse:
        asked.append(route.request.post_data)
        response = route.fetch()
        if len(asked) == 1:
            bad.click()
            page.wait_for_timeout(300)
            meanwhile.append(len(asked))
        return response

    server.reply_late(chat.owner, "**/rating", happen)
    page.locator(".answer").hover()
    good.click()
    expect(bad).to_have_attribute("aria-pressed", "true")
    expect(good).to_have_attribute("aria-pressed", "false")
    # The second waited for the reply to the first.
    assert meanwhile == [1]
    assert len(asked) == 2
    answer.refresh_from_db()
    assert answer.rating == -1


def test_a_comment_that_is_being_typed_outlives_the_other_thumb(page: Page, server: Server, chat: Conversation) -> None:
    answer = answered(chat)
    opened(page, server, chat)
    page.locator(".answer").hover()
    page.get_by_role("button", name="Bad answer").click()
    page.get_by_role("textbox", name="What was wrong about the answer (optional)").fill("Half a thought")
    page.get_by_role("button", name="Good answer").click()
    words = page.get_by_role("textbox", name="What was good about the answer (optional)")
    expect(words).to_have_value("Half a thought")
    page.get_by_role("button", name="Keep the comment").click()
    expect(page.get_by_text("Your comment")).to_be_visible()
    answer.refresh_from_db()
    assert (answer.rating, answer.rating_comment) == (1, "Half a thought")


def test_two_clicks_ask_again_once(page: Page, server: Server, chat: Conversation) -> None:
    answer = answered(chat)
    opened(page, server, chat)
    asked: list[str] = []
    again = page.get_by_role("button", name="Answer again", exact=True)

    def happen(route: Route) -> APIResponse:
        asked.append(route.request.url)
        if len(asked) == 1:
            again.click()
        return route.fetch()

    server.reply_late(chat.owner, "**/regenerate", happen)
    page.locator(".answer").hover()
    again.click()
    expect(page.locator("[data-live]")).to_be_visible()
    page.wait_for_timeout(300)
    assert len(asked) == 1
    assert Message.objects.filter(parent=answer.parent_id).count() == 2
