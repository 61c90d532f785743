from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def is_own_address(request: HttpRequest, address: str) -> bool:
    """Whether a `next` that somebody sent leads to this very host. It has to be a path from the root or a whole
    address: `redirect` takes a bare word for the name of a route, and a browser for a place beside the page."""
    return address.startswith(("/", "http://", "https://")) and url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
