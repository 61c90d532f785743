"""What the model server of the tests writes: Markdown that depends on the question only, in pieces like tokens."""

import hashlib
import random
import re
from collections.abc import Iterator, Sequence
from functools import cache

_TOPICS = ("rivers", "bridges", "libraries", "lighthouses", "gardens", "railways", "harbours", "observatories")

_BLOCKS = (
    "## What matters about {topic}\n\n",
    "The first thing to know about {topic} is that they change slowly, and that **most of the cost** comes late.\n\n",
    "In practice three points decide, and each of them can be checked without special tools.\n\n",
    (
        "- Measure before you change anything about {topic}.\n- Write down *why*, not only what.\n"
        "- Keep the old way until the new one has run for a month.\n\n"
    ),
    (
        "1. Look at the whole.\n2. Divide it into parts:\n   - small ones\n   - smaller ones\n"
        "3. Begin with the `cheapest` part.\n\n"
    ),
    (
        "```python\ndef total(items: list[int]) -> int:\n    kept = [n for n in items if n > 0 and n < 1000]\n"
        '    return sum(kept)  # "&" and <b> stay as they are\n```\n\n'
    ),
    "| Part | Before | After |\n| --- | ---: | ---: |\n| {topic} | 1,204 | 87 |\n| everything else | 310 | 305 |\n\n",
    "> What is simple to explain is usually simple to repair.\n\n",
    "### Größe, naïveté, 漢字 and 🚲\n\n",
    "Größere {topic} brauchen länger; 小さいものは速い。 Ça dépend, bien sûr — emoji 🧪👩‍🔬 included.\n\n",
    "The energy is $E = mc^2$, and with friction\n\n$$\\int_0^1 x^2 \\, dx = \\frac{{1}}{{3}}$$\n\n",
    "See also <https://example.org/{topic}?a=1&b=2>, which is only an example.\n\n",
)
_PIECE = re.compile(r" ?\S{1,7}|\s")
_NUMBERED = re.compile(r"(?m)^\s*(?:<[\w-]+ [^>]*?(?:id|n|number)=\"(\d{1,2})\"|\[(\d{1,2})\])")


def pieces(text: str) -> list[str]:
    """The text cut into token-like pieces; joined they are the text again."""
    return _PIECE.findall(text)


@cache
def _block(number: int, topic: str) -> tuple[str, ...]:
    return tuple(pieces(_BLOCKS[number].format(topic=topic)))


def _endless(question: str, marks: Sequence[int]) -> Iterator[str]:
    lines = [line for line in question.splitlines() if line.strip()]
    seed = (lines[-1] if lines else "").strip()
    choose = random.Random(hashlib.sha256(seed.encode()).digest())
    topic = choose.choice(_TOPICS)
    yield from pieces(f"An answer about {topic}, number {choose.randrange(10**9)}.")
    yield from [f" [{marks[0]}]", "\n", "\n"] if marks else ["\n", "\n"]
    used = 0
    while True:
        block = _block(choose.randrange(len(_BLOCKS)), topic)
        yield from block[:-2]
        if marks and block[-3].endswith("."):
            used += 1
            yield f" [{marks[used % len(marks)]}]"
        yield from block[-2:]


def passage_numbers(text: str) -> tuple[int, ...]:
    """The numbers of the passages in a prompt: `[3] …` or `<passage id="3" …>` at the beginning of a line."""
    return tuple(sorted({int(a or b) for a, b in _NUMBERED.findall(text)}))


def expected_pieces(prompt: str, tokens: int, marks: Sequence[int] = ()) -> list[str]:
    stream = _endless(prompt, marks)
    return [next(stream) for _ in range(tokens)]


def expected_text(prompt: str, tokens: int, marks: Sequence[int] = ()) -> str:
    """The whole answer to `prompt`, of which only the last line that is not empty counts.

    `marks` are the numbers of the passages in the prompt: the answer cites them in turn.
    """
    return "".join(expected_pieces(prompt, tokens, marks))


def short_text(prompt: str) -> str:
    """The answer when fewer than 65 tokens were asked for: a title, a query, a sentence."""
    seed = hashlib.sha256(prompt.strip().encode()).digest()
    return f"Notes on {_TOPICS[seed[0] % len(_TOPICS)]} and {_TOPICS[seed[1] % len(_TOPICS)]}"


def embedding(text: str, dimension: int) -> list[float]:
    """A unit vector in which texts that share words are near each other."""
    vector = [0.0] * dimension
    for word in re.findall(r"\w+", text.lower()) or [""]:
        digest = hashlib.blake2b(word.encode(), digest_size=16).digest()
        for i in range(0, 16, 4):
            at = int.from_bytes(digest[i : i + 3], "big") % dimension
            vector[at] += 1.0 if digest[i + 3] & 1 else -1.0
    length = sum(x * x for x in vector) ** 0.5 or 1.0
    return [x / length for x in vector]
