"""The shape of an inverted index: one row per term, with one number for each place the term stands in.

Passages and messages are indexed alike. A number is the place's id, 8 bits for how often the term stands there and 16
bits for the place's length (docs/decisions/0010-keyword-index.md); length and frequency are all that BM25 asks of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from documents.terms import PassageTerms

K1 = 1.2
B = 0.75
MOST_FREQUENT = 0xFF
LONGEST = 0xFFFF


def inverted(places: Iterable[tuple[int, PassageTerms, int]]) -> Sequence[tuple[int, list[int]]]:
    """Per term the places it stands in. Each place comes as its id, its terms and its length as it is to be stored."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for place, terms, length in places:
        start = place << 24 | length
        for term, frequency in terms.frequencies.items():
            found[term].append(start | min(frequency, MOST_FREQUENT) << 16)
    # In order of term: two writers then take index pages in the same order, and the index grows evenly.
    return sorted(found.items())


def as_array(numbers: Iterable[int]) -> str:
    """An array as text: psycopg dumps a hundred thousand short arrays three times slower one by one."""
    return f"{{{','.join(map(str, numbers))}}}"
