from functools import cache

from whitenoise.storage import CompressedManifestStaticFilesStorage


@cache
def _address(storage: "StaticFiles", name: str) -> str:
    return str(super(StaticFiles, storage).url(name))


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no type hints
    """Looks each file's address up once: pages have dozens of them, and Django takes each apart anew."""

    def url(self, name: str, force: bool = False) -> str:
        return str(super().url(name, force)) if force else _address(self, name)
