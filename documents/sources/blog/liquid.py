"""Template tags in posts, taken out: what they would have made is not there, and they say nothing to a reader."""

import re

_COMMENT = re.compile(r"\{%-?\s*comment\b.*?%\}.*?\{%-?\s*endcomment\s*-?%\}", re.DOTALL)
_HIGHLIGHT = re.compile(
    r"\{%-?\s*highlight\s+([\w+#.-]+)[^%]*%\}\r?\n?(.*?)\r?\n?\{%-?\s*endhighlight\s*-?%\}", re.DOTALL
)
# `{{ "/2015/07/08/openfec-api/" | url }}` is its address.
_QUOTED = re.compile(r"\{\{-?\s*(?:\"([^\"{}]*)\"|'([^'{}]*)')\s*(?:\|[^{}]*)?\}\}")
_POST_URL = re.compile(r"\{%-?\s*(?:post_url|link)\s+([^\s%]+)\s*-?%\}")
_TAG = re.compile(r"\{%.*?%\}", re.DOTALL)
_OUTPUT = re.compile(r"\{\{.*?\}\}", re.DOTALL)
# Kramdown's classes and ids: {:.left}, {:#id}, {: target="_blank"}.
_ATTRIBUTES = re.compile(r"\{:[^{}\n]*\}")
_RAW = re.compile(r"(\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\})", re.DOTALL)
_RAW_MARKS = re.compile(r"\{%-?\s*(?:end)?raw\s*-?%\}")


def without_tags(text: str) -> str:
    """What stands between `raw` and `endraw` is text, and stays."""
    parts = _RAW.split(text)
    return "".join(_RAW_MARKS.sub("", part) if number % 2 else _plain(part) for number, part in enumerate(parts))


def _plain(text: str) -> str:
    text = _COMMENT.sub("", text)
    text = _HIGHLIGHT.sub(r"```\1\n\2\n```", text)
    text = _QUOTED.sub(lambda found: found[1] or found[2] or "", text)
    text = _POST_URL.sub(r"\1", text)
    return _ATTRIBUTES.sub("", _OUTPUT.sub("", _TAG.sub("", text)))
