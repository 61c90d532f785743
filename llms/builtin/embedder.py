"""Static word vectors whose weights come inside the `wordllama` wheel: no network, no torch, 16 MB."""

from collections.abc import Sequence
from functools import cache
from math import isnan
from pathlib import Path
from typing import Any

DIMENSION = 256


def embed(texts: Sequence[str]) -> list[list[float]]:
    """A unit vector for each text."""
    vectors: list[list[float]] = [[]] * len(texts)
    if not texts:
        return vectors
    # Texts are padded to the longest of their batch, so those of equal length go together.
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    embedded = _model().embed([texts[i].strip() or "." for i in order], norm=True, return_np=True)
    for i, vector in zip(order, embedded.tolist(), strict=True):
        # A text without a single token has no direction: 0/0 above. Any fixed one will do, and is near nothing.
        vectors[i] = [1.0] + [0.0] * (DIMENSION - 1) if isnan(vector[0]) else vector
    return vectors


@cache
def _model() -> Any:
    import wordllama

    # Left alone it looks for its tokenizer in a folder that does not exist, and then on the internet.
    package = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=package, disable_download=True)
