"""A conversation of 1,000 messages in a real browser: how soon it can be used, and what a long answer costs it.

    python -m bench.long_page [--tokens N] [--rate TOKENS_A_SECOND] [--keep]

Needs Chromium and a machine with nothing else to do. *Ready* is when the page's scripts have run and no task of 50 ms
or more came after that; it counts from the moment the address was asked for. The answer is watched in two halves: the
reader is at the end, then scrolls up and reads. Script time is processor time of the page's main thread. Afterwards the
page with the answer in it is opened as often as the one without it was.
"""

import argparse
import json
import shutil
import time
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from bench import report
from bench.report import described, spread, table
from bench.stack import ModelServer, Stack

OPENINGS = 20
TOKENS = 4_000
RATE = 100.0

# Chromium tells of tasks of 50 ms and more; there should be none to tell of.
_LONG_TASKS = """
window.longTasks = [];
new PerformanceObserver(list => {
    for (const { startTime, duration } of list.getEntries()) longTasks.push([startTime, duration]);
}).observe({ type: "longtask", buffered: true });
"""
_READY = """() => Math.max(
    performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd,
    ...longTasks.map(([begin, duration]) => begin + duration))"""
# Where the block in the middle of the screen stands, at every frame. The finished answer comes in the place of what was
# written: from then on, where the block with the same words stands.
_WATCH = """() => {
    const scroll = document.getElementById("scroll");
    const middle = scroll.getBoundingClientRect().top + scroll.clientHeight / 2;
    const blocks = () => [...document.querySelectorAll(".answer .prose :is(p, li, pre, h1, h2, h3)")];
    const place = one => one.getBoundingClientRect().top;
    let read = blocks().find(one => one.getBoundingClientRect().bottom > middle);
    const [words, begin] = [read.textContent, place(read)];
    window.moved = 0; window.frames = 0;
    const look = () => {
        if (!read.isConnected) {
            const same = blocks().filter(one => one.textContent === words);
            read = same.sort((one, other) => Math.abs(place(one) - begin) - Math.abs(place(other) - begin))[0];
        }
        window.frames += 1;
        window.moved = Math.max(window.moved, Math.abs(place(read) - begin));
        requestAnimationFrame(look);
    };
    look();
}"""


def _tab(browser: Browser, stack: Stack, session: str) -> Page:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_cookies([{"name": "sessionid", "value": session, "url": stack.url}])
    context.add_init_script(_LONG_TASKS)
    return context.new_page()


def openings(page: Page, address: str) -> list[float]:
    found = []
    for _ in range(OPENINGS):
        page.goto(address, wait_until="networkidle")
        found.append(page.evaluate(_READY))
        page.goto("about:blank")
    return found


def _spent(session: CDPSession) -> dict[str, float]:
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    layout = metrics["LayoutDuration"] + metrics["RecalcStyleDuration"]
    return {"script": metrics["ScriptDuration"], "layout": layout, "everything": metrics["TaskDuration"]}


def streaming(page: Page, address: str, model: ModelServer, *, tokens: int, rate: float) -> dict[str, Any]:
    page.goto(address, wait_until="networkidle")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    answers = page.locator(".answer").count()
    page.fill("#question", "Write a long answer.")
    page.press("#question", "Enter")
    page.locator(".answer").nth(answers).locator(".prose p").first.wait_for()
    before, began = _spent(session), page.evaluate("performance.now()")
    page.wait_for_timeout(tokens / rate / 2 * 1000)
    page.mouse.move(640, 400)
    page.mouse.wheel(0, -3_000)
    page.locator("#follow").wait_for()
    page.wait_for_timeout(1_500)  # the wheel moves the page for some frames
    page.evaluate(_WATCH)
    page.locator(".answer[data-live]").wait_for(state="detached", timeout=120_000 + tokens / rate * 1000)
    written = max(one["ended"] or 0 for one in model.requests() if one["sent"] >= tokens)
    finished = time.monotonic() - written
    page.wait_for_timeout(300)
    spent = {name: value - before[name] for name, value in _spent(session).items()}
    seconds, tasks, moved, frames = page.evaluate(
        "began => [(performance.now() - began) / 1000, longTasks.filter(([at]) => at > began), moved, frames]", began
    )
    return {
        "seconds": round(seconds, 2),
        "share": {name: round(value / seconds, 4) for name, value in spent.items()},
        "long_tasks_ms": [round(duration, 1) for _, duration in tasks],
        "last_token_to_final_bubble_ms": round(finished * 1000),
        "elements": page.locator(".answer").last.evaluate("answer => answer.querySelectorAll('*').length"),
        "html_bytes": page.locator(".answer").last.evaluate("answer => new Blob([answer.outerHTML]).size"),
        "moved_px": moved,
        "frames_watched": frames,
    }


