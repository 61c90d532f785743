"""Searching one's documents by oneself: passages with the words marked, and the way to their pages."""
