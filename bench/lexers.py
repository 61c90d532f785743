"""Which lexers hold the process for long within one window: ten minutes for all of them.

    python -m bench.lexers [part/parts [language …]]

Each lexer gets what makes backtracking expressions slow: short pieces, repeated. Printed is how far the colouring of
one block went past its time; what is marked belongs into `NARROW` or `SLOW` of `chats/highlighting.py`.
"""

import signal
import sys
from time import thread_time
from types import FrameType

from pygments.lexers import LEXERS

from chats import highlighting

PIECES = [
    *"()[]{}<>\"'`#$%&*+,-./:;=?@\\^_|~! \t\n1a",
    *[
        "a ",
        "a\n",
        " \n",
        "a<",
        "a(",
        "a[",
        "a{",
        "a.",
        "a:",
        "a::",
        "a,",
        "a=",
        "a-",
        "a->",
        "a/",
        "a'",
        "a b",
        "a = ",
    ],
    *[
        "{$",
        "${",
        "#{",
        "$(",
        "{{",
        "{%",
        "[[",
        "<!--",
        "/*",
        "//",
        "(*",
        "--",
        "::",
        ":-",
        "\\\\",
        '\\"',
        "\\\n",
        '"""',
    ],
    *["<a ", "<a a=", "a.b(", "r'", "0x", "1.", "1e", "<<a\n", "- ", "> ", "def a", "if a ", "[a](", '"a" '],
    *['<?php "{$', 'x = "\\', "<a>{", "<script>a<", "a <- function(", "/* a ", "\n\n "],
]
LENGTH = 2 * highlighting.WINDOW
TIME = 0.01
# Past its time, of one block.
BOUND = 0.04
GIVEN_UP = 1.0


class _Endless(BaseException):
    pass


def _give_up(_signal: int, _frame: FrameType | None) -> None:
    raise _Endless


def excess(language: str, piece: str) -> float:
    code = (piece * (LENGTH // len(piece)))[: LENGTH - 1] + "\n"
    begun = thread_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, GIVEN_UP)
    try:
        highlighting.highlight(code, language)
    except _Endless:
        return GIVEN_UP
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return thread_time() - begun - TIME


def main() -> None:
    part, parts = (int(number) for number in (sys.argv[1] if len(sys.argv) > 1 else "0/1").split("/"))
    wanted = set(sys.argv[2:])
    signal.signal(signal.SIGVTALRM, _give_up)
    highlighting.BLOCK_SECONDS = TIME
    for place, name in enumerate(sorted(LEXERS)):
        language = next(iter(LEXERS[name][2]), "")
        if not language or place % parts != part or (wanted and language not in wanted):
            continue
        highlighting.highlight("a\n", language)
        worst = max((excess(language, piece), piece) for piece in PIECES)
        if worst[0] > BOUND / 2:
            print(
                f"{language:<30} {worst[0]:8.3f} s  {worst[1]!r}{'  too slow' if worst[0] > BOUND else ''}", flush=True
            )


if __name__ == "__main__":
    main()
