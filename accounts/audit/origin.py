"""Where what is done comes from: the address and the browser of the request, also in the jobs that it leads to."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from accounts.encryption import keys
from accounts.encryption.errors import Forged
from accounts.encryption.sealing import seal, unseal

AGENT_LENGTH = 200
_PLACE = b"task origin"


@dataclass(frozen=True, slots=True)
class Origin:
    address: str = ""
    agent: str = ""
    request_id: str = ""

    def as_header(self) -> str:
        """For a job's message, sealed: it waits in Redis. Empty when there is nothing to say."""
        said = {name: value for name, value in asdict(self).items() if value}
        return base64.b64encode(seal(_cipher(), json.dumps(said).encode(), _PLACE)).decode() if said else ""


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


def take(header: str | None, *, request_id: str = "") -> None:
    """Go on with the origin that came with a job, or, where none did, with none but the id of the job itself."""
    said: dict[str, str] = {}
    if header:
        # What somebody else put there is as good as nothing, and no reason to leave the job undone.
        with suppress(Forged, ValueError):
            said = json.loads(unseal(_cipher(), base64.b64decode(header), _PLACE))
    _origin.set(Origin(**({"request_id": request_id} | said)))


def _cipher() -> AESGCM:
    return AESGCM(keys.installation_key("task origin"))


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
