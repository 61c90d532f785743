"""Finding the passages of a person's documents that answer a question."""

from documents.retrieval.passages import Passage, Retrieval
from documents.retrieval.reranking import Reranked
from documents.retrieval.scope import Filters
from documents.retrieval.searching import Candidates, look, search, settle

__all__ = ["Candidates", "Filters", "Passage", "Reranked", "Retrieval", "look", "search", "settle"]
