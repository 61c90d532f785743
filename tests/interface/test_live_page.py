"""The open page of a conversation: frames in every order, a socket that breaks, scrolling, and the composer."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from accounts.models import User
from chats import conversation as conversations
from chats.models import Conversation, Message
from tests.chats.conftest import sealed_in
from tests.conftest import PASSWORD
from tests.interface.conftest import PHONE, in_both_windows
from tests.interface.page_server import Server
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def finish(answer: Message, text: str = "Because of scattering.") -> None:
    Message.objects.filter(pk=answer.pk).update(status="done", **sealed_in(answer, content=text, html=f"<p>{text}</p>"))


def final(answer: Message, text: str) -> str:
    return (
        f'<article id="m-{answer.pk}" class="message answer" data-message="{answer.pk}" data-status="done" '
        f'hx-swap-oob="outerHTML"><div class="prose"><p>{text}</p></div></article>'
    )


def prose(tab: Page, answer: Message) -> str:
    return tab.locator(f"#m-{answer.pk} .prose").inner_text()


def from_end(tab: Page) -> float:
    """Pixels between what is seen and the end of the text."""
    return float(tab.locator("#scroll").evaluate("s => s.scrollHeight - s.scrollTop - s.clientHeight"))


def opened(tab: Page, server: Server, chat: Conversation) -> None:
    tab.goto(f"/chats/{chat.pk}")
    server.wait()


@in_both_windows
def test_deltas_are_applied_in_order_and_the_end_replaces_the_bubble(
    tab: Page, server: Server, chat: Conversation, answer: Message
) -> None:
    opened(tab, server, chat)
    expect(tab.get_by_role("button", name="Stop the answer")).to_be_visible()
    server.send(answer.pk, "delta", 1, open="<p>One</p>", status="writing")
    server.send(answer.pk, "delta", 2, done="<p>One.</p>", open="<p>Two</p>")
    server.send(
        answer.pk, "delta", 3, done="<p>Two.</p>", open=f'<pre><code id="m-{answer.pk}-code">a &lt; b</code></pre>'
    )
    server.send(answer.pk, "delta", 4, code=" &amp;&amp; c")
    expect(tab.locator(f"#m-{answer.pk}-code")).to_have_text("a < b && c")
    expect(tab.locator(f"#m-{answer.pk}-done")).to_have_text("One.Two.")
    server.send(answer.pk, "final", content=final(answer, "All of it."))
    expect(tab.locator(f"#m-{answer.pk} .prose")).to_have_text("All of it.")
    expect(tab.get_by_role("button", name="Send")).to_be_visible()
    assert server.received == []


def test_what_came_already_is_dropped_and_a_gap_asks_for_the_state(
    tab: Page, server: Server, chat: Conversation, answer: Message
) -> None:
    opened(tab, server, chat)
    server.send(answer.pk, "delta", 1, done="<p>one</p>")
    server.send(answer.pk, "delta", 1, done="<p>one</p>")
    server.send(answer.pk, "delta", 4, done="<p>four</p>")
    server.send(answer.pk, "delta", 5, done="<p>five</p>")
    assert server.heard({"resume": str(answer.pk)})
    assert prose(tab, answer).split() == ["one"]
    server.send(answer.pk, "state", 5, done="<p>one</p><p>two</p>", open="<p>five</p>", state="", status="writing")
    server.send(answer.pk, "delta", 6, open="<p>six</p>")
    expect(tab.locator(f"#m-{answer.pk}-open")).to_have_text("six")
    assert prose(tab, answer).split() == ["one", "two", "six"]
    assert server.received == [{"resume": str(answer.pk)}]


def test_frames_that_overtake_the_answer_to_the_post_are_not_lost(
    tab: Page, server: Server, chat: Conversation
) -> None:
    opened(tab, server, chat)

    def happen(route: Route) -> APIResponse:
        response = route.fetch()
        answer = Message.objects.get(conversation=chat, role="assistant")
        server.send(answer.pk, "exchange", content=f'<div hx-swap-oob="beforeend:#messages">{response.text()}</div>')
        server.send(answer.pk, "delta", 1, open="<p>Early</p>")
        server.send(answer.pk, "delta", 2, done="<p>Early bird</p>", open="")
        return response

    server.reply_late(chat.owner, "**/messages", happen)
    tab.get_by_label("Your question").fill("Are you there?")
    tab.keyboard.press("Enter")
    expect(tab.locator(".answer .done")).to_have_text("Early bird")
    expect(tab.locator(".question")).to_have_count(1)
    expect(tab.locator(".answer")).to_have_count(1)
    expect(tab.get_by_label("Your question")).to_have_value("")


@in_both_windows
def test_a_question_from_another_tab_appears_once(tab: Page, server: Server, chat: Conversation, owner: User) -> None:
    opened(tab, server, chat)
    finished = conversations.post_message(chat, "From elsewhere").answer
    content = (
        f'<div hx-swap-oob="beforeend:#messages"><article id="m-{finished.pk}" class="message answer" '
        f'data-message="{finished.pk}" data-live data-stop="/x" data-url="/y"></article></div>'
    )
    server.send(finished.pk, "exchange", content=content)
    server.send(finished.pk, "exchange", content=content)
    server.send(finished.pk, "title", content='<title>New</title><span hx-swap-oob="innerHTML:#chat-title">New</span>')
    expect(tab.locator("#chat-title")).to_have_text("New")
    expect(tab.locator(".answer")).to_have_count(1)


def test_a_question_means_the_answer_that_was_read_though_another_tab_went_on(
    tab: Page, server: Server, chat: Conversation, answer: Message
) -> None:
    finish(answer)
    opened(tab, server, chat)
    finish(conversations.post_message(chat, "From a tab that this one does not hear").answer, "Unheard.")
    tab.get_by_label("Your question").fill("And at sunset?")
    tab.get_by_label("Your question").press("Enter")
    expect(tab.locator(".question .bubble")).to_have_text(["Why is the sky blue?", "And at sunset?"])
    expect(tab.locator(".question .siblings .number")).to_have_text("2 of 2")
    expect(tab.locator(".answer").last).to_have_attribute("data-status", "queued")
    expect(tab.get_by_label("Your question")).to_have_value("")


@in_both_windows
def test_without_a_socket_the_page_says_so_and_polls(
    tab: Page, server: Server, chat: Conversation, answer: Message
) -> None:
    server.refuses = True
    tab.goto(f"/chats/{chat.pk}")
    expect(tab.locator("#connection")).to_have_text("Reconnecting…", timeout=10_000)
    finish(answer)
    expect(tab.locator(f"#m-{answer.pk} .prose")).to_have_text("Because of scattering.", timeout=10_000)
    expect(tab.get_by_role("button", name="Send")).to_be_visible()
    server.refuses = False
    server.wait()
    expect(tab.locator("#connection")).to_have_text("")


@in_both_windows
def test_after_a_break_what_the_server_does_not_mention_is_fetched(
    tab: Page, server: Server, chat: Conversation, answer: Message
) -> None:
    opened(tab, server, chat)
    finish(answer)
    server.sockets[-1].close(code=1012)
    server.wait(sockets=2)
    expect(tab.locator(f"#m-{answer.pk} .prose")).to_have_text("Because of scattering.", timeout=10_000)


@in_both_windows
def test_the_page_follows_the_text_only_while_the_reader_is_at_the_end(
    tab: Page, server: Server, chat: Conversation, answer: Message
) -> None:
    opened(tab, server, chat)
    block = "".join(f"<p>Line {number} of many.</p>" for number in range(60))
    server.send(answer.pk, "delta", 1, done=block)
    expect(tab.locator(f"#m-{answer.pk}-done p")).to_have_count(60)
    until(lambda: from_end(tab) < 2)
    tab.locator("#scroll").hover()
    tab.mouse.wheel(0, -600)
    until(lambda: from_end(tab) > 300)
    before = tab.evaluate("document.getElementById('scroll').scrollTop")
    server.send(answer.pk, "delta", 2, done=block)
    expect(tab.get_by_role("button", name="New text")).to_be_visible()
    assert tab.evaluate("document.getElementById('scroll').scrollTop") == before
    tab.get_by_role("button", name="New text").click()
    until(lambda: from_end(tab) < 2)
    expect(tab.get_by_role("button", name="New text")).to_be_hidden()
    server.send(answer.pk, "delta", 3, done=block)
    expect(tab.locator(f"#m-{answer.pk}-done p")).to_have_count(180)
    until(lambda: from_end(tab) < 2)


def test_a_slow_wheel_leaves_the_end_of_a_text_that_grows_with_every_frame(
    tab: Page, server: Server, chat: Conversation, answer: Message
) -> None:
    opened(tab, server, chat)
    server.send(answer.pk, "delta", 1, done="".join(f"<p>Line {number}.</p>" for number in range(60)))
    until(lambda: from_end(tab) < 2)
    tab.evaluate(
        f"""() => {{
            const done = document.getElementById("m-{answer.pk}-done").lastElementChild;
            window.grown = 0;
            const grow = () => {{
                done.insertAdjacentHTML("beforeend", "<p>More.</p>");
                if (++window.grown < 200) requestAnimationFrame(grow);
            }};
            grow();
        }}"""
    )
    tab.mouse.move(640, 300)
    for _ in range(5):
        tab.mouse.wheel(0, -40)
    until(lambda: tab.evaluate("window.grown === 200"))
    # 200 lines came below what is read.
    assert from_end(tab) > 200 * 20


def test_an_answer_in_many_parts_moves_no_reader_and_looks_like_one_text(
    tab: Page, server: Server, chat: Conversation, answer: Message
) -> None:
    opened(tab, server, chat)
    blocks = [
        "<h3>Heading</h3>",
        "<p>First line.</p>",
        "<ul><li>One</li><li>Two</li></ul>",
        "<p>Second line.</p>",
        "<blockquote><p>Said by others.</p></blockquote>",
    ]

    def send(seqs: range) -> None:
        for seq in seqs:
            server.send(answer.pk, "delta", seq, done=blocks[(seq - 1) % 5], open=f"<p>Open {seq}</p>")
        expect(tab.locator(f"#m-{answer.pk}-done h3")).to_have_count(seqs[-1] // 5)

    send(range(1, 101))
    assert tab.locator(f"#m-{answer.pk}-done > *").count() > 3
    until(lambda: from_end(tab) < 2)
    tab.mouse.move(640, 300)
    tab.mouse.wheel(0, -900)
    until(lambda: from_end(tab) > 800)
    lines = f"""[...document.querySelectorAll("#m-{answer.pk}-done p")].map(p => p.getBoundingClientRect().top)
        .filter(top => top > 0 && top < 600)"""
    before = tab.evaluate(lines)
    send(range(101, 201))
    expect(tab.get_by_role("button", name="New text")).to_be_visible()
    assert tab.evaluate(lines) == before
    tab.get_by_role("button", name="New text").click()
    until(lambda: from_end(tab) < 2)
    expect(tab.get_by_role("button", name="New text")).to_be_hidden()
    send(range(201, 301))
    until(lambda: from_end(tab) < 2)

    # All of it in sight: each of the equal blocks is as far from the next, wherever a part ends.
    tab.evaluate(
        """for (const part of document.querySelectorAll(".part"))
            part.style.cssText = "content-visibility: visible; contain: content";"""
    )
    steps = tab.evaluate(
        f"""[...document.querySelectorAll("#m-{answer.pk}-done h3")].map(h => h.getBoundingClientRect().top)
            .map((top, n, all) => Math.round(all[n + 1] - top)).slice(1, -1)"""
    )
    assert len(set(steps)) == 1


def test_words_never_reach_htmx_which_would_search_the_whole_page_for_each(
    tab: Page, server: Server, chat: Conversation, answer: Message
) -> None:
    tab.add_init_script("window.swaps = 0; addEventListener('htmx:before:ws:message', () => { window.swaps += 1; });")

    def arrive_late(route: Any) -> None:
        tab.wait_for_timeout(300)
        route.continue_()

    tab.route("**/live*.js", arrive_late)
    for sockets in (1, 2):
        if sockets == 1:
            tab.goto(f"/chats/{chat.pk}")
        else:
            server.sockets[-1].close(code=1012)
        server.wait(sockets=sockets)
        server.send(answer.pk, "delta", sockets, done=f"<p>Line {sockets}.</p>")
        expect(tab.locator(f"#m-{answer.pk}-done p")).to_have_count(sockets)
    assert tab.evaluate("window.swaps") == 0
    server.send(answer.pk, "final", content=final(answer, "All of it."))
    expect(tab.locator(f"#m-{answer.pk} .prose")).to_have_text("All of it.")
    assert tab.evaluate("window.swaps") == 1


def test_a_long_block_leaves_the_page_time_between_two_of_its_versions_and_stops_nothing_else(
    tab: Page, server: Server, chat: Conversation, answer: Message
) -> None:
    # A browser for which laying out such a block takes a tenth of a second.
    tab.add_init_script(
        """const { getBoundingClientRect: look } = Element.prototype;
        Element.prototype.getBoundingClientRect = function () {
            const end = performance.now() + (this.matches(".open") ? 100 : 0);
            while (performance.now() < end);
            return look.call(this);
        };"""
    )
    opened(tab, server, chat)
    tab.evaluate(
        f"""window.versions = [];
        new MutationObserver(() => versions.push(document.getElementById("m-{answer.pk}-open").textContent.slice(-2)))
            .observe(document.getElementById("m-{answer.pk}-open"), {{ childList: true }});"""
    )
    block = tab.locator(f"#m-{answer.pk}-open")

    def send(seqs: range) -> None:
        for seq in seqs:
            server.send(answer.pk, "delta", seq, open=f'<p dir="auto">{"x" * 20_000}{seq:02}</p>')

    send(range(1, 31))
    expect(block).to_contain_text("x30")
    # The first at once, and then few of the others.
    versions = tab.evaluate("versions")
    assert versions[0] == "01"
    assert len(versions) < 15
    # What ends the block comes at once and in its order.
    send(range(31, 35))
    server.send(answer.pk, "delta", 35, done="<p>It has ended.</p>", open="<p>Next</p>")
    expect(tab.locator(f"#m-{answer.pk} .prose p")).to_have_text(["It has ended.", "Next"])
    # And what was left out never comes after the end.
    send(range(36, 40))
    server.send(answer.pk, "final", content=final(answer, "All of it."))
    tab.wait_for_timeout(600)
    expect(tab.locator(f"#m-{answer.pk} .prose")).to_have_text("All of it.")


@in_both_windows
def test_older_messages_come_in_above_without_moving_what_is_read(
    tab: Page, server: Server, chat: Conversation
) -> None:
    for number in range(40):
        finish(conversations.post_message(chat, f"Question {number}").answer, f"Answer {number}. " + "More. " * 150)
    opened(tab, server, chat)
    expect(tab.locator(".question")).to_have_count(15)
    tab.evaluate("document.getElementById('scroll').scrollTop = 300")
    place = "document.querySelector('[aria-label=You] ~ article').id"
    mark = tab.evaluate(place)
    top = f"document.getElementById('{mark}').getBoundingClientRect().top"
    before = tab.evaluate(top)
    expect(tab.locator(".question")).to_have_count(30, timeout=10_000)
    assert abs(tab.evaluate(top) - before) < 3


@in_both_windows
def test_a_refused_question_stays_in_the_field_and_says_why(tab: Page, server: Server, chat: Conversation) -> None:
    opened(tab, server, chat)
    field = tab.get_by_label("Your question")
    field.fill("word " * 30_000)
    expect(tab.locator("#composer-count")).to_contain_text("too many")
    field.press("Enter")
    expect(tab.locator("#composer-note")).to_contain_text("the limit is 100,000")
    expect(tab.locator("#composer-note")).not_to_contain_text("&")
    assert len(field.input_value()) == 150_000
    tab.route("**/messages", lambda route: route.abort())
    field.fill("Short")
    field.press("Enter")
    expect(tab.locator("#composer-note")).to_contain_text("could not be reached")
    expect(field).to_have_value("Short")
    tab.reload()
    expect(field).to_have_value("Short")


@in_both_windows
def test_keys_write_lines_send_and_stop(tab: Page, server: Server, chat: Conversation) -> None:
    opened(tab, server, chat)
    field = tab.get_by_label("Your question")
    field.press_sequentially("First")
    field.press("Shift+Enter")
    field.press_sequentially("second")
    expect(field).to_have_value("First\nsecond")
    field.press("Control+Enter")
    expect(tab.locator(".question .bubble")).to_have_text("First\nsecond")
    stop = tab.get_by_role("button", name="Stop the answer")
    expect(stop).to_be_visible()
    with tab.expect_request("**/stop") as stopped:
        field.press("Escape")
    assert stopped.value.method == "POST"


def test_stop_after_the_session_ended_leads_to_sign_in_and_back_to_the_draft(
    tab: Page, server: Server, chat: Conversation, answer: Message, owner: User
) -> None:
    opened(tab, server, chat)
    tab.get_by_label("Your question").fill("And at sunset?")
    tab.context.clear_cookies(name="sessionid")
    tab.get_by_role("button", name="Stop the answer").click()
    tab.wait_for_url(re.compile("/accounts/login/"))
    asked = parse_qs(urlsplit(tab.url).query)
    assert asked == {"next": [f"/chats/{chat.pk}"], "ended": ["question"]}
    tab.get_by_label("E-mail").fill(owner.email)
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Sign in", exact=True).click()
    tab.wait_for_url(f"**/chats/{chat.pk}")
    expect(tab.get_by_label("Your question")).to_have_value("And at sunset?")


@in_both_windows
def test_a_new_chat_begins_on_the_empty_page(tab: Page, server: Server) -> None:
    tab.goto("/")
    field = tab.get_by_label("Your question")
    field.fill("Is anybody there?")
    field.press("Enter")
    tab.wait_for_url(re.compile("/chats/"))
    expect(tab.locator(".question")).to_have_count(1)
    tab.goto("/")
    expect(field).to_have_value("")


@in_both_windows
def test_the_theme_is_chosen_and_kept(tab: Page) -> None:
    tab.goto("/")
    if tab.viewport_size == PHONE:
        tab.get_by_role("button", name="Chats and pages").click()
    tab.locator(".account").click()
    tab.get_by_role("button", name="Dark").click()
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    tab.reload()
    expect(tab.locator("html")).to_have_attribute("data-theme", "dark")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == dark


def test_nothing_is_wider_than_the_narrowest_phone(tab: Page, server: Server, chat: Conversation) -> None:
    answer = conversations.post_message(chat, "Wide things, and averyveryverylongwordwithoutanyspaceinit" * 3).answer
    table = "<div class='table-scroll'><table><tr>" + "<td>some words</td>" * 12 + "</tr></table></div>"
    code = (
        "<figure class='code'><figcaption><span>text</span></figcaption><pre><code>"
        + "x" * 300
        + "</code></pre></figure>"
    )
    Message.objects.filter(pk=answer.pk).update(status="done", **sealed_in(answer, content="x", html=table + code))
    tab.set_viewport_size({"width": 320, "height": 640})
    for path in ("/", f"/chats/{chat.pk}"):
        tab.goto(path)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 320


def test_an_answer_that_ended_before_the_socket_opened_is_fetched(
    tab: Page, server: Server, chat: Conversation, answer: Message
) -> None:
    """All that such a socket says is what the conversation ends with."""
    opened(tab, server, chat)
    finish(answer)
    server.send(answer.pk, "path")
    until(lambda: not tab.locator("[data-live]").count())
    assert prose(tab, answer) == "Because of scattering."
