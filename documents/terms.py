"""From text to search terms: keyed 64-bit numbers that rank like words and say nothing to a reader of the database.

A word is normalised (NFKC, lower case), stemmed by its language, stripped of accents and hashed under the owner's key
for terms (accounts.encryption.keys), which callers bring: erased with the account, it leaves numbers that mean nothing.
Scripts written without spaces are cut into pairs of characters. Numbers stay whole.
The same functions serve passages and questions, so the two always meet.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from string import ascii_letters
from typing import Any, Protocol

from documents.stopwords import REQUEST_WORDS, STOP_WORDS

LONGEST_WORD = 64
# What a question may cost. A person's question has some ten words; of a pasted page the beginning is searched.
MOST_QUERY_CHARACTERS = 4_000
MOST_QUERY_WORDS = 64
MOST_LANGUAGES = 4
# How much counts of "FY2018", which is also searched as "fy" and "2018": the whole, its letters, its figures.
_WHOLE, _LETTERS, _FIGURES = 0.5, 0.25, 1.0
# Of words that say what to do with the answer ("round", "explain") rather than what it is about.
_REQUEST = 0.25

DEFAULT_LANGUAGE = "english"
_LATIN_LANGUAGES = tuple(language for language in STOP_WORDS if language != "russian")
# Whose stemmers leave the first letter of a word alone.
_KEEP_BEGINNINGS = frozenset(STOP_WORDS) - {"dutch", "indonesian", "turkish"}

# In which languages a common word is common.
_SPOKEN_IN: dict[str, list[str]] = {}
for _language in _LATIN_LANGUAGES:
    for _word in STOP_WORDS[_language]:
        _SPOKEN_IN.setdefault(_word, []).append(_language)

# Written without spaces, or (Hangul) with particles glued to words: pairs of characters find them all.
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ffff"
_UNSPACED = (
    _HAN
    + "\u3005\u3040-\u30ff\u31f0-\u31ff\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\uac00-\ud7af"
)
_TOKEN = re.compile(
    rf"(?P<unspaced>[{_UNSPACED}]+)"
    r"|(?P<number>\d+(?:[.,]\d+)*(?![^\W_]))"
    rf"|(?P<word>[^\W_{_UNSPACED}]+(?:[\u0300-\u036f]+[^\W_{_UNSPACED}]*)*)"
)
_GROUPED_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_LETTERS_ALONE = re.compile(r"[^\W\d_]+")
_LETTERS_OR_DIGITS = re.compile(r"\d+|[^\W\d_]+")
_IS_HAN = re.compile(f"[{_HAN}]")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]+")
_SAMPLE = 20_000

_SCRIPT_LANGUAGES = (
    ("\u0400", "\u052f", "russian"),
    ("\u0370", "\u03ff", "greek"),
    ("\u1f00", "\u1fff", "greek"),
    ("\u0530", "\u058f", "armenian"),
    ("\u0590", "\u05ff", ""),
    ("\u0600", "\u06ff", "arabic"),
    ("\u0900", "\u097f", "hindi"),
    ("\u0b80", "\u0bff", "tamil"),
)


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802 - PyStemmer's name


@dataclass(frozen=True)
class PassageTerms:
    """Terms of one passage with how often each stands in it; `length` is their sum, for BM25."""

    frequencies: dict[int, int]
    length: int


@dataclass(frozen=True)
class AskedWord:
    """One word of a question: its stems in the languages of the library, any of which will do.

    `weight` is how much it counts beside the others. `is_part`: there are other forms of the word, so that it is no
    loss if this one stands nowhere.
    """

    terms: tuple[int, ...]
    weight: float = 1.0
    is_part: bool = False
    # The word itself, which is kept nowhere: for marking it where it stands.
    word: str = ""
    # With how many keys the stems were hashed: the terms of one key stand together, in the order of the stems.
    keys: int = 1


def storable(text: str) -> str:
    """Without what neither PostgreSQL nor an embedding model takes: NUL, and halves of surrogate pairs."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def normalised(text: str) -> str:
    # Where there is no ß on the keyboard, or in the country, it is written ss.
    return unicodedata.normalize("NFKC", text).lower().replace("ß", "ss")


