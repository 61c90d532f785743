"""Guessing passwords and codes is stopped: after some failures the way they came is closed for a while."""
