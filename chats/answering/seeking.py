"""From a question to the passages its answer gets: written anew where it leans on another, searched for, reranked.

Models are waited for here, on the event loop; a thread is only held while the database or a library works.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from django.conf import settings

from chats.answering import rephrasing, reranking, sources
from chats.answering.records import Job
from chats.answering.rephrasing import InThread
from chats.answering.sources import Found


async def seek(job: Job, in_thread: InThread, *, show: Callable[[str], None]) -> Found:
    """`show` tells the person what is being done."""
    question, earlier, rewritten = job.question, job.earlier_question, ""
    took = 0.0
    if rephrasing.is_worth_asking(job):
        show("Understanding the question")
        began = time.monotonic()
        rewritten = await rephrasing.rephrase(job, in_thread)
        took = round((time.monotonic() - began) * 1000, 1)
    if rewritten:
        # It says all it means now; nothing need be carried over.
        question, earlier = rewritten, ""
    count = job.searchable_documents
    if job.choice.is_narrow:
        show("Searching the chosen documents")
    else:
        show(f"Searching {count} document{'s' if count != 1 else ''}")
    if not settings.RAG_RERANK:
        # Both halves in one go: each hop to a thread fetches a connection.
        found = await in_thread(sources.search, job.owner_id, question, earlier, job.choice)
    else:
        candidates = await in_thread(sources.look, job.owner_id, question, earlier, job.choice)
        reranked = None
        if candidates.texts:
            show("Comparing passages")
            reranked = await reranking.rerank(
                question,
                candidates.texts,
                used=candidates.top_k,
                beside=job.model,
                in_thread=in_thread,
                are_chosen=bool(job.choice.documents),
            )
        found = await in_thread(sources.settle, candidates, reranked)
    return _told(found, job.question, rewritten, took)


def _told(found: Found, question: str, rewritten: str, milliseconds: float) -> Found:
    """With what became of a question that leans on the one before, for whoever asks why."""
    if not milliseconds:
        return found
    trace = found.trace | {"milliseconds": {"rewriting": milliseconds, **found.trace.get("milliseconds", {})}}
    if rewritten and _plain(rewritten) != _plain(question):
        trace |= {"follow_up": True, "rewritten": rewritten}
    return replace(found, trace=trace)


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())
