"""Links say where they lead when their words say something else: another site, or letters that look like its name."""

import re
import unicodedata
from urllib.parse import urlsplit

import idna
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

_HOST = re.compile(r"(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_]{2,}")
# Letters of other alphabets that look like a Latin one.
_LOOKALIKES = set("аеорсухіјѕһԁԛԝӏɡαοροινυκ")
_ALPHABETS = ("LATIN", "CYRILLIC", "GREEK")
# They turn the direction of what follows, so that words are read backwards.
_DIRECTIONS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def install(markdown: MarkdownIt) -> None:
    markdown.core.ruler.after("inline", "link_hosts", _name_hosts)


def _name_hosts(state: StateCore) -> None:
    for token in state.tokens:
        if token.children and any(child.type == "link_open" for child in token.children):
            token.children = _named(token.children)


def _named(children: list[Token]) -> list[Token]:
    named: list[Token] = []
    address, words, is_own = "", "", False
    for child in children:
        named.append(child)
        if child.type == "link_open":
            # One written as <https://…> shows its own address.
            address, words, is_own = str(child.attrs.get("href", "")), "", child.info == "auto"
        elif child.type == "link_close":
            if host := _worth_naming(address, "" if is_own else words):
                named.append(Token("text", "", 0, content=f" ({host})", level=child.level))
            address = ""
        elif address:
            child.content = child.content.translate(_DIRECTIONS)
            words += child.content
    return named


def _worth_naming(address: str, words: str) -> str:
    """The host to show, or nothing."""
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
    except ValueError:
        return ""
    if parts.scheme.lower() not in {"http", "https"} or not host:
        return ""
    shown = {_plain(found) for found in _HOST.findall(words)}
    is_named_else = bool(shown) and _plain(host) not in shown
    return host if is_named_else or parts.username is not None or _deceives(host) else ""


def _plain(host: str) -> str:
    """As an address has it: in ASCII, without the prefix that most sites have or have not."""
    try:
        ascii_form = idna.encode(host.lower(), uts46=True).decode()
    except idna.IDNAError:
        ascii_form = host.lower()
    return ascii_form.removeprefix("www.")


def _deceives(host: str) -> bool:
    """Whether a part of the name mixes alphabets, is spelled in another by letters that look Latin, or holds what no
    name may: a sign that looks like a slash, or one that nobody sees."""
    for label in host.split("."):
        if not label.startswith("xn--"):
            continue
        try:
            letters = [one for one in idna.decode(label) if one.isalpha()]
        except idna.IDNAError:
            return True
        alphabets = {name for one in letters for name in _ALPHABETS if unicodedata.name(one, "").startswith(name)}
        if len(alphabets) > 1 or (alphabets and "LATIN" not in alphabets and set(letters) <= _LOOKALIKES):
            return True
    return False
