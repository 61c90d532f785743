"""Focus, marked text and words for screen readers, when what they stand in is replaced; and what other tabs ask. In
Chromium, on a phone and a wide window."""

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from chats import conversation as conversations
from chats import presentation
from chats.markdown import LONG, PART
from chats.models import Conversation, Message
from tests.chats.conftest import answered, sealed_in
from tests.interface.conftest import in_both_windows
from tests.interface.page_server import Server
from tests.interface.test_live_page import finish

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CODE = (
    '<figure class="code"><figcaption><span>text</span></figcaption><pre tabindex="0"><code>a = 1</code></pre></figure>'
)
FOCUSED = "document.activeElement.ariaLabel || document.activeElement.id || document.activeElement.tagName"


def opened(tab: Page, server: Server, chat: Conversation) -> None:
    tab.goto(f"/chats/{chat.pk}")
    server.wait()


def ended(answer: Message, status: str = "done", html: str = "<p>Because.</p>") -> str:
    """The answer's last frame."""
    sealed = sealed_in(answer, content="Because.", html=html)
    Message.objects.filter(pk=answer.pk).update(status=status, **sealed)
    answer.refresh_from_db()
    return presentation.bubble(answer)


@in_both_windows
@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("done", "The answer is complete."),
        ("stopped", "The answer was stopped."),
        ("failed", "The model could not be reached."),
        ("interrupted", "The answer was interrupted. What was written is kept."),
    ],
)
def test_how_an_answer_ended_is_said(
    tab: Page, server: Server, chat: Conversation, answer: Message, status: str, said: str
) -> None:
    opened(tab, server, chat)
    if status == "failed":
        Message.objects.filter(pk=answer.pk).update(error_text=said)
    server.send(answer.pk, "final", 1, content=ended(answer, status))
    expect(tab.locator("#announcer")).to_have_text(said)


@in_both_windows
def test_what_has_the_focus_in_an_answer_has_it_when_the_answer_ends(
    tab: Page, server: Server, chat: Conversation, answer: Message
) -> None:
    opened(tab, server, chat)
    server.send(answer.pk, "delta", 1, done=f"<p>See this.</p>{CODE}", status="writing")
    tab.locator(".answer pre").focus()
    server.send(answer.pk, "final", 2, content=ended(answer, html=f"<p>See this.</p>{CODE}"))
    expect(tab.locator(".answer[data-status=done] pre")).to_be_focused()


@in_both_windows
def test_text_that_is_marked_stays_marked_when_the_answer_ends(
    tab: Page, server: Server, chat: Conversation, answer: Message
) -> None:
    opened(tab, server, chat)
    server.send(answer.pk, "delta", 1, done="<p>One <b>two</b> three.</p>", open="<p>Four", status="writing")
    tab.evaluate(
        """() => {
            const texts = document.querySelectorAll(".answer .done b, .answer .done p");
            getSelection().setBaseAndExtent(texts[1].firstChild, 1, texts[0].lastChild, 4);
        }"""
    )
    assert tab.evaluate("getSelection().toString()") == "wo thr"
    server.send(answer.pk, "final", 2, content=ended(answer, html="<p>One <b>two</b> three.</p><p>Four five.</p>"))
    expect(tab.locator(".answer[data-status=done]")).to_be_visible()
    assert tab.evaluate("getSelection().toString()") == "wo thr"


@in_both_windows
def test_who_stops_an_answer_by_keyboard_goes_on_writing(
    tab: Page, server: Server, chat: Conversation, answer: Message
) -> None:
    opened(tab, server, chat)
    tab.get_by_label("Your question").focus()
    stop = tab.get_by_role("button", name="Stop the answer")
    for _ in range(12):
        if stop.evaluate("stop => stop === document.activeElement"):
            break
        tab.keyboard.press("Tab")
    with tab.expect_response("**/stop"):
        tab.keyboard.press("Enter")
    expect(tab.get_by_label("Your question")).to_be_focused()


