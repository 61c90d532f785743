"""From the record of a search, as it is kept with an answer, to what a person reads.

The record holds names and numbers of the day of the answer. What may be opened today is looked up anew: documents are
deleted, replaced, or no longer shared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.urls import reverse

from chats.models import Message
from documents.collections import access
from documents.models import Chunk
from documents.pages import place_word
from documents.retrieval.choosing import DUPLICATE, HIDDEN, IRRELEVANT, SIMILAR, SURPLUS, UNANSWERING, UNREAD

if TYPE_CHECKING:
    from accounts.models import User

# Where the record says used, and the model was not given it after all.
NO_ROOM = "no room in the model's context"
LEFT_OUT = HIDDEN

_SENTENCES = {
    DUPLICATE: "It says the same, word for word, as a passage that was used.",
    SIMILAR: "It says nearly the same as a passage that was used.",
    NO_ROOM: "It was chosen, but the model could not read so much at once.",
    UNANSWERING: "The best passages were read with the question, and no answer was found in them.",
    UNREAD: "It fits less than the best passages, and no answer was found in those.",
    LEFT_OUT: "It contains instructions aimed at the assistant, and was left out.",
}
_STEPS = {
    "rewriting": "writing the question anew",
    "embedding": "reading the question",
    "searching": "searching",
    "reading": "reading the best passages",
    "reranking": "reranking",
}
_MOST_OF_A_PASSAGE = 280


@dataclass(frozen=True, slots=True)
class Score:
    """One measure of a passage, 0 to 1 where it has a bar."""

    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Entry:
    """A passage that was retrieved. `number` is the one it was given to the model with, None if it was not."""

    name: str
    place: str
    relevance: float
    number: int | None
    is_cited: bool
    cut: str
    sentence: str
    matched: Sequence[str]
    scores: Sequence[Score]
    text: str
    # Nothing, where the document is gone.
    url: str
    is_joined: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    share: float
    is_carried: bool

    @property
    def percent(self) -> int:
        return round(self.share * 100)


@dataclass(frozen=True, slots=True)
class Explanation:
    question: str
    searched: bool
    documents: int = 0
    passages: int = 0
    used: Sequence[Entry] = ()
    cut: Sequence[Entry] = ()
    words: Sequence[Word] = ()
    is_follow_up: bool = False
    earlier: str = ""
    # What was searched for in the place of a question that leans on the one before.
    rewritten: str = ""
    notes: Sequence[str] = ()
    times: Sequence[tuple[str, float]] = ()
    citations: Mapping[str, int] = field(default_factory=dict)

    @property
    def found(self) -> int:
        """How many passages were looked at."""
        return len(self.used) + len(self.cut)


def of(answer: Message, user: "User") -> Explanation:
    """`answer` is visible to `user`, and comes with its `parent`."""
    question = answer.parent.content if answer.parent else ""
    trace: dict[str, Any] = answer.retrieval.get("trace") or {}
    if not trace:
        return Explanation(question, searched=False)
    entries = _entries(answer, trace, user)
    return Explanation(
        question,
        searched=True,
        documents=trace.get("documents", 0),
        passages=trace.get("searched", 0),
        used=sorted((entry for entry in entries if not entry.cut), key=lambda entry: entry.number or 0),
        cut=[entry for entry in entries if entry.cut],
        words=[Word(word["word"], word["share"], word["carried"]) for word in _words(trace)],
        is_follow_up=bool(trace.get("follow_up")),
        earlier=trace.get("earlier", ""),
        rewritten=trace.get("rewritten", ""),
        notes=_notes(trace),
        times=[(_STEPS.get(step, step), spent) for step, spent in trace.get("milliseconds", {}).items()],
        citations=trace.get("citations", {}),
    )


def _words(trace: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those that carry any weight: a word that stands nowhere, or everywhere, decided nothing."""
    words = [word for word in trace.get("words", []) if word["share"] > 0]
    return sorted(words, key=lambda word: -word["share"])


def _notes(trace: Mapping[str, Any]) -> list[str]:
    notes = []
    if trace.get("by_words_alone"):
        notes.append("The embedding model could not be reached, so words alone decided.")
    if trace.get("approximate"):
        notes.append("So large a library is searched by an index that may miss a passage now and then.")
    if rerank := trace.get("rerank"):
        if rerank["failed"]:
            notes.append(f"The passages stayed in their first order. {rerank['failed']}")
        elif rerank.get("none_answers"):
            notes.append(f"The best passages were read with the question ({rerank['by']}): none of them answers it.")
        else:
            notes.append(f"The passages were put in this order by reading them with the question ({rerank['by']}).")
    return notes


