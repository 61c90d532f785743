"""Conversations that leave as files, and come in from files: own ones, and those of other products."""
