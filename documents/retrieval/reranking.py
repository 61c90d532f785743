"""A better order for the best passages, from something that reads question and passage together.

What reads them is the caller's: a cross-encoder or a chat model, within a time limit. Whatever order it says, no
passage is lost and none is added. It may also say that none of them answers; then none is used.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from documents.retrieval.close_reading import Read


@dataclass(frozen=True)
class Reranked:
    """`order` are places among the passages that were read, best first; those it does not name stay behind, as they
    were. Empty, with `failed`: the first order stays. `by` names what read them."""

    order: Sequence[int]
    by: str
    milliseconds: float
    # For a person: why the first order stays.
    failed: str = ""
    # By place, as far as there are any: whatever measure the reranker has.
    scores: Sequence[float] = ()
    # The places of the best passages, where it read them and found an answer in none.
    unanswering: Sequence[int] = ()
    # Then also those of passages that it was not shown, for what they say to it.
    hidden: Sequence[int] = ()

    def told(self) -> dict[str, Any]:
        told = {"by": self.by, "failed": self.failed, "milliseconds": self.milliseconds, "passages": len(self.order)}
        return told | ({"none_answers": True} if self.unanswering else {})


def reordered(read: Sequence[Read], reranked: Reranked) -> list[Read]:
    """`read` in the new order. A place that does not exist, or comes twice, is passed over."""
    wanted = [place for place in dict.fromkeys(reranked.order) if 0 <= place < len(read)]
    rest = [place for place in range(len(read)) if place not in set(wanted)]
    return [_scored(read[place], place, reranked) for place in [*wanted, *rest]]


def _scored(one: Read, place: int, reranked: Reranked) -> Read:
    known = place < len(reranked.scores)
    return replace(one, was=place, rerank=reranked.scores[place] if known else None)