def _entries(answer: Message, trace: Mapping[str, Any], user: "User") -> list[Entry]:
    given = {source["chunk_id"]: source for source in answer.retrieval.get("passages", [])}
    left_out = {one["chunk_id"] for one in trace.get("suspicious", []) if one.get("fate") == "left out"}
    cited = set(answer.citations.filter(is_marked=True).values_list("number", flat=True))
    passages: list[dict[str, Any]] = trace.get("passages", [])
    links = _Links.of(passages, user)
    entries = []
    for passage in passages:
        chunk_id = passage["chunk"]
        whole = passage.get("joined_to", chunk_id)
        source = given.get(whole)
        cut = passage["cut"]
        if not cut and source is None:
            cut = LEFT_OUT if whole in left_out else NO_ROOM
        number = source["number"] if source and not cut else None
        text = links.texts.get(chunk_id) or (given[chunk_id]["text"] if chunk_id in given else "")
        entries.append(
            Entry(
                name=passage["name"],
                place=f"{place_word(links.media_types.get(passage['document']), passage['name'])} {passage['page']}",
                relevance=passage["score"],
                number=number,
                is_cited=number in cited,
                cut=cut,
                sentence=_sentence(cut, passage, trace),
                matched=passage.get("matched", []),
                scores=_scores(passage),
                text=_beginning(text),
                url=links.url(chunk_id, passage["document"]),
                is_joined=whole != chunk_id,
            )
        )
    return entries


def _sentence(cut: str, passage: Mapping[str, Any], trace: Mapping[str, Any]) -> str:
    if cut == IRRELEVANT:
        # Its collection's own goes before the installation's.
        wanted = passage.get("threshold", trace.get("threshold"))
        return f"Its relevance of {passage['score']:.2f} is below {wanted:.2f}, the least asked for." if wanted else ""
    if cut == SURPLUS:
        most = trace.get("top_k")
        return f"Others fit better, and {most} passages at most are used." if most else ""
    return _SENTENCES.get(cut, "")


def _scores(passage: Mapping[str, Any]) -> list[Score]:
    """What the order came from (docs/decisions/0011-fusion.md)."""
    labels = {
        "keyword": "Words (BM25)",
        "similarity": "Meaning (cosine)",
        "whole_document": "The document as a whole",
        "together": "Words in one sentence",
        "in_order": "Words in the question's order",
        "meaning": "Best sentence's meaning",
        "rerank": "Reranking",
        "rank_score": "Rank, all in all",
    }
    return [Score(label, passage[name]) for name, label in labels.items() if passage.get(name) is not None]


def _beginning(text: str) -> str:
    text = " ".join(text.split())
    if len(text) <= _MOST_OF_A_PASSAGE:
        return text
    return text[:_MOST_OF_A_PASSAGE].rsplit(" ", 1)[0] + " …"


@dataclass(frozen=True, slots=True)
class _Links:
    """What is still there of the passages of a record, and this person's to see."""

    urls: Mapping[int, str]
    texts: Mapping[int, str]
    media_types: Mapping[str, str]

    @classmethod
    def of(cls, passages: Sequence[Mapping[str, Any]], user: "User") -> "_Links":
        documents = {
            str(pk): media_type or ""
            for pk, media_type in access.readable_by(user.pk)
            .filter(pk__in={passage["document"] for passage in passages})
            .values_list("pk", "current_version__media_type")
        }
        chunks = Chunk.objects.filter(
            pk__in=[passage["chunk"] for passage in passages], version__document__in=list(documents)
        ).select_related("version")
        urls, texts = {}, {}
        for chunk in chunks:
            address = reverse("documents:page", args=[chunk.version.document_id, chunk.version.number, chunk.page])
            urls[chunk.pk] = f"{address}?chunk={chunk.pk}#passage"
            texts[chunk.pk] = chunk.content
        return cls(urls, texts, documents)

    def url(self, chunk_id: int, document_id: str) -> str:
        """The passage; where it was read anew since, its document."""
        if chunk_id in self.urls:
            return self.urls[chunk_id]
        return reverse("documents:detail", args=[document_id]) if document_id in self.media_types else ""
