"""Addresses that a model writes with nothing around them: https://example.org, and nothing that only looks so."""

from linkify_it import LinkifyIt
from markdown_it import MarkdownIt


def install(markdown: MarkdownIt) -> None:
    """Of the two rules only the one that looks at text once it is parsed: the other one copies all that follows, for
    each address anew, and what it does better is emphasis inside of one."""
    links = LinkifyIt(options={"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False})
    for scheme in ("ftp:", "//"):
        links.add(scheme, None)
    markdown.linkify = links
    markdown.core.ruler.enable("linkify")
