"""Signing in and out, as Django and allauth tell of it."""


def connect() -> None:
    pass
