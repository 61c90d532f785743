"""What is asked of a chat model and what comes back, whoever provides it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Picture:
    """For models that see: `data` is base64 of a JPEG or PNG, `tokens` what reading it costs, about."""

    data: str = field(repr=False)
    tokens: int


@dataclass(frozen=True, slots=True)
class Turn:
    role: Literal["system", "user", "assistant"]
    content: str
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True, slots=True)
class Quotable:
    """A numbered passage. Language models get it inside the prompt; the quoting answerer quotes it as it is."""

    number: int
    title: str
    page: int
    text: str
    score: float = 0.0
    # What `page` counts: only some documents have pages that could be leafed through.
    place: str = "page"


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """`turns` end with the person's question, or, to continue a broken answer, with the assistant's text so far."""

    model: str
    turns: Sequence[Turn]
    passages: Sequence[Quotable] = field(default_factory=tuple)
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    think: bool = False


@dataclass(frozen=True, slots=True)
class Delta:
    """New text. Never both empty."""

    text: str = ""
    thinking: str = ""


@dataclass(frozen=True, slots=True)
class Finish:
    """The model's own end. A stream that ends without one is an `AnswerCut`."""

    reason: Literal["stop", "length"]
    tokens_prompt: int | None = None
    tokens_completion: int | None = None
