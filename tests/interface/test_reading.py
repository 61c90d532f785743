"""Reading and writing for everybody: enlarged, without motion, on a phone, with a screen reader, and interrupted."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from chats import conversation as conversations
from chats import presentation
from chats.models import Conversation, Message
from tests.chats.conftest import sealed_in
from tests.interface.conftest import PHONE, WIDE, in_both_windows
from tests.interface.page_server import Server
from tests.interface.test_live_page import opened
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TERMS = " + ".join(f"x_{{{number}}}" for number in range(40))
WIDE_TEXT = (
    f"{'unbroken' * 60}\n\n[{'link' * 50}](https://example.org/{'path' * 50})\n\n`{'code' * 60}`\n\n"
    f"```python\nlong = '{'words ' * 60}'\n```\n\n|{'head |' * 12}\n|{'-|' * 12}\n|{'cell of a table |' * 12}\n\n"
    f"$${'x_1 + ' * 60} y$$\n\n> {'quoted' * 40}\n\n- {'item' * 60}\n\n"
    f"So ${TERMS}$ is.\n\n## A ${TERMS}$\n\n- [x] ${TERMS}$\n\n> ${TERMS}$\n\n"
    "It is $f(x) = \\frac{1}{\\sqrt{2\\pi}} e^{-\\frac{(x-\\mu)^2}{2}} + \\int_{-\\infty}^{\\infty} g(t)\\,dt$ again.\n"
)

ARABIC = "ما هي عاصمة فرنسا؟ أريد جوابا قصيرا."
HEBREW = (
    "תשובה בעברית, עם `code()` ועם English.\n\nAn English paragraph.\n\n- פריט.\n- An English item.\n\n> ציטוט.\n\n"
    "| שם | API |\n|---|---|\n| אלף | get |\n\n```python\nprint('שלום')\n```\n"
)
MIXED = (
    "An English answer.\n\n- פריט\n  1. ראשון\n  2. An English item.\n\n- عنصر\n\nAnd then:\n\n1. An item.\n2. פריט\n\n"
    "> ציטוט.\n\n| שם | API |\n|---|---|\n| אלף | get |\n\n| one | two |\n|---|---|\n| אלף | get |\n"
)
# Which way an element runs, and the side on which its first line stands.
SIDE = """one => {
    const range = document.createRange();
    range.selectNodeContents(one);
    const [text, box] = [range.getClientRects()[0], one.getBoundingClientRect()];
    const right = box.right - text.right < text.left - box.left;
    return `${getComputedStyle(one).direction} ${right ? "right" : "left"}`;
}"""


def _answered(chat: Conversation, text: str) -> Message:
    answer = conversations.post_message(chat, "Why?").answer
    html = presentation.final_html(text, {})
    Message.objects.filter(pk=answer.pk).update(status="done", **sealed_in(answer, content=text, html=html))
    return answer


def _overflow(tab: Page) -> int:
    return int(tab.evaluate("document.documentElement.scrollWidth - innerWidth"))


@pytest.mark.parametrize("size", [{"width": 320, "height": 640}, PHONE, {"width": 640, "height": 360}, WIDE], ids=str)
def test_nothing_in_an_answer_widens_the_page(
    tab: Page, server: Server, chat: Conversation, size: dict[str, int]
) -> None:
    # 640 by 360 is what a window of 1,280 by 720 shows at 200 %.
    tab.set_viewport_size({"width": size["width"], "height": size["height"]})
    _answered(chat, WIDE_TEXT)
    opened(tab, server, chat)
    assert _overflow(tab) <= 0
    assert tab.locator("#scroll").evaluate("scroll => scroll.scrollWidth - scroll.clientWidth") <= 0
    # Where there is room, lines of code keep their length, and are scrolled.
    code = "" if size == WIDE else ", .code pre"
    wider = f"""[...document.querySelectorAll(".prose > .done > :is(p, blockquote, ul){code}")]
        .filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.textContent.slice(0, 20))"""
    assert tab.evaluate(wider) == []
    field = tab.get_by_label("Your question")
    expect(field).to_be_in_viewport()
    expect(tab.get_by_label("Send", exact=True)).to_be_in_viewport()
    assert tab.evaluate("document.getElementById('scroll').clientHeight") > 100


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_what_is_nested_deeply_keeps_room_for_its_words(
    tab: Page, server: Server, chat: Conversation, width: int
) -> None:
    tab.set_viewport_size({"width": width, "height": 800})
    points = "".join(f"{'  ' * level}- Words of a point\n" for level in range(28))
    numbers = "".join(f"{'   ' * level}1. Words of a number\n" for level in range(28))
    _answered(chat, f"{points}\nand\n\n{numbers}\nand\n\n{'> ' * 20}Words of a quotation\n")
    opened(tab, server, chat)
    room = tab.locator(".prose .done").evaluate("done => done.clientWidth")
    widths = tab.locator(".prose :is(li, blockquote p)").evaluate_all("all => all.map(one => one.clientWidth)")
    assert len(widths) == 28 + 28 + 1
    assert min(widths) >= room * 0.45
    # Each level still stands further in than the one around it.
    left = tab.locator(".prose ul li").evaluate_all("all => all.map(one => one.getBoundingClientRect().left)")
    assert left == sorted(set(left))
    assert left[1] - left[0] >= 16
    assert tab.locator("#scroll").evaluate("scroll => scroll.scrollWidth - scroll.clientWidth") <= 0


@in_both_windows
def test_markdown_is_shown_and_code_is_copied_as_it_was_written(tab: Page, server: Server, chat: Conversation) -> None:
    code = 'def greet(name):\n    return f"<b>{name}</b> & co"\n'
    text = (
        "# Heading\n\nA **bold** and an *italic* word, $a^2$.\n\n1. one\n   - nested\n\n- [x] done\n\n> quoted\n\n"
        f"| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\n{code}```\n"
    )
    _answered(chat, text)
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(tab, server, chat)
    shown = tab.locator(".answer .done")
    marks = ["strong", "em", "math msup", "ol ul li", "input[type=checkbox]", "blockquote", "td", "pre span"]
    for one in ("h1, h2, h3", *marks):
        expect(shown.locator(one).first).to_be_visible()
    expect(shown.locator("figcaption span")).to_have_text("python")
    shown.get_by_role("button", name="Copy").click()
    expect(tab.locator("#announcer")).to_have_text("Copied")
    assert tab.evaluate("navigator.clipboard.readText()").replace("\r\n", "\n").strip() == code.strip()


ON_THE_CLIPBOARD = """async () => {
    const [item] = await navigator.clipboard.read();
    const text = async type => (await item.getType(type)).text();
    return { html: await text("text/html"), plain: await text("text/plain") };
}"""


@in_both_windows
def test_an_answer_is_copied_as_it_looks_and_as_it_was_written(tab: Page, server: Server, chat: Conversation) -> None:
    text = "A **bold** word [1].\n\n$$x^2+\\frac{1}{2}$$\n\n```python\na = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    answer = _answered(chat, text)
    html = presentation.final_html(text, {1: "/source"})
    Message.objects.filter(pk=answer.pk).update(**sealed_in(answer, html=html))
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(tab, server, chat)
    tab.get_by_role("button", name="Copy the answer").click()
    expect(tab.locator("#announcer")).to_have_text("Copied")
    copied = tab.evaluate(ON_THE_CLIPBOARD)
    assert copied["plain"].replace("\r\n", "\n") == text
    for whole in ("<strong>bold</strong>", "<sup>[1]</sup>", "<mfrac>", "<td>2</td>", "<pre>"):
        assert whole in copied["html"]
    for part_of_the_page in ("<button", "/source", "hx-", "data-", ">Copy<"):
        assert part_of_the_page not in copied["html"]


@pytest.mark.parametrize("missing", ["ClipboardItem", "the server"])
def test_an_answer_is_copied_without_what_is_missing(
    tab: Page, server: Server, chat: Conversation, missing: str
) -> None:
    _answered(chat, "A **bold** word.")
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(tab, server, chat)
    if missing == "the server":
        tab.evaluate("() => { window.fetch = () => Promise.reject(new Error('away')); }")
    else:
        # As at an address without TLS.
        tab.evaluate("Object.defineProperty(Clipboard.prototype, 'write', { value: undefined })")
    tab.get_by_role("button", name="Copy the answer").click()
    expect(tab.locator("#announcer")).to_have_text("Copied")
    copied = tab.evaluate(ON_THE_CLIPBOARD)
    assert copied["plain"] == ("A bold word." if missing == "the server" else "A **bold** word.")
    assert ">bold<" in copied["html"]


def test_a_footnote_has_its_number(tab: Page, server: Server, chat: Conversation) -> None:
    _answered(chat, "It is so[^1].\n\n[^1]: Said by all.\n")
    opened(tab, server, chat)
    expect(tab.get_by_role("listitem").filter(has_text="Said by all.")).to_have_css("list-style-type", "decimal")


# How many lines the words of each cell take.
LINES = """cells => cells.map(cell => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return new Set([...range.getClientRects()].map(line => line.top)).size;
})"""


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_a_sentence_in_a_table_is_not_one_word_to_a_line(
    tab: Page, server: Server, chat: Conversation, width: int
) -> None:
    tab.set_viewport_size({"width": width, "height": 800})
    sentence = "a heat pump for the house with a buffer"
    row = f"| {sentence} | 12 | {sentence} | {'unbroken' * 20} |\n"
    _answered(chat, "| Offer | Days | What is in it | Number |\n|---|--:|---|---|\n" + row * 3)
    opened(tab, server, chat)
    offer, days, _, number = tab.locator("td").evaluate_all(LINES)[:4]
    assert offer <= 4
    assert days == 1
    assert number > 1
    assert _overflow(tab) <= 0
    cells = """cells => cells.every((cell) => cell.scrollWidth <= cell.clientWidth)"""
    assert tab.locator("td").evaluate_all(cells)
    whole = """cells => cells.every((cell) => cell.clientWidth < cell.closest(".table-scroll").clientWidth)"""
    assert tab.locator("td").evaluate_all(whole)


def test_addresses_in_a_table_leave_a_sentence_its_room(tab: Page, server: Server, chat: Conversation) -> None:
    sentence = "a heat pump for the house with a buffer and a tank"
    address = "https://example.org/offers/2026/heat-pumps/catalogue.html?model=aw-12&size=large"
    row = f"| Nord | 12,500.00 | {sentence} | {address} | {address} | 2026-05-04 |\n"
    table = "| Firm | Price | What is in it | Offer | Terms | Until |\n|---|--:|---|---|---|---|\n"
    _answered(
        chat, f"{table}{row * 3}\nand\n\n| Year | Good | Bad |\n|---|---|---|\n| 2025 | {sentence} | {sentence} |\n"
    )
    opened(tab, server, chat)
    firm, price, words, offer, terms, until_when = tab.locator("td").evaluate_all(LINES)[:6]
    assert (firm, price, until_when) == (1, 1, 1)
    assert words <= 3
    assert max(offer, terms) <= 4
    # Two sentences beside each other fit.
    wide, narrow = tab.locator(".table-scroll").evaluate_all("all => all.map(one => one.scrollWidth - one.clientWidth)")
    assert wide > 0
    assert narrow == 0
    assert _overflow(tab) <= 0


def test_a_list_with_things_to_do_keeps_the_bullets_of_its_other_points(
    tab: Page, server: Server, chat: Conversation
) -> None:
    _answered(chat, "- [x] a thing to do\n- a point\n\nand\n\n- [ ] one\n- [ ] two\n")
    opened(tab, server, chat)
    marks = tab.locator(".prose li").evaluate_all("all => all.map(one => getComputedStyle(one).listStyleType)")
    assert marks == ["none", "disc", "none", "none"]
    mixed, alone = tab.locator(".prose ul").evaluate_all(
        "all => all.map(one => parseFloat(getComputedStyle(one).paddingLeft))"
    )
    # A bullet has room, and boxes alone need less.
    assert mixed > 16 > alone


def test_tables_are_scrolled_by_keyboard(tab: Page, server: Server, chat: Conversation) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    _answered(chat, WIDE_TEXT)
    opened(tab, server, chat)
    table = tab.get_by_role("group", name="Table")
    table.focus()
    expect(table).to_be_focused()
    for _ in range(5):
        tab.keyboard.press("ArrowRight")
    until(lambda: table.evaluate("table => table.scrollLeft > 0"))


def test_a_formula_stands_in_its_line_and_a_long_one_is_scrolled_by_keyboard(
    tab: Page, server: Server, chat: Conversation
) -> None:
    tab.set_viewport_size(PHONE)
    _answered(
        chat, f"The [one](https://example.org) is ${TERMS}$ so.\n\nA line with $y_i$ in it.\n\nA line without any.\n"
    )
    opened(tab, server, chat)
    formula = tab.locator(".done math").first
    tab.get_by_role("link", name="one").focus()
    tab.keyboard.press("Tab")
    expect(formula).to_be_focused()
    for _ in range(5):
        tab.keyboard.press("ArrowRight")
    until(lambda: formula.evaluate("formula => formula.scrollLeft > 0"))
    heights = tab.locator(".done > p").evaluate_all("all => all.slice(1).map(one => one.clientHeight)")
    assert heights[0] - heights[1] <= 4
    hidden = "all => all.filter(one => one.scrollHeight > one.clientHeight)"
    assert tab.locator(".done math").evaluate_all(hidden) == []


@in_both_windows
def test_lists_quotes_and_tables_stand_on_their_own_side(tab: Page, server: Server, chat: Conversation) -> None:
    _answered(chat, MIXED)
    opened(tab, server, chat)
    shown = tab.locator(".answer .done")
    assert shown.locator("> p").evaluate_all(f"all => all.map({SIDE})") == ["ltr left"] * 2
    # The marks of a list stand on one side, which is that of its first words.
    right, left = (shown.locator(one) for one in ("> ul", "> ol"))
    assert right.locator("li").evaluate_all("all => all.map(one => getComputedStyle(one).direction)") == ["rtl"] * 4
    assert left.locator("li").evaluate_all(f"all => all.map({SIDE})") == ["ltr left"] * 2
    padding = (
        "one => [parseFloat(getComputedStyle(one).paddingLeft) > 0, parseFloat(getComputedStyle(one).paddingRight) > 0]"
    )
    assert right.evaluate(padding) == right.locator("ol").evaluate(padding) == [False, True]
    assert left.evaluate(padding) == [True, False]
    expect(shown.locator("blockquote")).to_have_css("border-right-width", "3px")
    tables = shown.locator("table").evaluate_all("all => all.map(one => getComputedStyle(one).direction)")
    assert tables == ["rtl", "ltr"]


@in_both_windows
def test_what_is_written_from_right_to_left_is_set_so(tab: Page, server: Server, chat: Conversation) -> None:
    answer = conversations.post_message(chat, f"{ARABIC}\nAnd English.").answer
    html = presentation.final_html(HEBREW, {})
    Message.objects.filter(pk=answer.pk).update(status="done", **sealed_in(answer, content=HEBREW, html=html))
    opened(tab, server, chat)
    shown = tab.locator(".answer .done")
    expect(tab.locator(".bubble")).to_have_css("direction", "rtl")
    expect(tab.locator("#chat-title")).to_have_css("direction", "rtl")
    assert shown.locator("> p").evaluate_all(f"all => all.map({SIDE})") == ["rtl right", "rtl left"]
    # The points of a list and the cells of a table stand on the list's and the table's side, in either language.
    assert shown.locator("> ul > li").evaluate_all(f"all => all.map({SIDE})") == ["rtl right"] * 2
    assert shown.locator("blockquote p").evaluate(SIDE) == "rtl right"
    assert shown.locator("td").evaluate_all("all => all.map(one => getComputedStyle(one).textAlign)") == ["right"] * 2
    first, second = (shown.locator("td").nth(number).bounding_box() for number in (0, 1))
    assert first
    assert second
    assert first["x"] > second["x"]
    expect(shown.locator("blockquote")).to_have_css("border-right-width", "3px")
    assert shown.locator("pre").evaluate(SIDE) == "ltr left"
    expect(shown.locator("p code")).to_have_css("direction", "ltr")
    # A full stop stands at the end, which is on the left.
    stop = """text => {
        const range = document.createRange();
        const left = offset => {
            range.setStart(text, offset);
            range.setEnd(text, offset + 1);
            return range.getBoundingClientRect().left;
        };
        return left(text.data.indexOf(".")) < left(0);
    }"""
    for place in (tab.locator(".bubble"), shown.locator("> ul > li").first, shown.locator("blockquote p")):
        assert place.evaluate(f"one => ({stop})(one.firstChild)")


@in_both_windows
def test_fields_run_as_what_is_written_in_them(tab: Page, server: Server, chat: Conversation) -> None:
    opened(tab, server, chat)
    field = tab.get_by_label("Your question")
    expect(field).to_have_css("direction", "ltr")
    field.fill(ARABIC)
    expect(field).to_have_css("direction", "rtl")
    field.fill("English")
    expect(field).to_have_css("direction", "ltr")


def test_nothing_moves_for_who_wants_no_motion(tab: Page, server: Server, chat: Conversation) -> None:
    tab.emulate_media(reduced_motion="reduce")
    conversations.post_message(chat, "Why?")
    opened(tab, server, chat)
    expect(tab.locator(".pulse")).to_be_visible()
    tab.keyboard.press("Control+k")
    moving = """document.getAnimations().filter(one => one.effect.getComputedTiming().duration > 1)
        .map(one => one.animationName ?? one.transitionProperty)"""
    assert tab.evaluate(moving) == []


def test_a_screen_reader_hears_the_beginning_and_the_end_and_nothing_between(
    tab: Page, server: Server, chat: Conversation
) -> None:
    answer = conversations.post_message(chat, "Why?").answer
    Message.objects.filter(pk=answer.pk).update(status="writing")
    opened(tab, server, chat)
    expect(tab.locator("#announcer")).to_have_text("The answer begins.")
    tab.evaluate(
        """() => {
            window.said = [];
            const regions = document.querySelectorAll("[role=status], [role=alert], [aria-live]");
            const note = changes => said.push(...changes.map(change => change.target.id || change.target.nodeName));
            const all = { subtree: true, childList: true, characterData: true };
            for (const one of regions) new MutationObserver(note).observe(one, all);
        }"""
    )
    for seq in range(1, 61):
        server.send(answer.pk, "delta", seq, done=f"<p>Line {seq}.</p>", open=f"<p>Open {seq}.</p>")
    expect(tab.locator(f"#m-{answer.pk}-open")).to_have_text("Open 60.")
    assert tab.evaluate("said") == []
    assert tab.locator("[role=status] .prose, [aria-live] .prose, [role=alert] .prose, [role=log]").count() == 0


@in_both_windows
def test_a_draft_is_kept_for_each_conversation(tab: Page, server: Server, chat: Conversation, owner: User) -> None:
    other = conversations.start(owner)
    field = tab.get_by_label("Your question")
    for path, text in ((f"/chats/{chat.pk}", "First thought"), (f"/chats/{other.pk}", "Second"), ("/", "Third")):
        tab.goto(path)
        expect(field).to_have_value("")
        field.fill(text)
    tab.goto(f"/chats/{chat.pk}")
    expect(field).to_have_value("First thought")
    tab.reload()
    expect(field).to_have_value("First thought")
    tab.goto("/")
    expect(field).to_have_value("Third")
    tab.goto(f"/chats/{other.pk}")
    field.press("Enter")
    expect(tab.locator(".question")).to_have_count(1)
    tab.reload()
    expect(field).to_have_value("")
