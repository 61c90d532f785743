"""Settings that can each be read but do not fit together, found before anything starts."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's name for it

from documents.reading import confine
from llms import cross_encoder

SHORTEST_PASSWORD = 12


@register("chatsite")
def check_settings(**_: Any) -> list[CheckMessage]:
    return [*_data(), *_documents(), *_models(), *_accounts(), *_addresses()]


@register(Tags.security, deploy=True)
def check_exposure(**_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if "*" in settings.ALLOWED_HOSTS:
        found.append(
            Warning(
                "ALLOWED_HOSTS allows every host name.",
                hint="Name the hosts that people type, separated by commas. A forged name could end up in mails.",
                id="chatsite.W001",
            )
        )
    if settings.HTTPS and not settings.TRUST_PROXY:
        found.append(
            Warning(
                "BASE_URL is https, but no proxy is trusted, so every request would be redirected for ever.",
                hint="Chatsite speaks http itself. Put a proxy before it and set TRUST_PROXY=true.",
                id="chatsite.W002",
            )
        )
    if settings.RATE_LIMIT_PER_MINUTE == 0:
        found.append(
            Warning(
                "RATE_LIMIT_PER_MINUTE is 0, so nobody's requests are counted.",
                hint="That is for measurements. Guessing passwords and flooding the models is then limited elsewhere.",
                id="chatsite.W004",
            )
        )
    if settings.EMAIL_HOST and not (settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL):
        found.append(
            Warning(
                f"Mails go to port {settings.EMAIL_PORT} of {settings.EMAIL_HOST} without encryption.",
                hint="They hold links that set passwords. Set EMAIL_PORT to 587 or 465, unless the way there is yours.",
                id="chatsite.W008",
            )
        )
    return found


@register(Tags.security, deploy=True)
def check_confinement(**_: Any) -> list[CheckMessage]:
    """What keeps a hostile file to itself, on this machine."""
    found: list[CheckMessage] = []
    if missing := [layer for layer, holds in confine.examine().items() if not holds]:
        found.append(
            Warning(
                f"The processes that read uploaded files are not confined by: {', '.join(missing)}.",
                hint="The other layers hold. docs/security.md says what each is for, and what it needs of the kernel.",
                id="chatsite.W006",
            )
        )
    data_dir = Path(settings.DATA_DIR).resolve()
    if exposed := [path for path in confine.readable() if path.is_dir() and data_dir.is_relative_to(path.resolve())]:
        found.append(
            Warning(
                f"DATA_DIR lies in {exposed[0]}, where the processes that read uploaded files may look for libraries.",
                hint="A hostile file that takes one over could look at what is stored. Move DATA_DIR elsewhere.",
                id="chatsite.W007",
            )
        )
    return found


def _data() -> Iterator[CheckMessage]:
    folder = Path(settings.DATA_DIR)
    nearest = next(path for path in [folder, *folder.parents] if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        yield Error(
            f"DATA_DIR is {folder}, which cannot be written.",
            hint="Choose a folder that belongs to the user who runs Chatsite.",
            id="chatsite.E001",
        )


def _documents() -> Iterator[CheckMessage]:
    if settings.CHUNK_OVERLAP >= settings.CHUNK_SIZE:
        yield Error(
            f"CHUNK_OVERLAP ({settings.CHUNK_OVERLAP}) is not smaller than CHUNK_SIZE ({settings.CHUNK_SIZE}).",
            hint="Each passage would only repeat the one before. A fifth of CHUNK_SIZE is a good overlap.",
            id="chatsite.E002",
        )
    if settings.RAG_RERANK and settings.RAG_RERANK_PATH and not cross_encoder.library(settings.RAG_RERANK_PATH):
        yield Warning(
            f"RAG_RERANK_PATH is {settings.RAG_RERANK_PATH}, and no cross-encoder can be loaded from there.",
            hint="It names a folder with model.onnx and tokenizer.json (needs onnxruntime), or one that "
            "sentence-transformers reads. Until then the fast model reranks.",
            id="chatsite.W009",
        )


def _models() -> Iterator[CheckMessage]:
    named = [name for name in ("DEFAULT_MODEL", "FAST_MODEL", "FALLBACK_MODELS") if getattr(settings, name)]
    if settings.LLM_PROVIDER == "builtin" and named:
        yield Warning(
            f"LLM_PROVIDER is builtin, so {' and '.join(named)} will not be used.",
            hint="Set LLM_PROVIDER=ollama (or auto), or remove the names of models.",
            id="chatsite.W003",
        )
    if urlsplit(settings.OLLAMA_BASE_URL).scheme not in {"http", "https"}:
        yield Error(
            f"OLLAMA_BASE_URL is {settings.OLLAMA_BASE_URL!r}, which is no address.",
            hint="It looks like http://127.0.0.1:11434.",
            id="chatsite.E003",
        )


def _accounts() -> Iterator[CheckMessage]:
    if bool(settings.ADMIN_EMAIL) != bool(settings.ADMIN_PASSWORD):
        yield Error(
            "ADMIN_EMAIL and ADMIN_PASSWORD belong together.",
            hint="Set both or neither. With neither, a set-up link is printed at the first start.",
            id="chatsite.E004",
        )
    elif settings.ADMIN_PASSWORD and len(settings.ADMIN_PASSWORD) < SHORTEST_PASSWORD:
        yield Error(
            f"ADMIN_PASSWORD is shorter than {SHORTEST_PASSWORD} characters.",
            hint="Make one with: openssl rand -base64 18",
            id="chatsite.E005",
        )


def _addresses() -> Iterator[CheckMessage]:
    for name, values in {"BASE_URL": [settings.BASE_URL], "ALLOWED_ORIGINS": settings.ALLOWED_ORIGINS}.items():
        for value in values:
            parts = urlsplit(value)
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query:
                yield Error(
                    f"{name} has {value!r}, which is not the address of a site.",
                    hint="It looks like https://chat.example.org, without a path.",
                    id="chatsite.E006",
                )
