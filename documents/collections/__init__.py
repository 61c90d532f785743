"""Collections: what documents are put together in, and what is shared with people and roles for reading."""
