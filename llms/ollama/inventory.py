"""What is installed on an Ollama server."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from llms.ollama.http import tls

logger = logging.getLogger(__name__)

_TIMEOUT = httpx.Timeout(5.0, connect=1.0)
# What Ollama itself assumes for a model that does not say.
_CONTEXT_LENGTH = 4096
# Details by (server, name, digest): a digest never changes its meaning.
_shown: dict[tuple[str, str, str], tuple[int, frozenset[str]]] = {}
# The servers that did not answer the last time: it is asked on almost every page, and said once.
_absent: set[str] = set()


@dataclass(frozen=True, slots=True)
class Installed:
    """`context_length` is what the model was trained for."""

    name: str
    context_length: int
    capabilities: frozenset[str]
    size_bytes: int | None


def tagged(name: str) -> str:
    """Ollama's own rule: a name without a tag means `latest`."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def is_cloud(name: str) -> bool:
    """Whether Ollama would send the prompt to its maker's servers instead of running the model here."""
    return name.endswith((":cloud", "-cloud"))


def client(base_url: str, timeout: httpx.Timeout = _TIMEOUT) -> httpx.Client:
    # httpx would make a TLS context for every client, spoken or not, and know only public authorities. The proxies of
    # the environment are for the internet, and the model server is not there.
    verify = tls() if base_url.startswith("https:") else False
    return httpx.Client(base_url=base_url, timeout=timeout, verify=verify, trust_env=False)


def read(base_url: str) -> list[Installed] | None:
    """The models in the server's order, the one pulled last first. None: there is no such server now."""
    try:
        with client(base_url) as server:
            answer = server.get("/api/tags")
            answer.raise_for_status()
            rows = [row for row in answer.json()["models"] if not row.get("remote_host") and not is_cloud(row["name"])]
            with ThreadPoolExecutor(4) as threads:
                details = list(threads.map(partial(_details, server), rows))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        if base_url not in _absent:
            _absent.add(base_url)
            logger.info("The model server does not answer: %r", error)
        return None
    if base_url in _absent:
        _absent.discard(base_url)
        logger.info("The model server answers again.")
    return [
        Installed(row["name"], *detail, row.get("size"))
        for row, detail in zip(rows, details, strict=True)
        if detail is not None
    ]


def _details(server: httpx.Client, row: dict[str, Any]) -> tuple[int, frozenset[str]] | None:
    """Context length and capabilities; None when the model vanished meanwhile."""
    listed = row.get("details") or {}
    if listed.get("context_length") and row.get("capabilities"):
        return int(listed["context_length"]), frozenset(row["capabilities"])
    # Before 0.33 the list did not say.
    key = (str(server.base_url), row["name"], row.get("digest", ""))
    if key not in _shown:
        answer = server.post("/api/show", json={"model": row["name"]})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        answer.raise_for_status()
        shown = answer.json()
        info = shown.get("model_info") or {}
        length = info.get(f"{info.get('general.architecture')}.context_length") or _CONTEXT_LENGTH
        _shown[key] = int(length), frozenset(shown.get("capabilities") or ("completion",))
    return _shown[key]
