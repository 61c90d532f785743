"""Where what is done comes from: the address and the browser of the request, also in the jobs that it leads to."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

AGENT_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Origin:
    address: str = ""
    agent: str = ""
    request_id: str = ""

    def as_header(self) -> dict[str, str]:
        """For a job's message; empty when there is nothing to say."""
        return {name: value for name, value in asdict(self).items() if value}


NOWHERE = Origin()
_origin: ContextVar[Origin] = ContextVar("audit_origin", default=NOWHERE)


def current() -> Origin:
    return _origin.get()


@contextmanager
def coming_from(request: HttpRequest) -> Iterator[None]:
    token = _origin.set(of(request))
    try:
        yield
    finally:
        _origin.reset(token)


def take(header: dict[str, str] | None, *, request_id: str = "") -> None:
    """Go on with the origin that came with a job, or, with None, with none but the id of the job itself."""
    _origin.set(Origin(**({"request_id": request_id} | (header or {}))))


def drop() -> None:
    _origin.set(NOWHERE)


def of(request: HttpRequest) -> Origin:
    return Origin(
        address=_address(request),
        agent=request.headers.get("User-Agent", "")[:AGENT_LENGTH],
        request_id=getattr(request, "request_id", ""),
    )


def _address(request: HttpRequest) -> str:
    """The same that limits go by: the peer's, or behind a trusted proxy the one it names."""
    from allauth.account.adapter import get_adapter  # needs the applications, which may import this package

    try:
        return str(get_adapter(request).get_client_ip(request))
    except PermissionDenied:
        return ""
