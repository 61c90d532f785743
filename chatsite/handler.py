import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO, Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.db import connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.encryption.files import SealedSpool
from chatsite import headers

logger = logging.getLogger(__name__)

# Threads that wait for the next request. What came at once beyond them had threads of its own.
MOST_IDLE = 16


class OneThreadHandler(ASGIHandler):
    """Answers a request in one visit to one thread.

    Django's own handler runs synchronous middleware in a thread, returns to the event loop for the view, and goes back
    to the thread, because a view might be asynchronous. Here views are synchronous: one visit instead of two saves
    about a third of the processor time of a small request (3.3 to 2.0 ms for /health).

    The thread is the request's alone, and another request's afterwards: a new one each time would also mean new
    connection objects and, for all that a page is made of, new memory.
    """

    def __init__(self) -> None:
        # Skips the parent's own, which would build the asynchronous chain.
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)
        self._idle: list[ThreadPoolExecutor] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise ValueError(f"Only HTTP is answered here, not {scope['type']}.")
        thread = self._idle.pop() if self._idle else ThreadPoolExecutor(max_workers=1, thread_name_prefix="request")
        try:
            async with ThreadSensitiveContext(executor=thread):
                await self.handle(scope, receive, send)
        except BaseException:
            # It may be in the middle of something that nobody waits for any more, nor tells that the request is over.
            with suppress(RuntimeError):  # the interpreter ends, and takes no more work
                thread.submit(connections.close_all)
            thread.shutdown(wait=False)
            raise
        if len(self._idle) < MOST_IDLE:
            self._idle.append(thread)
        else:
            thread.shutdown(wait=False)

    def create_request(self, scope: Any, body_file: Any) -> Any:
        """A request that cannot even be made into one is answered here, below all middleware."""
        request, refusal = super().create_request(scope, body_file)
        if refusal is not None:
            headers.complete(refusal)
        return request, refusal

    async def read_body(self, receive: Callable[[], Awaitable[Mapping[str, Any]]]) -> IO[bytes]:
        """As Django's own, but what is too large for memory does not lie on disk in plain."""
        spool = SealedSpool(in_memory=settings.FILE_UPLOAD_MAX_MEMORY_SIZE)
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                spool.close()
                raise RequestAborted
            spool.write(message.get("body", b""))
            more = message.get("more_body", False)
        spool.seek(0)
        body: Any = spool
        return body  # type: ignore[no-any-return]  # a raw file is no IO to type checkers

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        return await sync_to_async(self._answered, thread_sensitive=True)(request)

    def _answered(self, request: HttpRequest) -> HttpResponseBase:
        _take_back()  # what the body of an answer before left, which comes after its view
        try:
            return self.get_response(request)
        finally:
            _take_back()


def _take_back() -> None:
    """Transactions that were begun and never ended: nothing else would end them, and the thread's next request would
    find itself inside."""
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:
            logger.error(
                "A request left a transaction open on the connection %r; it was rolled back.", connection.alias
            )
            try:
                connection.close()
            finally:
                del connections[connection.alias]
