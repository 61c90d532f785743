"""Colours for code in a time that no code can stretch.

Lexers of Pygments are regular expressions by the thousand, and some of them take a time that grows with the square of
the text, or worse. `re` holds the interpreter for as long as one match takes, so that no thread and no alarm helps.
Three bounds do:

* a match looks at most `WINDOW` characters ahead, less in lexers that are slow within it (`NARROW`);
* between matches the processor time of the block is looked at, and what is left when it is used up stays plain;
* lexers that are slow even so are not used (`SLOW`).

`bench/lexers.py` finds which these are.
"""

import html
import io
import re
import threading
from collections.abc import Callable, Iterator
from functools import cache, lru_cache, partial
from time import thread_time
from typing import Any, cast

from pygments.formatters.html import HtmlFormatter
from pygments.lexer import DelegatingLexer, Lexer, RegexLexer, RegexLexerMeta
from pygments.lexers import LEXERS, find_lexer_class_by_name
from pygments.token import Text, _TokenType

# Past this size a code block is shown without colours: highlighting is for reading, and nobody reads a megabyte.
LIMIT = 200_000
# A comment or a string that is longer loses its colour, unless its lexer takes it in parts.
WINDOW = 4_000
NARROW_WINDOW = 1_000
# For lexers that look at the whole text themselves, without state from one piece to the next.
PIECE = 500
# Characters of a block that is coloured to its end.
SMALL = 1_000
# Processor time for a block and for all blocks of a text. A screenful takes a few milliseconds.
BLOCK_SECONDS = 0.2
TEXT_SECONDS = 1.0

# By a name that Pygments gives them: with the wide window a single match takes more than 40 ms on a slow machine …
NARROW = frozenset(
    "devicetree fstar ini j janet jmespath k lilypond maple matlab modelica numba_ir ocaml opa q reasonml systemd "
    "terraform tlb treetop x10 xquery".split()
)
# … and with the narrow one as well: their expressions take a time of a higher power.
SLOW = frozenset("easytrieve tnt zeek".split())

Token = tuple[_TokenType, str]
_Match = Callable[..., "re.Match[str] | None"]
# Without the types that its stubs do not have.
_Meta: Any = RegexLexerMeta


class Budget:
    """Seconds of processor time that the blocks of one text may take together."""

    def __init__(self, seconds: float = TEXT_SECONDS) -> None:
        self.left = seconds


class _Late(Exception):
    pass


class _Deadline(threading.local):
    at = 0.0


_deadline = _Deadline()


def highlight(code: str, language: str, budget: Budget | None = None) -> str:
    """Escaped code with Pygments' class names, or just escaped: see `tokens`."""
    found = tokens(code, language, budget)
    if len(found) == 1 and found[0][0] is Text:
        return html.escape(code, quote=False)
    coloured = io.StringIO()
    _formatter(threading.get_ident()).format(iter(found), coloured)
    return coloured.getvalue()


def tokens(code: str, language: str, budget: Budget | None = None) -> list[Token]:
    """The code in coloured pieces. Plain when the language is unknown, the block is huge, or, for the rest of it, when
    time is up."""
    lexer = _lexer(language.lower(), threading.get_ident()) if language and len(code) <= LIMIT else None
    budget = budget or Budget()
    if lexer is None or budget.left <= 0:
        return [(Text, code)]
    begun = thread_time()
    # A small block cannot take long; it is not cut short by whatever else takes time meanwhile.
    seconds = BLOCK_SECONDS if len(code) <= SMALL else min(BLOCK_SECONDS, budget.left)
    found = _tokens(lexer, code, until=begun + seconds)
    budget.left -= thread_time() - begun
    return found