def guess_language(text: str, *, otherwise: str = DEFAULT_LANGUAGE) -> str:
    """The Snowball name of the language whose common words are most frequent here; `otherwise`, where there are none.

    Good enough to choose a stemmer: a wrong guess costs a few word forms. Needs no model and no network.
    """
    scores = dict.fromkeys(_LATIN_LANGUAGES, 0)
    for word, count in Counter(_LETTERS_ALONE.findall(normalised(text[:_SAMPLE]))).items():
        for language in _SPOKEN_IN.get(word, ()):
            scores[language] += count
    best = max(scores, key=scores.__getitem__)
    return best if scores[best] else otherwise


def language_of(texts: Sequence[str]) -> str:
    """One language for a document, guessed over a sample of all its passages."""
    step = max(1, len(texts) // 40)
    return guess_language(" ".join(text[:500] for text in texts[::step]))


def passage_terms(text: str, language: str, key: bytes) -> PassageTerms:
    frequencies = Counter(terms_in_order(text, language, key))
    return PassageTerms(dict(frequencies), frequencies.total())


def terms_in_order(text: str, language: str, key: bytes) -> list[int]:
    return [hashed(_stem(word, language), key) for word in _words(text)]


def query_words(query: str, languages: Iterable[str], *keys: bytes) -> list[AskedWord]:
    """The distinct words of a question, stemmed for the languages of the library searched, most used first.

    Common words are left out, unless there is nothing else. Long questions are cut. `keys` are those of the people
    whose texts are searched.
    """
    query = query[:MOST_QUERY_CHARACTERS]
    wanted = query_languages(query, languages)
    words: dict[str, float] = {}
    for word, weight in _weighted_words(query):
        words[word] = max(weight, words.get(word, 0.0))
    asking = _stop_words(guess_language(query), *wanted)
    telling = [(word, weight) for word, weight in words.items() if word not in asking] or list(words.items())
    return _asked(telling[:MOST_QUERY_WORDS], wanted, keys)


def query_languages(query: str, languages: Iterable[str]) -> list[str]:
    """Those in which a question is searched for: of the library's, most used first, some, and the question's own."""
    known = list(dict.fromkeys(languages)) or [DEFAULT_LANGUAGE]
    own = guess_language(query[:MOST_QUERY_CHARACTERS])
    return [*known[:MOST_LANGUAGES], *([own] if own in known[MOST_LANGUAGES:] else [])]


def _asked(words: Sequence[tuple[str, float]], languages: Sequence[str], keys: Sequence[bytes]) -> list[AskedWord]:
    found: list[AskedWord] = []
    for word, weight in words:
        stems = dict.fromkeys(_stem(word, language) for language in languages)
        terms = tuple(hashed(stem, key) for key in keys for stem in stems)
        counts = _REQUEST if word in REQUEST_WORDS else weight
        found.append(AskedWord(terms, counts, is_part=weight < 1, word=word, keys=len(keys)))
    return found


def query_terms(words: Iterable[AskedWord]) -> dict[int, float]:
    """What to look up for these words, with the weight of each term."""
    terms: dict[int, float] = {}
    for word in words:
        for term in word.terms:
            terms[term] = max(word.weight, terms.get(term, 0.0))
    return terms


def same_stems(words: Iterable[AskedWord]) -> dict[int, int]:
    """For each term the one of the first key that was made of the same stem: what is rare is so among all owners."""
    found: dict[int, int] = {}
    for word in words:
        stems = len(word.terms) // max(1, word.keys)
        found |= {term: word.terms[place % stems] for place, term in enumerate(word.terms)}
    return found


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Where a word of a question stands in a text; `word` is its place among them."""

    start: int
    end: int
    word: int


class Marker:
    """Finds the words of a question in texts as they are written: what a reader is to see marked."""

    def __init__(self, words: Sequence[AskedWord], languages: Sequence[str]) -> None:
        """`words` and `languages` as `query_words` and `query_languages` give them."""
        self._languages = languages
        pairs = {word.word for word in words if len(word.word) == 2 and _IS_UNSPACED.fullmatch(word.word)}
        # Of a pair of characters, neither is meant by itself.
        within = {character for pair in pairs for character in pair}
        self._wanted = {
            _stem(word.word, language): place
            for place, word in enumerate(words)
            for language in languages
            if word.word not in within
        }
        # No word that begins with one of these is meant. Most of a text is passed over that way.
        self._passed = frozenset(ascii_letters if _KEEP_BEGINNINGS.issuperset(languages) else "")
        self._passed -= {form(stem[0]) for stem in self._wanted for form in (str.lower, str.upper)}
        # By what stands in the texts, however often: the place of the word that it is a form of.
        self._known: dict[str, int | None] = {}

    def occurrences(self, text: str) -> Iterator[Occurrence]:
        """From the beginning on. Some may overlap."""
        known = self._known
        for match in _TOKEN.finditer(text):
            if match.lastgroup == "unspaced":
                yield from self._within(match.group(), match.start())
                continue
            token = match.group()
            if token[0] in self._passed and token.isalpha():
                continue
            if token not in known:
                known[token] = self._place(_words(token) if not token.isalpha() else [normalised(token)[:LONGEST_WORD]])
            if (place := known[token]) is not None:
                yield Occurrence(match.start(), match.end(), place)

    def _within(self, run: str, start: int) -> Iterator[Occurrence]:
        for at in range(len(run)):
            for piece in (run[at : at + 2], run[at]):
                if piece not in self._known:
                    self._known[piece] = self._place([normalised(piece)])
                if (place := self._known[piece]) is not None:
                    yield Occurrence(start + at, start + at + len(piece), place)

    def _place(self, forms: Iterable[str]) -> int | None:
        for form in forms:
            for language in self._languages:
                if (place := self._wanted.get(_stem(form, language))) is not None:
                    return place
        return None


def _stop_words(*languages: str) -> frozenset[str]:
    return frozenset().union(*(STOP_WORDS.get(language, frozenset()) for language in (*languages, "russian")))


def _words(text: str) -> Iterator[str]:
    return (word for word, _ in _weighted_words(text))


def _weighted_words(text: str) -> Iterator[tuple[str, float]]:
    """Each word with how much it counts in a question."""
    for match in _TOKEN.finditer(normalised(text)):
        token = match.group()
        if match.lastgroup == "unspaced":
            yield from ((pair, 1.0) for pair in _pairs(token))
        elif match.lastgroup == "number":
            yield token.replace(",", "") if _GROUPED_NUMBER.fullmatch(token) else token, 1.0
        else:
            token = token[:LONGEST_WORD]
            # "FY2018" is found by 2018, and "XR500" by "XR 500".
            parts = [] if token.isalpha() else _LETTERS_OR_DIGITS.findall(token)
            if len(parts) < 2:
                yield token, 1.0
            else:
                yield token, _WHOLE
                yield from ((part, _FIGURES if part.isdigit() else _LETTERS) for part in parts)


def _pairs(run: str) -> Iterator[str]:
    """Overlapping pairs; single Han characters too, because many words are one character long."""
    if len(run) == 1:
        yield run
        return
    for first, second in pairwise(run):
        yield first + second
    yield from (character for character in run if _IS_HAN.match(character))


@lru_cache(maxsize=200_000)
def _stem(word: str, language: str) -> str:
    if not word[0].isalpha():
        return word
    own = _script_language(word[0])
    chosen = language if own is None else own
    return _without_accents(_stemmer(chosen).stemWord(word) if chosen else word)


def _script_language(character: str) -> str | None:
    """None: Latin letters, so the document's own language decides. Empty: there is no stemmer for this script."""
    if character < "\u0370":
        return None
    for first, last, language in _SCRIPT_LANGUAGES:
        if first <= character <= last:
            return language
    return None if "\u1e00" <= character <= "\u1eff" else ""


@lru_cache(maxsize=64)
def _stemmer(language: str) -> _Stemmer:
    import Stemmer

    # Without a cache of its own, which is slower than stemming; `_stem` has one.
    made: Any = Stemmer.Stemmer(language if language in Stemmer.algorithms() else DEFAULT_LANGUAGE, 0)
    stemmer: _Stemmer = made
    return stemmer


def _without_accents(word: str) -> str:
    if word.isascii() or word[0] > "\u1eff":
        return word
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


@lru_cache(maxsize=200_000)
def hashed(stem: str, key: bytes) -> int:
    digest = blake2b(stem.encode("utf-8", "replace"), digest_size=8, key=key).digest()
    return int.from_bytes(digest, "big", signed=True)
