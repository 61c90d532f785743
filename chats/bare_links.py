"""Addresses that a model writes with nothing around them: https://example.org, and nothing that only looks so.

A rule of our own: those that there are look at all the rest of a text for each address in it, so that a long list of
addresses takes minutes. This one looks at each character once.
"""

import re
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

# What may follow the name of the scheme. Quotes, brackets and signs of sentences in other scripts are no part of it.
_REST = re.compile(
    r"""(?://|(?=[^\s@]+@[^\s@]))[^\s<>"`|\\^{}\[\]\u2018-\u201f\u3000-\u303f\uff01\uff0c\uff1a\uff1b\uff1f]+"""
)
_SCHEMES = ("https", "http", "mailto")
# Not within a longer word or address.
_BEFORE = re.compile(r"[A-Za-z0-9/@.:+-]")
_CLOSING = ")"
# Ends sentences, or emphasis, rather than addresses.
_AFTER = ".,:;!?'*_~$"
# Longer ones are shown as they were written.
LONGEST = 2_000
LONGEST_HOST = 253


def install(markdown: MarkdownIt) -> None:
    markdown.inline.ruler.after("text", "bare_link", _rule)


def _rule(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != ":" or state.linkLevel > 0:
        return False
    scheme = next((one for one in _SCHEMES if _ends_with(state, one)), "")
    found = _REST.match(state.src, state.pos + 1, min(state.posMax, state.pos + LONGEST + 2)) if scheme else None
    if not found or len(found.group()) > LONGEST or (scheme == "mailto") == found.group().startswith("//"):
        return False
    rest = _trimmed(found.group())
    begin = state.pos - len(scheme)
    address = state.src[begin : state.pos + 1] + rest
    target = state.md.normalizeLink(address)
    if not (state.md.validateLink(target) and (scheme == "mailto" or _has_host(target))):
        return False
    if not silent:
        state.pending = state.pending[: -len(scheme)]
        for kind, tag, nesting in (("link_open", "a", 1), ("text", "", 0), ("link_close", "a", -1)):
            token = state.push(kind, tag, nesting)  # type: ignore[arg-type]  # one of three numbers
            if kind == "text":
                token.content = address
            else:
                token.markup, token.info = "linkify", "auto"
            if kind == "link_open":
                token.attrs = {"href": target}
    state.pos += 1 + len(rest)
    return True


def _ends_with(state: StateInline, scheme: str) -> bool:
    begin = state.pos - len(scheme)
    is_there = begin >= 0 and state.src[begin : state.pos].lower() == scheme
    return is_there and not (begin and _BEFORE.match(state.src[begin - 1]))


def _trimmed(rest: str) -> str:
    """Without what closes the sentence around it."""
    unopened = rest.count(_CLOSING) - rest.count("(")
    end = len(rest)
    while end and (rest[end - 1] in _AFTER or (rest[end - 1] == _CLOSING and unopened > 0)):
        unopened -= rest[end - 1] == _CLOSING
        end -= 1
    return rest[:end]


def _has_host(address: str) -> bool:
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    return 0 < len(host) <= LONGEST_HOST and host.strip(".-") != ""