def _tokens(lexer: Lexer, code: str, *, until: float) -> list[Token]:
    """All of the code, in order, whatever the lexer does."""
    found: list[Token] = []
    begin = 0
    for piece in _pieces(lexer, code):
        _deadline.at = until
        of_piece: list[Token] = []
        is_over = False
        try:
            for _, kind, value in lexer.get_tokens_unprocessed(piece):
                of_piece.append((kind, value))
        except _Late:
            is_over = True
        except Exception:  # noqa: BLE001 - lexers raise many types for code they do not expect; it is plain then
            of_piece = []
        length = sum(len(value) for _, value in of_piece)
        # Some lexers lose or repeat what they do not know.
        if "".join(value for _, value in of_piece) != piece[:length]:
            of_piece, length = [], 0
        found += of_piece
        if length < len(piece):
            found.append((Text, piece[length:]))
        begin += len(piece)
        if is_over:
            found.append((Text, code[begin:]))
            break
    return found


def _pieces(lexer: Lexer, code: str) -> Iterator[str]:
    if _is_bounded(lexer):
        yield code
        return
    begin = 0
    while begin < len(code):
        end = code.rfind("\n", begin, begin + PIECE) + 1 if begin + PIECE < len(code) else len(code)
        end = end or begin + PIECE
        yield code[begin:end]
        begin = end


# --- Lexers within bounds --------------------------------------------------------------------------------------------


# Making a lexer or a formatter takes longer than colouring a small block. They keep state while they work, so each
# thread has its own.
@lru_cache(maxsize=128)
def _lexer(language: str, _thread: int) -> Lexer | None:
    if language not in _languages():
        return None
    return _bounded(find_lexer_class_by_name(language))


@lru_cache(maxsize=32)
def _formatter(_thread: int) -> "HtmlFormatter[str]":
    return HtmlFormatter(nowrap=True)


@cache
def _languages() -> frozenset[str]:
    """Pygments itself asks all installed packages for a language it does not know, each time."""
    return frozenset(
        alias.lower() for _, _, aliases, _, _ in LEXERS.values() if SLOW.isdisjoint(aliases) for alias in aliases
    )


def _bounded(kind: type[Lexer]) -> Lexer:
    lexer = (_windowed(kind) if issubclass(kind, RegexLexer) else kind)(stripnl=False, ensurenl=False)
    if isinstance(lexer, DelegatingLexer):
        lexer.root_lexer = _bounded(type(lexer.root_lexer))
        lexer.language_lexer = _bounded(type(lexer.language_lexer))
    lexer.get_tokens_unprocessed = _clocked(lexer.get_tokens_unprocessed)  # type: ignore[method-assign]
    return lexer


def _clocked(tokens_of: Callable[..., Iterator[tuple[int, _TokenType, str]]]) -> Any:
    def tokens(*arguments: Any, **named: Any) -> Iterator[tuple[int, _TokenType, str]]:
        for token in tokens_of(*arguments, **named):
            if thread_time() > _deadline.at:
                raise _Late
            yield token

    return tokens


def _is_bounded(lexer: Lexer) -> bool:
    if isinstance(lexer, DelegatingLexer):
        return _is_bounded(lexer.root_lexer) and _is_bounded(lexer.language_lexer)
    return isinstance(lexer, RegexLexer)


@cache
def _windowed(kind: type[Lexer]) -> type[Lexer]:
    """The same lexer with expressions that see no further than the window. What one of them finds is what other lexers
    get that it calls, so that those need no bound of their own."""
    window = WINDOW if NARROW.isdisjoint(kind.aliases) else NARROW_WINDOW
    members = {"_process_regex": classmethod(partial(_short_sighted, window))}
    return cast("type[Lexer]", _Meta(kind.__name__, (kind,), members))


def _short_sighted(window: int, kind: type[Lexer], regex: Any, flags: int, state: str) -> _Match:
    match: _Match = _Meta._process_regex(kind, regex, flags, state)  # noqa: SLF001 - what is narrowed here

    def within_window(text: str, begin: int, end: int = LIMIT) -> re.Match[str] | None:
        # Called some ten times for each word of code, and `min` would take as long as the match.
        reach = begin + window
        return match(text, begin, reach) if reach < end else match(text, begin, end)

    return within_window