@in_both_windows
def test_who_goes_on_with_an_answer_by_keyboard_is_not_thrown_to_the_beginning(
    tab: Page, server: Server, chat: Conversation
) -> None:
    answer = answered(chat, "Why?", "Because")
    Message.objects.filter(pk=answer.pk).update(status="stopped")
    opened(tab, server, chat)
    tab.get_by_role("button", name="Continue").focus()
    tab.keyboard.press("Enter")
    expect(tab.locator("[data-live]")).to_be_visible()
    assert tab.evaluate(FOCUSED) == "question"
    assert conversations.continue_answer(answer).status == "queued"


@in_both_windows
def test_what_another_tab_asked_meanwhile_does_not_stand_below_what_this_one_asked(
    tab: Page, server: Server, chat: Conversation, answer: Message
) -> None:
    finish(answer)
    opened(tab, server, chat)

    def happen(route: Route) -> APIResponse:
        elsewhere = conversations.post_message(chat, "Elsewhere", parent_id=answer.pk)
        response = route.fetch()
        content = presentation.append_messages(presentation.exchange(elsewhere.question, [elsewhere.answer], chat))
        server.send(elsewhere.answer.pk, "exchange", content=content, after=str(answer.pk))
        return response

    server.reply_late(chat.owner, "**/messages", happen)
    tab.get_by_label("Your question").fill("Here")
    tab.keyboard.press("Enter")
    expect(tab.locator(".question .siblings .number")).to_have_text("2 of 2")
    tab.wait_for_load_state("networkidle")
    expect(tab.locator(".question .bubble")).to_have_text(["Why is the sky blue?", "Here"])


def test_what_another_tab_asked_below_what_both_show_stands_there(
    tab: Page, server: Server, chat: Conversation, answer: Message
) -> None:
    finish(answer)
    opened(tab, server, chat)
    for text in ("First", "Second"):
        asked = conversations.post_message(chat, text)
        finish(asked.answer)
        content = presentation.append_messages(presentation.exchange(asked.question, [asked.answer], chat))
        server.send(asked.answer.pk, "exchange", content=content, after=str(asked.question.parent_id))
    expect(tab.locator(".question .bubble")).to_have_text(["Why is the sky blue?", "First", "Second"])
    # Below another version, of which this page was not told: it fetches what the chat shows now.
    asked = conversations.post_message(chat, "Third", parent_id=answer.pk)
    server.send(asked.answer.pk, "exchange", content="", after=str(answer.pk))
    expect(tab.locator(".question .bubble")).to_have_text(["Why is the sky blue?", "Third"])


@in_both_windows
def test_the_end_of_a_very_long_answer_moves_no_reader_who_scrolled_up(
    tab: Page, server: Server, chat: Conversation, answer: Message
) -> None:
    opened(tab, server, chat)
    words = [f"Paragraph {number}. " + "Word " * (number % 90) for number in range(LONG + 100)]
    pieces = (
        presentation.final_html("\n\n".join(words[:LONG]), {}),
        presentation.final_html("\n\n".join(words[LONG:]), {}),
    )
    for seq, piece in enumerate(pieces, 1):
        server.send(answer.pk, "delta", seq, done=piece)
    read = tab.locator(".answer .done p", has_text=f"Paragraph {LONG // 2}.")
    read.scroll_into_view_if_needed()
    top = read.evaluate("one => one.getBoundingClientRect().top")
    server.send(answer.pk, "final", content=ended(answer, html=presentation.final_html("\n\n".join(words), {})))
    expect(tab.locator(".answer[data-live]")).to_have_count(0)
    expect(tab.locator(".answer .part")).to_have_count((LONG + 100) // PART)
    assert abs(read.evaluate("one => one.getBoundingClientRect().top") - top) < 1
    # Whoever comes later is not made to wait for what is out of sight.
    assert tab.locator(".answer .part").first.evaluate("one => getComputedStyle(one).contentVisibility") == "visible"
    tab.reload()
    assert tab.locator(".answer .part").first.evaluate("one => getComputedStyle(one).contentVisibility") == "auto"
