"""Many answers at once, as browsers would see them, with the model server, the product and this driver on one machine.

    python -m bench.streaming --streams 100            # 100 pages, 300 tokens at 30 a second, two questions each
    python -m bench.streaming --single                 # one page alone: what the product adds to the first token
    python -m bench.streaming --long 10000             # does a token cost more at the end of a long answer?

How each figure is found stands in bench/README.md.
"""

import argparse
import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from lxml import html as lxml_html

from bench import report
from bench.page import Answer, Browser, Page
from bench.stack import ADMIN_EMAIL, ADMIN_PASSWORD, ModelServer, Stack, spent
from bench.streaming_page import page
from tests.ollama_text import expected_text

MODEL = "llama3.2:3b"
# The parts whose time counts as the server's; the others are reported beside them.
SERVER = ("web", "answers", "redis", "database")
_SLACK = 60.0


@dataclass
class Asked:
    """One question and all that is known of its answer."""

    question: str
    tokens: int
    message_id: str
    answer: Answer

    @property
    def first_token(self) -> float:
        return self.answer.arrivals[0] - self.answer.asked_at if self.answer.arrivals else float("inf")

    @property
    def gaps(self) -> list[float]:
        return [b - a for a, b in zip(self.answer.arrivals, self.answer.arrivals[1:], strict=False)]


@dataclass
class Run:
    asked: list[Asked] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    direct: list[float] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)
    yardstick: list[float] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    most_at_once: int = 0
    driver_cpu: float = 0.0
    model_cpu: float = 0.0

    @property
    def server_cpu(self) -> float:
        return sum(self.cpu[part] for part in SERVER)

    @property
    def tokens(self) -> int:
        return sum(asked.tokens for asked in self.asked)


async def direct(port: int, question: str) -> float:
    """Seconds to the first token when the model server is asked without the product."""
    body = json.dumps(
        {"model": MODEL, "messages": [{"role": "user", "content": question}], "options": {"num_ctx": 16_384}}
    ).encode()
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    await reader.readuntil(b'"content":"')
    took = time.perf_counter() - began
    writer.close()
    return took


