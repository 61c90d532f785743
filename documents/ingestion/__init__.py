"""Making documents searchable. Everything behind these functions belongs to one job."""

from documents.ingestion.job import ingest, ingest_next

__all__ = ["ingest", "ingest_next"]
