"""What a person sees in a real browser: how soon the first words stand in the page, and what a long answer costs it.

    python -m bench.browser [--keep]

Needs Chromium and a machine with nothing else to do. The page is asked as a person asks it, with the Enter key; a
script in the page notes when words first stand in the answer's bubble. What the long answer costs is counted by
Chromium as processor time of the page's main thread, so that other work on the machine does not count.
"""

import argparse
import json
import shutil
from typing import Any

from playwright.sync_api import CDPSession, Page, sync_playwright

from bench import report
from bench.report import described, spread, table
from bench.stack import ADMIN_EMAIL, ADMIN_PASSWORD, ModelServer, Stack

QUESTIONS = 30
LONG_TOKENS = 10_000
LONG_RATE = 200.0
REMAINDER = 500  # tokens after the last tenth, so that replacing the finished answer is not counted as writing

# The clock starts with the key and stops with the frame after the first words; the observer sees every change.
_WATCH = """() => {
    window.began = 0; window.first = 0;
    document.addEventListener('keydown', event => {
        if (event.key === 'Enter') { window.began = performance.now(); window.first = 0; window.known =
            new Set([...document.querySelectorAll('.answer')].map(one => one.id)); }
    }, true);
    new MutationObserver(() => {
        if (!window.began || window.first) return;
        for (const answer of document.querySelectorAll('.answer')) {
            if (window.known.has(answer.id)) continue;
            const words = answer.querySelector('.prose');
            if (words && words.textContent.trim()) { window.first = performance.now() - window.began; }
        }
    }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


def _sign_in(page: Page, url: str) -> None:
    page.goto(f"{url}/accounts/login/")
    page.fill("input[name=login]", ADMIN_EMAIL)
    page.fill("input[name=password]", ADMIN_PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_selector("#question")
    page.wait_for_load_state("networkidle")  # the key is a script's to hear


def _ask(page: Page, question: str) -> None:
    page.fill("#question", question)
    page.press("#question", "Enter")


def _wait_until_done(page: Page, answers: int, timeout: float = 60_000) -> None:
    page.locator(".answer[data-status=done]").nth(answers - 1).wait_for(timeout=timeout)


def first_words(page: Page, url: str) -> dict[str, float]:
    _sign_in(page, url)
    _ask(page, "Begin, please.")
    page.wait_for_url("**/chats/*")
    _wait_until_done(page, 1)
    page.evaluate(_WATCH)
    found = []
    for number in range(QUESTIONS):
        _ask(page, f"Question number {number}?")
        _wait_until_done(page, number + 2)
        found.append(page.evaluate("() => window.first"))
        page.wait_for_timeout(150)
    return spread(found, scale=1.0)


def _spent(session: CDPSession) -> dict[str, float]:
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return {
        "script": metrics["ScriptDuration"],
        "layout": metrics["LayoutDuration"] + metrics["RecalcStyleDuration"],
        "everything": metrics["TaskDuration"],
    }


def long_answer(page: Page, url: str) -> list[dict[str, float]]:
    """Milliseconds of processor time per 1,000 tokens, for each tenth of the answer, then for the rest and the end."""
    page.goto(url, wait_until="networkidle")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    _ask(page, "Write a very long answer.")
    page.wait_for_url("**/chats/*")
    page.wait_for_selector(".answer .prose :is(p, h1, h2, h3, ul, pre)")
    per_tenth = LONG_TOKENS / 10 / LONG_RATE * 1000
    tenths = []
    before = _spent(session)
    for tenth in range(11):
        if tenth < 10:
            page.wait_for_timeout(per_tenth)
        else:
            _wait_until_done(page, 1, timeout=120_000)
        now = _spent(session)
        tenths.append({name: round((now[name] - before[name]) * 1000, 1) for name in now})
        before = now
    return tenths


def measure() -> dict[str, Any]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        with ModelServer(tokens=20, tokens_per_second=100) as model, Stack(model_url=model.url) as stack:
            words = first_words(browser.new_page(), stack.url)
        with (
            ModelServer(tokens=LONG_TOKENS + REMAINDER, tokens_per_second=LONG_RATE) as model,
            Stack(model_url=model.url) as stack,
        ):
            page = browser.new_page()
            _sign_in(page, stack.url)
            tenths = long_answer(page, stack.url)
        browser.close()
    return {"first_words_ms": words, "questions": QUESTIONS, "tokens": LONG_TOKENS, "tenths_ms": tenths}


def _growth(tenths: list[dict[str, float]], name: str) -> str:
    return f"{tenths[9][name] / tenths[0][name]:.2f}"


def _page(runs: list[dict[str, Any]]) -> str:
    (run,) = runs
    words, tenths = run["first_words_ms"], run["tenths_ms"]
    asked = (
        f"From the Enter key to the first words in the page, {run['questions']} questions one after another: "
        f"p50 {words['p50']:g}, p95 {words['p95']:g}, max {words['max']:g} ms.\n"
    )
    written = (
        f"An answer of {run['tokens']:,} tokens, processor time of the page's main thread in each tenth, in ms "
        f"(the last to the first: script {_growth(tenths, 'script')}, everything {_growth(tenths, 'everything')}). "
        f"The end is {REMAINDER} more tokens, and the finished answer put in the place of what was written:\n"
    )
    names = [*range(1, 11), "end"]
    rows = [(name, one["script"], one["layout"], one["everything"]) for name, one in zip(names, tenths, strict=True)]
    return "\n".join(
        [
            "# In the browser\n",
            "Made by `python -m bench.browser`.\n",
            f"{described(run)}.\n",
            asked,
            written,
            table(["tenth", "script", "layout", "everything"], rows),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="write the result to bench/results")
    options = parser.parse_args()
    result = measure()
    print(json.dumps(result, indent=2))
    if options.keep:
        print(report.write("browser", "page", result, _page))


if __name__ == "__main__":
    main()
