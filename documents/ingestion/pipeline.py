"""The LlamaIndex pipeline of one document: bodies of pages in, passages with their vectors out.

Import this at first use only: LlamaIndex takes seconds and 100 MB.
"""

from array import array
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.schema import BaseNode, TextNode, TransformComponent

from documents.index import NewPassage, searchable_text
from documents.ingestion.running import Body
from documents.ingestion.splitting import Splitter, boxes_of
from documents.models import EmbeddingSpace
from llms.embeddings import get_embedder

_BODY = "body"
_PASSAGE = "passage"


class StructureSplitter(TransformComponent):
    """LlamaIndex's place for a node parser: a node with a page in, a node per passage out."""

    name: str
    size: int
    overlap: int
    _splitter: Splitter = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        self._splitter = Splitter(size=self.size, overlap=self.overlap)

    def __call__(self, nodes: Sequence[BaseNode], **_: Any) -> list[BaseNode]:
        return [passage for node in nodes for passage in self._passages(node.metadata[_BODY])]

    def _passages(self, body: Body) -> list[BaseNode]:
        page = body.page
        found: list[BaseNode] = []
        for piece in self._splitter.split(body):
            content = page.text[piece.start : piece.end]
            passage = NewPassage(
                page=page.number,
                start=piece.start,
                content=content,
                heading=piece.heading,
                boxes=boxes_of(page, piece.start, piece.end),
                searchable=searchable_text(self.name, piece.heading, content),
            )
            # What is embedded is the node's text alone.
            found.append(
                TextNode(text=passage.searchable, metadata={_PASSAGE: passage}, excluded_embed_metadata_keys=[_PASSAGE])
            )
        return found


class Indexer:
    """Takes the pages of one document in batches, in order, and gathers what is to be stored."""

    def __init__(
        self, name: str, space: EmbeddingSpace, *, size: int | None = None, overlap: int | None = None
    ) -> None:
        """`size` and `overlap` of passages in characters: CHUNK_SIZE and CHUNK_OVERLAP, if not others."""
        splitter = StructureSplitter(
            name=name,
            size=settings.CHUNK_SIZE if size is None else size,
            overlap=settings.CHUNK_OVERLAP if overlap is None else overlap,
        )
        self._split = IngestionPipeline(transformations=[splitter], disable_cache=True)
        self._embed = IngestionPipeline(transformations=[get_embedder(space.model)], disable_cache=True)
        self._waiting: list[BaseNode] = []
        self.passages: list[NewPassage] = []
        self.vectors: list[array[float]] = []

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def add(self, bodies: Sequence[Body]) -> None:
        nodes = [TextNode(text="", metadata={_BODY: body}) for body in bodies]
        self._waiting.extend(self._split.run(nodes=nodes))

    def embed(self, most: int) -> None:
        """Embed up to so many of the waiting passages. Raises a ModelError."""
        batch, self._waiting = self._waiting[:most], self._waiting[most:]
        for node in self._embed.run(nodes=batch):
            self.passages.append(node.metadata[_PASSAGE])
            self.vectors.append(array("f", node.embedding or []))
