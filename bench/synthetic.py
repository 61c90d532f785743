"""Passages that nobody wrote: English function words and made-up words, in Zipf's proportions, 180 words each."""

import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

WORDS = 180
VOCABULARY = 50_000
_EXPONENT = 1.05
# A quarter of a document's words are about its subject, as in real documents.
_SUBJECT_WORDS = 60
_SUBJECT_SHARE = 0.25
_SYLLABLES = "ba ke li mo nu ra se ti vo zu dan fer gim hol jur pas qui wex yan stro".split()


class Author:
    """Deterministic: the same seed writes the same library."""

    def __init__(self, seed: int = 1) -> None:
        import numpy as np

        from documents.stopwords import STOP_WORDS

        self.random = random.Random(seed)
        self._numbers = np.random.default_rng(seed)
        made: dict[str, None] = {}
        while len(made) < VOCABULARY:
            made["".join(self.random.choice(_SYLLABLES) for _ in range(self.random.choice((2, 3, 3, 4))))] = None
        self.words = list(made)
        self._all = np.array([*sorted(STOP_WORDS["english"]), *self.words])
        weights = 1 / np.arange(1, len(self._all) + 1) ** _EXPONENT
        self._cumulated = np.cumsum(weights / weights.sum())

    @property
    def vocabulary(self) -> list[str]:
        """By number: what `drawn` holds."""
        return [str(word) for word in self._all]

    def document(self, passages: int) -> list[str]:
        return self.written(self.drawn(passages))

    def drawn(self, passages: int) -> "np.ndarray[Any, Any]":
        """Numbers of words: a row of WORDS for each passage."""
        import numpy as np

        subject = self._numbers.integers(400, len(self._all), _SUBJECT_WORDS)
        shape = (passages, WORDS)
        drawn = np.searchsorted(self._cumulated, self._numbers.random(shape)).clip(max=len(self._all) - 1)
        about = self._numbers.random(shape) < _SUBJECT_SHARE
        return np.where(about, self._numbers.choice(subject, shape), drawn)

    def written(self, drawn: "np.ndarray[Any, Any]") -> list[str]:
        return [" ".join(row) for row in self._all[drawn]]

    def question(self, kind: str) -> str:
        """Four words that tell something, by how many passages they stand in, in a frame of words that do not."""
        first, last = {"rare": (8_000, 40_000), "middling": (300, 3_000), "common": (0, 40)}[kind]
        one, two, three, four = (self.words[self.random.randrange(first, last)] for _ in range(4))
        return f"What is the {one} {two} of the {three}, and how was it {four}?"


class Meanings:
    """Vectors as embedding models make them: near one another within a document, and its documents within a subject.

    They come from far fewer numbers than they have, with some noise. Where every direction were as likely as every
    other, everything would be equally far from everything, and there would be nothing for an index to find.
    """

    LATENT = 64
    SUBJECTS = 2_000
    _DOCUMENT, _PASSAGE, _NOISE = 0.7, 0.7, 0.1

    def __init__(self, dimension: int, seed: int = 1) -> None:
        import numpy as np

        self._numbers = np.random.default_rng(seed)
        self._subjects = self._normal(self.SUBJECTS, self.LATENT)
        self._projection = self._normal(self.LATENT, dimension)

    def document(self, passages: int) -> "np.ndarray[Any, Any]":
        """A row of unit length for each passage."""
        subject = self._subjects[self._numbers.integers(self.SUBJECTS)] + self._DOCUMENT * self._normal(self.LATENT)
        return self._seen(subject + self._PASSAGE * self._normal(passages, self.LATENT))

    def near(self, vector: "np.ndarray[Any, Any]") -> list[float]:
        """A question whose answer stands in a passage with this vector."""
        import numpy as np

        away = self._normal(self.LATENT) @ self._projection
        moved = vector / np.linalg.norm(vector) + 0.5 * away / np.linalg.norm(away)
        return (moved / np.linalg.norm(moved)).tolist()

    def _seen(self, latent: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        import numpy as np

        seen = latent @ self._projection
        seen += self._NOISE * self.LATENT**0.5 * self._normal(*seen.shape)
        seen /= np.linalg.norm(seen, axis=-1, keepdims=True)
        return seen

    def _normal(self, *shape: int) -> "np.ndarray[Any, Any]":
        return self._numbers.standard_normal(shape, dtype="float32")
