"""What a ranking is worth against what was expected. Pure; ranks count from 1."""

import math
from collections.abc import Mapping, Sequence

AT = 10


def first_hit(found: Sequence[str], grades: Mapping[str, int]) -> int | None:
    return next((rank for rank, one in enumerate(found, start=1) if one in grades), None)


def ndcg(found: Sequence[str], grades: Mapping[str, int], *, at: int = AT) -> float:
    gained = sum(_gain(grades.get(one, 0), rank) for rank, one in enumerate(found[:at], start=1))
    best = sum(_gain(grade, rank) for rank, grade in enumerate(sorted(grades.values(), reverse=True)[:at], start=1))
    return gained / best if best else 0.0


def recall(found: Sequence[str], grades: Mapping[str, int], *, at: int = AT) -> float:
    return len(set(found[:at]) & set(grades)) / len(grades) if grades else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of the values does not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def _gain(grade: int, rank: int) -> float:
    return float((2**grade - 1) / math.log2(rank + 1))
