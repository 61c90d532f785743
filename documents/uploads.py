"""Sorting out an upload request: each file within the limit, one too large file without harm to the others.

The whole request is on disk by then: the server takes it in first, and bounds its size (chatsite.server).
"""

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest


class SizeLimit(FileUploadHandler):
    """Drops a file as soon as it has grown too large, so that no second copy of it is made, and remembers its name."""

    chunk_size = 256 * 1024

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.dropped: list[str] = []

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        if start + len(raw_data) > settings.UPLOAD_MAX_SIZE:
            self.dropped.append(self.file_name or "")
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The handlers after this one keep the file."""


def limit_sizes(request: HttpRequest) -> SizeLimit:
    """To be called before anything parses the body."""
    limit = SizeLimit(request)
    request.upload_handlers.insert(0, limit)
    return limit
