"""What Open WebUI keeps in an answer's text as HTML: thoughts, calls of tools, code that ran, pictures as addresses."""

import html
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from chats.exchange.formats.portable import PICTURES, aside, escaped, fenced, name, text

# What stands in an attribute is quoted, so that neither sign can be in it.
_OPENS = re.compile(r"<details\s+type=\"(reasoning|tool_calls|code_interpreter)\"([^<>]*)>")
_SUMMARY = re.compile(r"\s*<summary>[^<\n]{0,300}</summary>")
_CLOSES = "</details>"
_ATTRIBUTE = re.compile(r"([a-z_]{1,40})=\"([^\"]*)\"")
# No sign that begins one is in its address: what is cut off is looked through once, however many there are.
_DRAWN = re.compile(r"!\[[^\[\]\n]{0,300}\]\(data:image/[^!()\[\]\s]*\)")
# Of what went into a tool and came out of it, so much is shown.
_SHORT = 2_000


@dataclass
class Answer:
    """Its text as Markdown, and what the model thought before or between it."""

    content: str = ""
    thinking: str = ""
    left_out: Counter[str] = field(default_factory=Counter)


def read(content: str) -> Answer:
    kept, thoughts, at = [], [], 0
    left_out: Counter[str] = Counter()
    while opened := _OPENS.search(content, at):
        end = content.find(_CLOSES, opened.end())
        if end < 0:
            break
        kept.append(content[at : opened.start()].strip("\n"))
        summary = _SUMMARY.match(content, opened.end(), end)
        body = content[summary.end() if summary else opened.end() : end].strip()
        attributes = {found[1]: html.unescape(found[2]) for found in _ATTRIBUTE.finditer(opened[2])}
        if opened[1] == "reasoning":
            thoughts.append(_thought(body))
        elif opened[1] == "tool_calls":
            kept.append(_call(attributes, body, left_out))
        else:
            kept.append(_run(attributes, body, left_out))
        at = end + len(_CLOSES)
    kept.append(content[at:].strip("\n"))
    whole = "\n\n".join(filter(str.strip, kept)).strip() if at else content
    shown, pictures = without_pictures(whole, is_answer=True)
    left_out[PICTURES] += pictures
    return Answer(shown, "\n\n".join(thoughts), left_out)


def without_pictures(content: str, *, is_answer: bool) -> tuple[str, int]:
    """Without those that stand in the text as a long address each, and how many these were."""
    return _DRAWN.subn(lambda _: aside("a picture", is_answer=is_answer), content)


def _thought(body: str) -> str:
    return html.unescape("\n".join(line.removeprefix(">").removeprefix(" ") for line in body.splitlines()))


def _call(attributes: dict[str, str], body: str, left_out: Counter[str]) -> str:
    """Its name, what it was given and what it said; and that there were pictures."""
    arguments, result = _value(attributes.get("arguments")), _value(attributes.get("result")) or html.unescape(body)
    files = _value(attributes.get("files"))
    pictures = sum(_is_picture(file) for file in files) if isinstance(files, list) else 0
    left_out[PICTURES] += pictures
    return "\n\n".join(
        filter(
            None,
            [
                f"**Tool: {escaped(name(attributes.get('name')) or 'unnamed')}**",
                fenced("json", _short(arguments)) if arguments not in ({}, [], None) else "",
                fenced("text", _short(result)),
                *_said(pictures),
            ],
        )
    )


def _said(pictures: int) -> list[str]:
    return [aside("a picture" if pictures == 1 else f"{pictures} pictures", is_answer=True)] if pictures else []


def _is_picture(file: object) -> bool:
    if isinstance(file, dict):
        return file.get("type") == "image"
    return isinstance(file, str) and file.startswith("data:image/")


def _run(attributes: dict[str, str], body: str, left_out: Counter[str]) -> str:
    """The code stands in a block already; what came out of it beside that."""
    output = _value(attributes.get("output"))
    if isinstance(output, dict):
        output = "\n".join(filter(None, (text(output.get(key)).strip() for key in ("stdout", "stderr", "result"))))
    # A block shows signs as they are: what is a picture is said below it.
    told, pictures = _DRAWN.subn("", _written(output) if output is not None else "")
    left_out[PICTURES] += pictures
    said = _said(pictures)
    return "\n\n".join(filter(None, [body, fenced("text", told), *said]))


def _value(attribute: str | None) -> Any:
    """JSON, and often JSON as a text in JSON."""
    value: Any = attribute or None
    for _ in range(2):
        if not isinstance(value, str):
            break
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            break
    return value


def _written(value: Any) -> str:
    return text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _short(value: Any) -> str:
    written = _written(value) if value is not None else ""
    return written if len(written) <= _SHORT else f"{written[:_SHORT]} …"
