"""What `unstructured` finds, as blocks. The one place where it is kept from the network.

It would fetch a language model, and report its use to its makers. Nothing else may import `unstructured`.
"""

import functools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

# Read once, when `unstructured` is imported.
os.environ.update(DO_NOT_TRACK="true", SCARF_NO_ANALYTICS="true", UNSTRUCTURED_DISABLE_NOTICE="1")

import spacy
import unstructured.nlp.tokenize
from lxml import html as lxml_html
from unstructured.documents.elements import (
    CodeSnippet,
    Element,
    Footer,
    Header,
    Image,
    ListItem,
    PageBreak,
    Table,
    Title,
)
from unstructured.partition.docx import partition_docx
from unstructured.partition.html import partition_html

from documents.reading.formats.sections import Block

_MODEL = "en_core_web_sm"


@functools.cache
def _language_model() -> Any:
    """The small English model where it is installed; else an empty one. It only helps to guess what is a title.

    Without this, `unstructured` downloads the model at first use, and fails where there is no network.
    """
    if spacy.util.is_package(_MODEL):
        return spacy.load(_MODEL, exclude=["ner", "lemmatizer", "attribute_ruler"])
    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer")
    return pipeline


unstructured.nlp.tokenize._load_spacy_model = _language_model  # noqa: SLF001 - there is no other way in


def of_html(text: str) -> Sequence[Element]:
    # Naming no language keeps a detector from being loaded, for metadata that nobody reads.
    return partition_html(text=text, languages=[""])


def of_docx(file: IO[bytes]) -> Sequence[Element]:
    return partition_docx(file=file, languages=[""])


def blocks(elements: Iterable[Element]) -> Iterator[Block]:
    for element in elements:
        # Running headers and footers say the same on every page; what they say stands in the text as well.
        if isinstance(element, PageBreak | Header | Footer):
            continue
        if isinstance(element, Table):
            yield Block("table", _rows(element))
        elif isinstance(element, Title) and element.metadata.category_depth is not None:
            yield Block("heading", element.text, min(9, element.metadata.category_depth + 1))
        elif isinstance(element, CodeSnippet):
            yield Block("code", element.text)
        elif isinstance(element, ListItem):
            yield Block("item", _bulleted(element))
        elif not isinstance(element, Image) or element.text:
            yield Block("paragraph", element.text)


def _bulleted(element: ListItem) -> str:
    indent = "  " * min(6, element.metadata.category_depth or 0)
    return f"{indent}{element.text}" if re.match(r"\w{1,4}[.)]\s", element.text) else f"{indent}• {element.text}"


def _rows(element: Table) -> str:
    """One line a row, its cells between bars, which a language model reads more surely than words in a row."""
    source = element.metadata.text_as_html
    if not source:
        return element.text
    rows = []
    for row in lxml_html.fromstring(source).iter("tr"):
        cells = [" ".join(cell.text_content().split()) for cell in row if cell.tag in {"td", "th"}]
        if any(cells):
            rows.append(" | ".join(cells))
    return "\n".join(rows) or element.text
