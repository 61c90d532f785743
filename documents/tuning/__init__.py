"""The page of a collection's own settings for search."""
