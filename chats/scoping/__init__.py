"""Which documents a chat searches: all that its owner may read, only their own, or those that were chosen."""