def measure(tokens: int, rate: float) -> dict[str, Any]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with (
        sync_playwright() as playwright,
        ModelServer(tokens=tokens, tokens_per_second=rate) as model,
        Stack(model_url=model.url) as stack,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        session = json.loads(stack.run("bench.people", "1"))[0]["session"]
        conversation = json.loads(stack.run("bench.long_conversation", "--make", session))[-1]
        page = _tab(browser, stack, session)
        address = f"{stack.url}/chats/{conversation}"
        ready = openings(page, address)
        answer = streaming(page, address, model, tokens=tokens, rate=rate)
        ready_with_answer = openings(page, address)
        browser.close()
    return {
        "ready_ms": spread(ready, scale=1.0),
        "openings": OPENINGS,
        "ready_with_answer_ms": spread(ready_with_answer, scale=1.0),
        "tokens": tokens,
        "rate": rate,
        "answer": answer,
    }


def _page(runs: list[dict[str, Any]]) -> str:
    head = "# A long conversation in the browser\n\nMade by `python -m bench.long_page`.\n"
    return "\n".join([head, *(_run(run) for run in sorted(runs, key=lambda run: int(run["tokens"])))])


def _run(run: dict[str, Any]) -> str:
    ready, answer = run["ready_ms"], run["answer"]
    longest = max(answer["long_tasks_ms"], default=None)
    rows = [
        ("ready, ms (p50 / p95 / max)", f"{ready['p50']:g} / {ready['p95']:g} / {ready['max']:g}"),
        ("script, share of the time in which was written", f"{answer['share']['script']:.1%}"),
        ("layout and style", f"{answer['share']['layout']:.1%}"),
        ("everything on the main thread", f"{answer['share']['everything']:.1%}"),
        ("the longest task, ms", "under 50" if longest is None else f"{longest:g}"),
        *_afterwards(run),
        ("what a reader saw move who had scrolled up, px", f"{answer['moved_px']:g}"),
    ]
    about = (
        f"{described(run)}. A conversation of 1,000 messages opened {run['openings']} times, and an answer of "
        f"{run['tokens']:,} tokens at {run['rate']:g} a second written into it.\n"
    )
    return "\n".join([f"## An answer of {run['tokens']:,} tokens\n", about, table(["what", "figure"], rows)])


def _afterwards(run: dict[str, Any]) -> list[tuple[str, str]]:
    if "ready_with_answer_ms" not in run:  # kept before this was measured
        return []
    ready, answer = run["ready_with_answer_ms"], run["answer"]
    return [
        ("from the model's last token to the finished answer, ms", f"{answer['last_token_to_final_bubble_ms']:,}"),
        ("elements of the answer, and its bytes", f"{answer['elements']:,}, {answer['html_bytes']:,}"),
        (
            "ready with the answer in it, ms (p50 / p95 / max)",
            f"{ready['p50']:g} / {ready['p95']:g} / {ready['max']:g}",
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="write the result to bench/results")
    parser.add_argument("--tokens", type=int, default=TOKENS, help="of the answer (%(default)s)")
    parser.add_argument("--rate", type=float, default=RATE, help="tokens a second (%(default)s)")
    options = parser.parse_args()
    result = measure(options.tokens, options.rate)
    print(json.dumps(result, indent=2))
    if options.keep:
        print(
            report.write(
                "long_page", "browser" if options.tokens == TOKENS else f"answer-{options.tokens}", result, _page
            )
        )


if __name__ == "__main__":
    main()
