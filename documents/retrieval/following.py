"""Questions that lean on the one before: "And in 2019?" searches for what was asked about, too.

The words of the earlier question are carried over, at half their weight. No model is asked, so it costs nothing. Where
a model has written the question anew (chats/answering/rephrasing.py), that is searched for instead.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from documents.stopwords import STOP_WORDS
from documents.terms import DEFAULT_LANGUAGE, AskedWord, guess_language, query_words

# A question of so few telling words rarely says all it means.
FEW_WORDS = 3
_CARRIED = 0.5
_FIGURE = re.compile(r"\w*\d[\w.,]*")

# What points back at something said before. A word that does not, costs a few words of half weight.
_REFERRING = frozenset(
    """it its they them their this that these those he him his she her there former latter one ones same other others
    dies diese dieser dieses das er sie es ihn ihm ihr ihre sein seine dort davon dazu darin dafür dabei deren dessen
    eso esa ese esto esta este ellos ellas su sus allí
    il elle ils elles ce cet cette ces son sa ses leur leurs cela ça là en y""".split()
)
_GOING_ON = (
    "and ",
    "or ",
    "but ",
    "what about",
    "how about",
    "und ",
    "oder ",
    "aber ",
    "y ",
    "o ",
    "pero ",
    "et ",
    "ou ",
    "mais ",
)


def leans_back(question: str, words: Sequence[AskedWord]) -> bool:
    """Whether the question seems to need the one before it."""
    plain = question.casefold().lstrip(" \t\n¿¡\"'“„«")
    if len([word for word in words if not word.is_part]) <= FEW_WORDS or plain.startswith(_GOING_ON):
        return True
    return not _REFERRING.isdisjoint("".join(c if c.isalnum() else " " for c in plain).split())


def seems_to_lean(question: str) -> bool:
    """The same without knowing the library, whose languages decide only which words are too common to tell."""
    return leans_back(question, query_words(question, (), b"any"))


def telling_words(question: str) -> list[str]:
    """Those that are not too common to tell anything; of a question with common ones alone, none."""
    common = STOP_WORDS[guess_language(question)] | STOP_WORDS[DEFAULT_LANGUAGE]
    words = query_words(question, (), b"any")
    return [word.word for word in words if not word.is_part and word.word not in common]


def figures(text: str) -> set[str]:
    return {found.rstrip(".,") for found in _FIGURE.findall(text.casefold())}


def without_replaced(earlier: str, question: str) -> str:
    """The figures of a follow-up take the place of the earlier ones: "And in 2019?" is no question about 2018."""
    return _FIGURE.sub(" ", earlier) if _FIGURE.search(question) else earlier


def carried_over(words: Sequence[AskedWord], earlier: Sequence[AskedWord]) -> list[AskedWord]:
    """`words`, and those of the earlier question that are not among them. One that stands nowhere is no loss."""
    known = {term for word in words for term in word.terms}
    added = [
        replace(word, weight=word.weight * _CARRIED, is_part=True) for word in earlier if known.isdisjoint(word.terms)
    ]
    return [*words, *added]
