"""Programs that help to read: started by a child's keeper, never by the process that reads the stranger's file.

A program gets its input in memory, says what it has to say into memory, and may do nothing else: no network, no file
but its own, no other process. Nobody waits for it longer than is said.
"""

import os
import re
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import IO, Final

from documents.reading import confine
from documents.reading.limits import Limits

_LANGUAGES: Final = re.compile(r"\w+(?:\+\w+)*")
_LEAST_RESOLUTION, _MOST_RESOLUTION = 1, 2400


def tesseract(picture: bytes, *, resolution: int, languages: str, limits: Limits) -> str | None:
    """Its table of the words in a picture. None if it could not be had: not installed, too slow, or it failed."""
    program = shutil.which("tesseract")
    if program is None or not _LANGUAGES.fullmatch(languages):
        return None
    dots = min(max(resolution, _LEAST_RESOLUTION), _MOST_RESOLUTION)
    command = [program, "-l", languages, "--dpi", str(dots), "stdin", "stdout", "tsv"]
    said = _run(command, picture, data=_tessdata(), seconds=limits.recognition, limits=limits)
    return None if said is None else said.decode("utf-8", "replace")


def _tessdata() -> list[Path]:
    """Where its languages are, if that is not where its package puts them."""
    return [Path(os.environ["TESSDATA_PREFIX"])] if "TESSDATA_PREFIX" in os.environ else []


def _run(command: list[str], content: bytes, *, data: list[Path], seconds: float, limits: Limits) -> bytes | None:
    with _in_memory() as given, _in_memory() as said:
        given.write(content)
        given.seek(0)
        prepare = partial(_confine, Path(command[0]), data, int(seconds) + 1, limits)
        try:
            done = subprocess.run(
                command,
                stdin=given,
                stdout=said,
                stderr=subprocess.DEVNULL,
                check=False,
                timeout=seconds,
                preexec_fn=prepare,
            )
        except (subprocess.SubprocessError, OSError):
            return None
        # It writes where its own position is, which is ours too.
        said.seek(0)
        return said.read() if done.returncode == 0 else None


def _in_memory() -> IO[bytes]:
    return os.fdopen(os.memfd_create("chatsite", os.MFD_CLOEXEC), "w+b")


def _confine(program: Path, data: list[Path], cpu: int, limits: Limits) -> None:
    """In the process that becomes the program, with its own allowances and not what reading has left of them."""
    confine.drop_privileges()
    confine.limit(memory=limits.program_memory, cpu=cpu, output=limits.program_output)
    confine.close_for_program(program, data)
