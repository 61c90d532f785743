"""Passages that nobody wrote: English function words and made-up words, in Zipf's proportions, 180 words each."""

import random

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

    def document(self, passages: int) -> list[str]:
        subject = self._all[self._numbers.integers(400, len(self._all), _SUBJECT_WORDS)]
        return [self._passage(subject) for _ in range(passages)]

    def question(self, kind: str) -> str:
        """Four words that tell something, by how many passages they stand in, in a frame of words that do not."""
        first, last = {"rare": (8_000, 40_000), "middling": (300, 3_000), "common": (0, 40)}[kind]
        one, two, three, four = (self.words[self.random.randrange(first, last)] for _ in range(4))
        return f"What is the {one} {two} of the {three}, and how was it {four}?"

    def _passage(self, subject: object) -> str:
        import numpy as np

        chosen = self._all[np.searchsorted(self._cumulated, self._numbers.random(WORDS)).clip(max=len(self._all) - 1)]
        about = self._numbers.random(WORDS) < _SUBJECT_SHARE
        chosen[about] = self._numbers.choice(subject, about.sum())
        return " ".join(chosen)
