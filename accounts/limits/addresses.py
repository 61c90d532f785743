"""Where a request comes from, as far as it can be believed."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

# What one customer of a provider has at least: each of its addresses by itself would be a fresh start.
_IPV6_PREFIX = 64


def client_address(request: HttpRequest) -> str:
    """The client's address, or "" where there is none that can be read.

    Behind a proxy it is the last entry of X-Forwarded-For, the one that our own proxy wrote; those before it are
    whatever the client claimed. Without TRUST_PROXY the header is nobody's word.
    """
    given = request.META.get("REMOTE_ADDR") or ""
    if settings.TRUST_PROXY and (forwarded := request.META.get("HTTP_X_FORWARDED_FOR", "")):
        given = forwarded.rpartition(",")[2]
    return _normal(given)


def network_of(address: str) -> str:
    """What is counted together: one IPv4 address, or the /64 of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((parsed, _IPV6_PREFIX), strict=False))
    return address


def _normal(given: str) -> str:
    given = given.strip()
    if given.startswith("["):  # [2001:db8::1]:4711
        given = given[1:].partition("]")[0]
    elif given.count(":") == 1:  # 192.0.2.1:4711
        given = given.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(given.partition("%")[0])
    except ValueError:
        return ""
    # An IPv4 client of a socket that listens on both looks like ::ffff:192.0.2.1.
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)
