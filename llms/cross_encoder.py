"""A cross-encoder from a folder of this machine: it reads a question and a passage together and says how they fit.

Neither it nor its libraries come with the product. RAG_RERANK_PATH names a folder in the form of the Hugging Face hub:
with `model.onnx` (or `onnx/model.onnx`) and `tokenizer.json`, for onnxruntime, or whatever sentence-transformers reads.
Nothing is ever fetched.
"""

import importlib.util
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from llms.errors import LoadFailed, TooSlow

# Pairs read at once: between two such batches the clock is looked at.
_BATCH = 4
_MOST_TOKENS = 512
_Pairs = Sequence[tuple[str, str]]


def library(folder: str) -> str:
    """What can read the model in this folder here: "onnxruntime", "sentence-transformers", or nothing."""
    if not folder or not Path(folder).is_dir():
        return ""
    if _onnx_file(folder) and _is_installed("onnxruntime") and _is_installed("tokenizers"):
        return "onnxruntime"
    return "sentence-transformers" if _is_installed("sentence_transformers") else ""


def scores(folder: str, question: str, texts: Sequence[str], *, seconds: float) -> list[float]:
    """How well each text answers, the higher the better. Raises TooSlow after `seconds`, and LoadFailed."""
    deadline = time.monotonic() + seconds
    try:
        score = _loaded(folder)
    except Exception as error:
        # Whatever two libraries make of a folder's content.
        raise LoadFailed("The cross-encoder could not be loaded.", detail=repr(error)) from error
    found: list[float] = []
    for begin in range(0, len(texts), _BATCH):
        if time.monotonic() > deadline:
            raise TooSlow("The cross-encoder took too long.")
        found += score([(question, text) for text in texts[begin : begin + _BATCH]])
    return found


def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _onnx_file(folder: str) -> Path | None:
    if not (Path(folder) / "tokenizer.json").is_file():
        return None
    files = (Path(folder) / "model.onnx", Path(folder) / "onnx" / "model.onnx")
    return next((file for file in files if file.is_file()), None)


@lru_cache(maxsize=1)
def _loaded(folder: str) -> Callable[[_Pairs], list[float]]:
    return _by_onnx(folder) if library(folder) == "onnxruntime" else _by_sentence_transformers(folder)


def _by_onnx(folder: str) -> Callable[[_Pairs], list[float]]:
    import numpy as np
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer: Any = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    tokenizer.enable_truncation(_MOST_TOKENS)
    tokenizer.enable_padding()
    session: Any = onnxruntime.InferenceSession(str(_onnx_file(folder)), providers=["CPUExecutionProvider"])
    wanted = [one.name for one in session.get_inputs()]

    def score(pairs: _Pairs) -> list[float]:
        encoded = tokenizer.encode_batch(list(pairs))
        inputs = {
            "input_ids": [one.ids for one in encoded],
            "attention_mask": [one.attention_mask for one in encoded],
            "token_type_ids": [one.type_ids for one in encoded],
        }
        fed = {name: np.array(inputs[name], dtype=np.int64) for name in wanted}
        # One logit a pair; of a classifier with two, the second says yes.
        return [float(row[-1]) for row in session.run(None, fed)[0]]

    return score


def _by_sentence_transformers(folder: str) -> Callable[[_Pairs], list[float]]:
    from sentence_transformers import CrossEncoder

    model: Any = CrossEncoder(folder, local_files_only=True, max_length=_MOST_TOKENS)
    return lambda pairs: [float(score) for score in model.predict(list(pairs), show_progress_bar=False)]
