"""How long the server takes to show a conversation of 10 and of 1,000 messages: `python -m bench.long_conversation`."""

import argparse
import asyncio
import json
import sys
import time
from typing import Any

from bench import report
from bench.page import Browser, Failed
from bench.stack import ModelServer, Stack

LENGTHS = (10, 1_000)
TIMES = 50


def make(session_key: str) -> None:
    """In a process with the product's settings: conversations of these lengths for the person of the session."""
    import django

    django.setup()
    from django.contrib.auth import SESSION_KEY

    from accounts.models import User
    from accounts.sessions.engine import SessionStore
    from accounts.tenancy import acting_as
    from chats import conversation, markdown
    from chats.models import Conversation, Message
    from tests.ollama_text import expected_text

    user = User.objects.get(pk=SessionStore(session_key)[SESSION_KEY])
    made = []
    with acting_as(user):
        for length in LENGTHS:
            chat = conversation.start(user, use_documents=False)
            rows: list[Message] = []
            for number in range(length):
                role = Message.Role.ASSISTANT if number % 2 else Message.Role.USER
                text = expected_text(str(number), 300) if number % 2 else f"Question {number}: what decides?"
                html = markdown.render(text, {}) if number % 2 else ""
                rows.append(
                    Message(conversation=chat, parent=rows[-1] if rows else None, role=role, content=text, html=html)
                )
            Message.objects.bulk_create(rows)
            Conversation.objects.filter(pk=chat.pk).update(active_leaf=rows[-1])
            conversation.rename(chat, f"{length} messages")
            made.append(str(chat.pk))
    print(json.dumps(made))


async def measure(stack: Stack) -> dict[str, Any]:
    session = json.loads(stack.run("bench.people", "1"))[0]["session"]
    conversations = json.loads(stack.run("bench.long_conversation", "--make", session))
    browser = Browser(stack.port, session)
    result: dict[str, Any] = {}
    for length, conversation in zip(LENGTHS, conversations, strict=True):
        times = []
        for turn in range(TIMES + 5):
            began = time.perf_counter()
            reply = await browser.request("GET", f"/chats/{conversation}")
            if reply.status != 200:
                raise Failed(f"The page was answered with {reply.status}.")
            if turn >= 5:
                times.append(time.perf_counter() - began)
        before = stack.cpu()
        for _ in range(TIMES):
            await browser.request("GET", f"/chats/{conversation}")
        after = stack.cpu()
        used = {part: round((after[part] - before[part]) / TIMES * 1000, 1) for part in ("web", "database")}
        result[str(length)] = {"ms": report.spread(times), "cpu_ms": used, "bytes": len(reply.text.encode())}
    return {"messages": result}


def page(runs: list[dict[str, Any]]) -> str:
    run = runs[-1]
    rows = [
        (length, *found["ms"].values(), found["cpu_ms"]["web"], found["cpu_ms"]["database"], found["bytes"])
        for length, found in run["messages"].items()
    ]
    heads = ("messages", "p50, ms", "p95", "p99", "max", "web CPU, ms", "database CPU, ms", "bytes")
    about = (
        f"{report.described(run)}. {TIMES} requests each, one at a time, from the first byte out to the last one in.\n"
    )
    return "\n".join(["# Opening a conversation\n", about, report.table(heads, rows)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="write the result to bench/results")
    parser.add_argument("--make", metavar="SESSION", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make(options.make)
        sys.exit()
    with ModelServer() as model, Stack(model_url=model.url) as stack:
        result = asyncio.run(measure(stack))
    print(json.dumps(result, indent=2))
    if options.keep:
        print(report.write("long_conversation", "pages", result, page))


if __name__ == "__main__":
    main()
