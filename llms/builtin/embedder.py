"""Static word vectors whose weights come inside the `wordllama` wheel: no network, no torch, 16 MB."""

import json
from collections.abc import Callable, Sequence
from functools import cache
from math import isnan
from pathlib import Path
from typing import Any

DIMENSION = 256


def embed(texts: Sequence[str]) -> list[list[float]]:
    """A unit vector for each text."""
    vectors: list[list[float]] = [[]] * len(texts)
    for i, vector in _embedded(texts, lambda found: found.tolist()):
        # A text without a single token has no direction: 0/0 above. Any fixed one will do, and is near nothing.
        vectors[i] = [1.0] + [0.0] * (DIMENSION - 1) if isnan(vector[0]) else vector
    return vectors


def cosines(vector: Sequence[float], texts: Sequence[str]) -> list[float]:
    """How near each text is to a unit vector, many times faster than with vectors as lists."""
    near = [0.0] * len(texts)
    for i, cosine in _embedded(texts, lambda found: (found @ vector).tolist()):
        near[i] = 0.0 if isnan(cosine) else cosine
    return near


def _embedded(texts: Sequence[str], finish: Callable[[Any], list[Any]]) -> list[tuple[int, Any]]:
    """What `finish` makes of each text's row, with its place. Texts are padded to the longest of their batch, so those
    of equal length go together."""
    if not texts:
        return []
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    embedded = _model().embed([texts[i].strip() or "." for i in order], norm=True, return_np=True)
    return list(zip(order, finish(embedded), strict=True))


@cache
def _model() -> Any:
    import wordllama

    # Put together here: left alone it looks for its tokenizer in a folder that is not there, and then on the internet.
    package = Path(wordllama.__file__).parent
    tokenizer = wordllama.WordLlama.load_tokenizer(package / "tokenizers" / "l2_supercat_tokenizer_config.json")
    weights = _weights(package / "weights" / "l2_supercat_256.safetensors")
    # It copies what it is given, and widens it to twice the size: so it is given nothing, and the weights afterwards.
    model = wordllama.WordLlamaInference(weights[:0], tokenizer)
    model.embedding = weights
    return model


def _weights(path: Path) -> Any:
    """One vector for each token, as they lie in the file: pages of it that all processes share, where `wordllama` has a
    copy of 32 MB for itself. numpy widens the few rows that it gathers, to the same numbers."""
    import numpy as np

    # The format: eight bytes with the length of a JSON header, the header, and the data it describes.
    with path.open("rb") as file:
        header = file.read(int.from_bytes(file.read(8), "little"))
        start = file.tell()
    tensor = json.loads(header)["embedding.weight"]
    begin, _ = tensor["data_offsets"]
    number = {"F16": np.float16, "F32": np.float32}[tensor["dtype"]]
    return np.asarray(np.memmap(path, number, "r", start + begin, tuple(tensor["shape"])))
