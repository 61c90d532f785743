"""What a search gives back."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Passage:
    chunk_id: int
    version_id: UUID
    document_id: UUID
    document_name: str
    page: int
    heading: str
    text: str
    boxes: list[Any]
    # Relevance, 0 to 1, comparable between questions; the order of passages is by rank, not by this.
    score: float


@dataclass(frozen=True)
class Retrieval:
    """`passages` best first; `document_count` is how many documents were searched; `trace` is for people and JSON."""

    passages: list[Passage]
    document_count: int
    trace: dict[str, Any] = field(default_factory=dict)
