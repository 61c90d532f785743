"""A thumb up or down for an answer, with a few words if somebody wants to say why."""
