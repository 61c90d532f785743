"""Finding the passages of a person's documents that answer a question."""

from documents.retrieval.passages import Passage, Retrieval
from documents.retrieval.scope import Filters
from documents.retrieval.searching import search

__all__ = ["Filters", "Passage", "Retrieval", "search"]
