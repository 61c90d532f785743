from typing import Any

from django.http import HttpRequest


def chatsite(request: HttpRequest) -> dict[str, Any]:
    """`csp_nonce`: for the few script tags, all with a source of our own."""
    return {"csp_nonce": getattr(request, "csp_nonce", "")}
