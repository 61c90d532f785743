"""XML that may have been written to blow up, or to read files of ours."""

from typing import Any

from lxml import etree

from documents.errors import CorruptFile, TooLarge
from documents.reading.bounds import NESTED


def parse(content: bytes) -> Any:
    """The root element. Raises CorruptFile, and TooLarge for what is written to grow without end.

    Entities that the file declares itself stay what they are, references without text: one may name a file of ours.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(content, parser=parser)
    except (etree.LxmlError, ValueError) as error:
        if is_nested(parser):
            raise CorruptFile(NESTED, detail="depth") from error
        if _says(parser, "amplification") or _says(parser, "entity reference loop"):
            raise TooLarge("This file is written to grow without end when it is read.", detail="entities") from error
        raise CorruptFile(detail=type(error).__name__) from error


def is_nested(parser: Any) -> bool:
    """Whether a parser gave up because elements stood too deep within each other."""
    return _says(parser, "depth")


def _says(parser: Any, word: str) -> bool:
    return any(word in entry.message for entry in parser.error_log)
