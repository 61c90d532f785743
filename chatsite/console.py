"""What the supervisor shows: the lines of each part behind its name, in colour where somebody looks."""

import os
import sys
from collections.abc import Sequence
from typing import TextIO

_COLOURS = {"database": 34, "redis": 31, "web": 32, "answers": 35, "documents": 36, "chatsite": 33}
_WIDTH = max(map(len, _COLOURS))


class Console:
    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self.is_terminal = self._stream.isatty()
        self._in_colour = self.is_terminal and "NO_COLOR" not in os.environ

    def relay(self, part: str, line: str) -> None:
        name = f"{part:<{_WIDTH}} |"
        if self._in_colour:
            name = f"\x1b[{_COLOURS.get(part, 37)}m{name}\x1b[0m"
        self._write(f"{name} {line}")

    def say(self, sentence: str) -> None:
        self.relay("chatsite", sentence)

    def frame(self, lines: Sequence[str]) -> None:
        width = max(map(len, lines)) + 2
        self._write("┌" + "─" * (width + 2) + "┐")
        for line in lines:
            self._write(f"│  {line:<{width}}│")
        self._write("└" + "─" * (width + 2) + "┘")

    def _write(self, line: str) -> None:
        try:
            print(line, file=self._stream, flush=True)
        except UnicodeEncodeError:
            print(line.encode("ascii", "replace").decode(), file=self._stream, flush=True)
        except OSError:
            # Whoever read our output is gone. The product goes on without it.
            self._stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - kept until the end
