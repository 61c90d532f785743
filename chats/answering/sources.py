"""The passages an answer stands on: found before it is written, marked in it, stored with it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chats import markdown
from chats.answering.records import Source
from documents.models import DocumentVersion
from documents.pages import place_word

# Sources listed under an answer that marked none of them.
_UNMARKED = 3


@dataclass(frozen=True, slots=True)
class Found:
    sources: list[Source]
    # What was retrieved, used and cut, and why.
    trace: dict[str, Any]


def search(owner_id: uuid.UUID, question: str) -> Found:
    """The best passages of this person's documents, numbered from 1. Raises a ModelError of the embedding model."""
    from documents import retrieval

    result = retrieval.search(user_id=owner_id, query=question)
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
        )
        for number, passage in enumerate(result.passages, start=1)
    ]
    return Found(sources, result.trace)


def cited(sources: Sequence[Source], text: str) -> list[tuple[Source, bool]]:
    """The sources that the text marks; of an answer without marks the best it was given, as not marked."""
    marked = set(markdown.marks(text))
    used = [(source, True) for source in sources if source.number in marked]
    if used or not text:
        return used
    return [(source, False) for source in sources[:_UNMARKED]]
