"""The commands that take documents in, and what they say."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User


class Command:
    """`command(path, owner)` runs it; `fails` expects it to end with an error."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, path: Path, owner: User, **options: object) -> str:
        out = StringIO()
        self._call(path, owner, out, **options)
        return out.getvalue()

    def fails(self, path: Path, owner: User, **options: object) -> tuple[str, int]:
        """What it said, its error last, and the exit code."""
        out = StringIO()
        with pytest.raises(CommandError) as error:
            self._call(path, owner, out, **options)
        return out.getvalue() + str(error.value), error.value.returncode

    def _call(self, path: Path, owner: User, out: StringIO, **options: object) -> None:
        call_command(self._name, str(path), owner=owner.email, stdout=out, stderr=out, **options)
