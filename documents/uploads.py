"""Sorting out an upload request: each file within the limit, one too large file without harm to the others.

The whole request has been taken in by then, by the server, which bounds its size (chatsite.server). Like there, what
is too large for memory waits on disk under a key that only this process has, and without a name.
"""

from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest

from accounts.encryption.files import SealedSpool


class SealedHandler(FileUploadHandler):
    """In place of Django's two: it keeps small requests in memory, and the files of large ones sealed on disk."""

    _spool: SealedSpool
    _in_memory = 0

    def handle_raw_input(self, _input: Any, _meta: Any, content_length: int, *_: Any, **__: Any) -> None:  # type: ignore[override]  # what comes after is of no interest
        self._in_memory = content_length if content_length <= settings.FILE_UPLOAD_MAX_MEMORY_SIZE else 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._spool = SealedSpool(in_memory=self._in_memory)

    def receive_data_chunk(self, raw_data: bytes, _start: int) -> None:
        self._spool.write(raw_data)

    def file_complete(self, file_size: int) -> "UploadedFile[bytes]":
        self._spool.seek(0)
        file: Any = self._spool
        return UploadedFile(file, self.file_name, self.content_type, file_size, self.charset, self.content_type_extra)

    def upload_interrupted(self) -> None:
        """A file that was never begun leaves nothing to close."""
        if hasattr(self, "_spool"):
            self._spool.close()


class SizeLimit(FileUploadHandler):
    """Drops a file as soon as it has grown too large, so that no second copy of it is made, and remembers its name."""

    chunk_size = 256 * 1024

    def __init__(self, request: HttpRequest, at_most: int) -> None:
        super().__init__(request)
        self.at_most = at_most
        self.dropped: list[str] = []

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        if start + len(raw_data) > self.at_most:
            self.dropped.append(self.file_name or "")
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The handlers after this one keep the file."""


def limit_sizes(request: HttpRequest, at_most: int | None = None) -> SizeLimit:
    """To be called before anything parses the body. `at_most` bytes a file; without, what documents may have."""
    limit = SizeLimit(request, settings.UPLOAD_MAX_SIZE if at_most is None else at_most)
    request.upload_handlers.insert(0, limit)
    return limit
