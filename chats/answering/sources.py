"""The passages an answer stands on: found before it is written, marked in it, stored with it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings

from chats import markdown
from chats.answering import suspicion
from chats.answering.records import Source
from chats.scoping.chosen import Choice
from documents.models import DocumentVersion
from documents.pages import place_word
from documents.retrieval.choosing import HIDDEN

if TYPE_CHECKING:
    from documents.retrieval import Candidates, Reranked

# Sources listed under an answer that marked none of them.
_UNMARKED = 3
_EVERYTHING = Choice()


@dataclass(frozen=True, slots=True)
class Found:
    sources: list[Source]
    # What was retrieved, used and cut, and why.
    trace: dict[str, Any]
    # How many passages look as if they were written for the assistant, left out or not.
    suspicious: int = 0
    # How many were searched.
    documents: int = 0


def search(owner_id: uuid.UUID, question: str, earlier: str = "", choice: Choice = _EVERYTHING) -> Found:
    """The best passages of what this person may read, numbered from 1. `earlier` is the question before it."""
    return settle(look(owner_id, question, earlier, choice))


def look(owner_id: uuid.UUID, question: str, earlier: str = "", choice: Choice = _EVERYTHING) -> "Candidates":
    """What `settle` chooses from."""
    from documents import retrieval

    return retrieval.look(user_id=owner_id, query=question, earlier=earlier, filters=choice.filters())


def settle(candidates: "Candidates", reranked: "Reranked | None" = None) -> Found:
    """Which passages the answer gets. What looks as if it were written for the assistant is marked or left out, as
    SUSPICIOUS_PASSAGES says."""
    from documents import retrieval

    result = retrieval.settle(candidates, reranked)
    looked_at = [(passage, suspicion.look(f"{passage.heading}\n{passage.text}")) for passage in result.passages]
    leaves_out = settings.SUSPICIOUS_PASSAGES == "leave_out"
    kept = [(passage, doubt) for passage, doubt in looked_at if not (doubt and leaves_out)]
    versions = DocumentVersion.objects.filter(pk__in={passage.version_id for passage in result.passages})
    media_types = dict(versions.values_list("pk", "media_type"))
    sources = [
        Source(
            number=number,
            chunk_id=passage.chunk_id,
            version_id=str(passage.version_id),
            document_name=passage.document_name,
            page=passage.page,
            heading=passage.heading,
            text=passage.text,
            boxes=passage.boxes,
            score=passage.score,
            place=place_word(media_types.get(passage.version_id), passage.document_name).lower(),
            suspicion=list(doubt.rules) if doubt else [],
        )
        for number, (passage, doubt) in enumerate(kept, start=1)
    ]
    trace = result.trace
    doubtful = [(passage.chunk_id, doubt) for passage, doubt in looked_at if doubt]
    # And what was kept from the model that ranked.
    doubtful += [
        (told["chunk"], suspicion.look(candidates.texts[told["was"] - 1]))
        for told in trace["passages"]
        if told["cut"] == HIDDEN
    ]
    if doubtful:
        fate = "left out" if leaves_out else "marked"
        trace = trace | {
            "suspicious": [
                {"chunk_id": chunk_id, "score": doubt.score, "rules": list(doubt.rules), "fate": fate}
                for chunk_id, doubt in doubtful
            ]
        }
    return Found(sources, trace, suspicious=len(doubtful), documents=result.document_count)


def suspicion_note(count: int) -> str:
    """For the person, among the steps of the answer."""
    if not count:
        return ""
    which = "1 passage contains" if count == 1 else f"{count} passages contain"
    fate = "left out" if settings.SUSPICIOUS_PASSAGES == "leave_out" else "treated as text"
    return f"{which} instructions aimed at the assistant: {fate}"


def cited(sources: Sequence[Source], text: str) -> list[tuple[Source, bool]]:
    """The sources that the text marks; of an answer without marks the best it was given, as not marked."""
    marked = set(markdown.marks(text))
    used = [(source, True) for source in sources if source.number in marked]
    if used or not text:
        return used
    return [(source, False) for source in sources[:_UNMARKED]]
