"""What works without any model server: an embedder of static vectors, and an answerer that only quotes."""
