"""Durable work. No application of its own: an abstract model and four functions that the applications share."""
