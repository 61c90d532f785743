"""Characters in code that nobody sees, made visible.

Some turn what follows around, so that a reader sees other code than a machine runs; some have no width. They stay where
they are, so that a copy is what was written, each in a box of its own that says its number and ends what it turns
(`.control` in prose.css).
"""

import html
import re

from accounts.unseen import IN_CODE

_CONTROL = re.compile(f"[{IN_CODE}]")


def as_code(text: str) -> str:
    """Escaped, and marked."""
    return with_marks(html.escape(text, quote=False))


def with_marks(code: str) -> str:
    """For HTML in which such characters stand in text only."""
    return _CONTROL.sub(_marked, code)


def _marked(found: re.Match[str]) -> str:
    name = f"U+{ord(found.group()):04X}"
    return f'<span class="control" data-character="{name}">{found.group()}</span>'
