"""Making a document searchable. One public function; everything behind it belongs to one job."""

from documents.ingestion.job import ingest

__all__ = ["ingest"]
