# ruff: noqa: E501 - the texts stand as they were counted
"""The estimate against counts made once with cl100k, the ancestor of the vocabularies of Llama 3 and Qwen."""

import pytest

from llms.tokens import estimate

COUNTED = [
    (
        "The committee met on Tuesday to discuss the new bridge. It decided, after a long debate, that repairing the old one would cost less and take fewer months than building another beside it.",
        37,
    ),
    (
        "Der Ausschuss tagte am Dienstag, um über die neue Brücke zu beraten. Nach längerer Aussprache beschloss er, dass die Instandsetzung der alten günstiger wäre und weniger Monate dauern würde.",
        53,
    ),
    (
        "委员会于星期二开会讨论新桥问题。经过长时间的辩论，委员会决定，维修旧桥比在旁边再建一座新桥花费更少，所需的时间也更短。",
        72,
    ),
    (
        'def total(items: list[int]) -> int:\n    kept = [n for n in items if n > 0 and n < 1000]\n    if not kept:\n        raise ValueError("nothing is left")\n    return sum(kept) / len(kept)\n',
        55,
    ),
    (
        "Комитет собрался во вторник, чтобы обсудить новый мост. После долгих споров он решил, что ремонт старого обойдётся дешевле.",
        61,
    ),
    (
        "| Part | Before | After |\n| --- | ---: | ---: |\n| Bridges | 1,204 | 87 |\n| Everything else | 310 | 305 |\n",
        37,
    ),
]


@pytest.mark.parametrize(("text", "tokens"), COUNTED, ids=[text[:20] for text, _ in COUNTED])
def test_the_estimate_is_near_and_rather_too_high(text: str, tokens: int) -> None:
    assert tokens * 0.97 <= estimate(text) <= tokens * 1.3 + 2


def test_more_text_is_more_tokens() -> None:
    assert estimate("") <= 1
    assert estimate("word " * 1_000) == pytest.approx(1_000 * estimate("word word word word ") / 4, rel=0.3)
    assert estimate("a" * 100_000) > 5_000
