"""The product, loaded and without any connection: what processes are forked from (bench/kills_reindexing.py)."""

import django

django.setup()

from documents import reindexing  # noqa: E402, F401
from llms.builtin import embedder  # noqa: E402

embedder.embed(["warm"])
