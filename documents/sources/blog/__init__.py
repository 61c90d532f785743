"""A blog of Markdown files, as Jekyll reads it, kept in a person's library: pure steps, and `syncing` for the rest."""
