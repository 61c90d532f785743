"""Search over the words of all conversations of one person. Nothing that can be read is stored for it."""