@contextlib.asynccontextmanager
async def beside(*work: Awaitable[None]) -> AsyncIterator[None]:
    """Run endless work beside the body."""
    tasks = [asyncio.ensure_future(item) for item in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _ask_directly(run: Run, port: int) -> None:
    while True:
        await asyncio.sleep(0.3)
        run.direct.append(await direct(port, f"Directly {len(run.direct)}"))


async def _watch_driver(run: Run) -> None:
    """How late this process itself is: figures are only as good as its own punctuality."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.05)
        run.lateness.append(time.perf_counter() - began - 0.05)


async def _watch_speed(run: Run) -> None:
    """How much processor time one and the same small piece of work takes: more when the machine is shared."""
    while True:
        began = time.thread_time()
        sum(len(str(number)) for number in range(20_000))
        run.yardstick.append(time.thread_time() - began)
        await asyncio.sleep(0.5)


async def _watch_memory(run: Run, stack: Stack, after: float) -> None:
    await asyncio.sleep(after)
    run.memory = {name: round(size, 1) for name, size in stack.memory().items()}
    await asyncio.Event().wait()


@dataclass(frozen=True)
class Load:
    streams: int
    tokens: int
    rate: float
    rounds: int
    period: float  # seconds between the questions of one page


class Bench:
    def __init__(self, stack: Stack, model: ModelServer) -> None:
        self.stack, self.model = stack, model

    async def pages(self, number: int) -> list[Page]:
        people = json.loads(await asyncio.to_thread(self.stack.run, "bench.people", str(number)))
        pages = [Page(Browser(self.stack.port, person["session"]), person["conversation"]) for person in people]
        for opened in pages:
            await opened.open()
        return pages

    async def warm_up(self) -> None:
        self.model.script(tokens=30, tokens_per_second=0)
        pages = await self.pages(10)
        for _ in range(3):
            await asyncio.gather(*(opened.ask(f"Warm up {i}", within=_SLACK) for i, opened in enumerate(pages)))
        for opened in pages:
            opened.close()

    async def alone(self, number: int = 40) -> list[float]:
        return [await direct(self.model.port, f"Alone {i}") for i in range(number)]

    async def load(self, load: Load) -> Run:
        """Pages begin one after the other within the time of one answer and then ask in step with it."""
        self.model.script(tokens=load.tokens, tokens_per_second=load.rate)
        pages = await self.pages(load.streams)
        run = Run()
        under_way = 0

        async def read(number: int, opened: Page) -> None:
            nonlocal under_way
            for turn in range(load.rounds):
                due = began + load.period * (turn + number / load.streams)
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                question = f"Question {turn} of page {number}: what decides?"
                under_way += 1
                run.most_at_once = max(run.most_at_once, under_way)
                try:
                    within = load.tokens / load.rate + _SLACK
                    message_id, answer = await opened.ask(question, within=within)
                    run.asked.append(Asked(question, load.tokens, message_id, answer))
                except Exception as error:  # noqa: BLE001 - counted and shown
                    run.failures.append(f"{type(error).__name__}: {error}")
                finally:
                    under_way -= 1

        cpu, own, model, began = self.stack.cpu(), time.process_time(), self.model.cpu(), time.perf_counter()
        async with beside(
            _ask_directly(run, self.model.port),
            _watch_driver(run),
            _watch_speed(run),
            _watch_memory(run, self.stack, load.period),
        ):
            await asyncio.gather(*(read(number, opened) for number, opened in enumerate(pages)))
        run.seconds = time.perf_counter() - began
        run.cpu = spent(cpu, self.stack.cpu())
        run.driver_cpu, run.model_cpu = time.process_time() - own, self.model.cpu() - model
        for opened in pages:
            opened.close()
        return run

    def check(self, run: Run) -> dict[str, int]:
        """Completeness, of the stored text and of the page, by characters."""
        stored = json.loads(self.stack.run("bench.opened", "answers"))
        counts = dict.fromkeys(("complete", "page_is_right", "doubled_or_lost_while_streaming", "finals_not_one"), 0)
        for asked in run.asked:
            status, content, html = stored[asked.message_id]
            counts["complete"] += status == "done" and content == expected_text(asked.question, asked.tokens)
            counts["page_is_right"] += _final_text(asked) == _text(html)
            streamed, whole = _text("".join(asked.answer.done)), _text(html)
            counts["doubled_or_lost_while_streaming"] += not whole.startswith(streamed.rstrip())
            counts["finals_not_one"] += asked.answer.finals != 1
        return counts


def _text(html: str) -> str:
    return str(lxml_html.fromstring(f"<div>{html}</div>").text_content()) if html else ""


def _final_text(asked: Asked) -> str:
    bubble = lxml_html.fromstring(f"<div>{asked.answer.final}</div>")
    return str(bubble.get_element_by_id(f"m-{asked.message_id}-done").text_content())


def _median_ms(seconds: list[float]) -> float:
    return round(report.percentile(seconds, 0.5) * 1000, 2)


# --- The three measurements ---------------------------------------------------------------------------------------


async def measure_load(bench: Bench, streams: int, rate: float, tokens: int, rounds: int) -> dict[str, Any]:
    await bench.warm_up()
    alone = await bench.alone()
    idle = bench.stack.cpu()
    await asyncio.sleep(5)
    idle = {part: seconds / 5 for part, seconds in spent(idle, bench.stack.cpu()).items()}
    period = tokens / rate + 1.0
    # The same questions in the same rhythm, once with one token each: the difference is what tokens cost.
    bare = await bench.load(Load(streams, 1, rate, rounds, period))
    run = await bench.load(Load(streams, tokens, rate, rounds, period))
    asked, questions = run.asked, max(1, len(run.asked))
    per_token = (run.server_cpu - bare.server_cpu) / max(1, run.tokens - bare.tokens)
    per_question = bare.server_cpu / max(1, len(bare.asked)) - per_token
    usual = report.percentile(run.direct, 0.5)
    return {
        "parameters": {"streams": streams, "tokens": tokens, "rate": rate, "questions_each": rounds},
        "questions": len(asked),
        "failures": run.failures + bare.failures,
        "most_at_once": run.most_at_once,
        "seconds": round(run.seconds, 1),
        **bench.check(run),
        "gaps_resumed": sum(item.answer.resumed for item in asked),
        "first_token_ms": report.spread([item.first_token for item in asked]),
        "first_token_direct_alone_ms": report.spread(alone),
        "first_token_direct_under_load_ms": report.spread(run.direct),
        "first_token_added_ms": report.spread([item.first_token - usual for item in asked]),
        "gap_ms": report.spread([gap for item in asked for gap in item.gaps]),
        "end_ms": report.spread([item.answer.final_at - item.answer.arrivals[-1] for item in asked]),
        "cpu_ms_per_token": round(per_token * 1000, 4),
        "cpu_ms_per_question": round(per_question * 1000, 2),
        "cpu_ms_per_token_by_part": {
            part: round((run.cpu[part] - bare.cpu[part]) / (run.tokens - bare.tokens) * 1000, 4) for part in run.cpu
        },
        "cpu_ms_per_question_by_part": {part: round(bare.cpu[part] / questions * 1000, 2) for part in bare.cpu},
        "cpu_seconds_per_1000_tokens_all_in": round(run.server_cpu / max(1, run.tokens) * 1000, 3),
        "cpu_seconds": {part: round(seconds, 2) for part, seconds in run.cpu.items()},
        "cpu_idle_share": {part: round(share, 4) for part, share in idle.items()},
        "cpu_seconds_driver": round(run.driver_cpu, 2),
        "cpu_seconds_model_server": round(run.model_cpu, 2),
        "driver_late_ms": report.spread(run.lateness),
        "yardstick_ms": {"one_token": _median_ms(bare.yardstick), "all_tokens": _median_ms(run.yardstick)},
        "wire_bytes_per_token": round(sum(item.answer.wire_bytes for item in asked) / max(1, run.tokens), 1),
        "frames_per_answer": round(sum(item.answer.frames for item in asked) / questions, 1),
        "memory_mb": run.memory,
        "memory_mb_together": round(sum(run.memory.values()), 1),
    }


async def measure_single(bench: Bench, number: int = 30) -> dict[str, Any]:
    """Questions one after the other, each directly before it is asked through the product."""
    await bench.warm_up()
    bench.model.script(tokens=30, tokens_per_second=30)
    browser = Browser(bench.stack.port)
    await browser.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD)
    home = await browser.request("GET", "/")
    run = Run()
    for turn in range(number):
        if turn % 10 == 0:  # a conversation of ten questions, three times
            opened = await _new_conversation(browser, home.text)
        question = f"Alone with the machine, {turn}"
        run.direct.append(await direct(bench.model.port, question))
        message_id, answer = await opened.ask(question, within=_SLACK)
        run.asked.append(Asked(question, 30, message_id, answer))
        await asyncio.sleep(0.2)
    added = [item.first_token - bare for item, bare in zip(run.asked, run.direct, strict=True)]
    asked_model = _when_the_model_was_asked(bench.model.requests())
    before = [asked_model[item.question][0] - item.answer.asked_at for item in run.asked]
    after = [item.answer.arrivals[0] - asked_model[item.question][1] for item in run.asked]
    return {
        "questions": len(run.asked),
        "failures": run.failures,
        **bench.check(run),
        "first_token_ms": report.spread([item.first_token for item in run.asked]),
        "first_token_direct_alone_ms": report.spread(run.direct),
        "first_token_added_ms": report.spread(added),
        "question_to_model_ms": report.spread(before),
        "model_to_page_ms": report.spread(after),
        "gap_ms": report.spread([gap for item in run.asked for gap in item.gaps]),
        "memory_mb": {name: round(size, 1) for name, size in bench.stack.memory().items()},
    }


def _when_the_model_was_asked(requests: list[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """By question: when its request came and when its first token left. Later requests are the product's."""
    return {
        str(found["body"]["messages"][-1]["content"]): (found["started"], found["first_token"])
        for found in requests
        if found["path"] == "/api/chat" and found["first_token"] is not None
    }


async def _new_conversation(browser: Browser, home: str) -> Page:
    """As the empty page does it; its own question is waited for in the new page."""
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', home)
    assert token is not None
    form = {"csrfmiddlewaretoken": token[1], "content": "A first question"}
    reply = await browser.request("POST", "/chats", form, HX_Request="true")
    opened = Page(browser, reply.headers["hx-redirect"].rpartition("/")[2])
    await opened.open()
    await asyncio.sleep(2.5)
    return opened


async def measure_long(bench: Bench, tokens: int, rate: float, streams: int) -> dict[str, Any]:
    """Processor time and bytes in each tenth of the model's time."""
    await bench.warm_up()
    bench.model.script(tokens=tokens, tokens_per_second=rate)
    pages = await bench.pages(streams)
    questions = [f"A long answer for page {number}" for number in range(streams)]
    asking = [
        asyncio.ensure_future(opened.ask(question, within=tokens / rate + _SLACK))
        for opened, question in zip(pages, questions, strict=True)
    ]
    while not all(any(answer.arrivals for answer in opened.answers.values()) for opened in pages):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    watched = Run()
    async with beside(_watch_speed(watched)):
        tenths = await _tenths(bench, pages, watched, tokens / rate / 10, rate * streams)
    ended = await asyncio.gather(*asking)
    run = Run(asked=[Asked(q, tokens, pk, answer) for q, (pk, answer) in zip(questions, ended, strict=True)])
    return {
        "parameters": {"tokens": tokens, "rate": rate, "streams": streams},
        "questions": streams,
        **bench.check(run),
        "gap_ms": report.spread([gap for item in run.asked for gap in item.gaps]),
        "tenths": tenths,
        "last_tenth_to_first": {
            "answers_cpu": _ratio(tenths, "answers"),
            "server_cpu": _ratio(tenths, *SERVER),
            "yardstick": round(tenths[-1]["yardstick_ms"] / tenths[0]["yardstick_ms"], 3),
            "wire_bytes": round(tenths[-1]["wire_bytes_per_token"] / tenths[0]["wire_bytes_per_token"], 3),
        },
    }


async def _tenths(bench: Bench, pages: list[Page], watched: Run, tenth: float, rate: float) -> list[dict[str, Any]]:
    """`tenth` in seconds, `rate` in tokens a second of all streams together."""
    tenths: list[dict[str, Any]] = []
    began, before = time.perf_counter(), _state(bench, pages)
    for number in range(1, 11):
        # The last tenth ends a little early, so that it holds tokens only and not the end of the answer.
        await asyncio.sleep(max(0.0, began + tenth * number - (0.5 if number == 10 else 0.0) - time.perf_counter()))
        now = _state(bench, pages)
        written = (now["at"] - before["at"]) * rate
        used = spent(before["cpu"], now["cpu"])
        tenths.append(
            {
                "cpu_ms_per_token": {part: round(seconds / written * 1000, 4) for part, seconds in used.items()},
                "wire_bytes_per_token": round((now["bytes"] - before["bytes"]) / written, 1),
                "yardstick_ms": _median_ms(watched.yardstick),
            }
        )
        watched.yardstick.clear()
        before = now
    return tenths


def _state(bench: Bench, pages: list[Page]) -> dict[str, Any]:
    sent = sum(answer.wire_bytes for opened in pages for answer in opened.answers.values())
    return {"at": time.perf_counter(), "cpu": bench.stack.cpu(), "bytes": sent}


def _ratio(tenths: list[dict[str, Any]], *parts: str) -> float:
    first, last = (sum(tenths[i]["cpu_ms_per_token"][part] for part in parts) for i in (0, -1))
    return round(last / first, 3) if first else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--rate", type=float, help="tokens a second of each stream (30; 100 with --long)")
    parser.add_argument("--tokens", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=2, help="questions of each page")
    parser.add_argument("--single", action="store_true", help="one page alone")
    parser.add_argument("--long", type=int, metavar="TOKENS", help="one long answer in each of four pages")
    parser.add_argument("--keep", action="store_true", help="write the result to bench/results")
    options = parser.parse_args()

    if options.single:
        name, work = "single", measure_single
    elif options.long:
        rate = options.rate or 100.0
        name, work = f"long-{options.long}", lambda bench: measure_long(bench, options.long, rate, 4)
    else:
        rate = options.rate or 30.0
        name = f"load-{options.streams}x{rate:g}"
        work = lambda bench: measure_load(bench, options.streams, rate, options.tokens, options.rounds)  # noqa: E731
    result = run_with_stack(work)
    print(json.dumps(result, indent=2))
    if options.keep:
        print(report.write("streaming", name, result, page))


def run_with_stack(work: Callable[[Bench], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    with ModelServer() as model, Stack(model_url=model.url) as stack:

        async def bounded() -> dict[str, Any]:
            async with asyncio.timeout(900):
                return await work(Bench(stack, model))

        return asyncio.run(bounded())


if __name__ == "__main__":
    main()
