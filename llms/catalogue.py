"""Which models there are. Light enough for the web process; what the server says is kept for some seconds.

Keys name the provider first: "ollama/llama3.2:3b", "builtin/quote".
"""

import threading
import time
from dataclasses import dataclass
from typing import TypeGuard

from django.conf import settings

from llms.errors import ModelMissing, ServerUnreachable, Unsuitable
from llms.ollama import inventory
from llms.ollama.inventory import Installed

FRESH_FOR = 15.0
# An absent server is asked again soon, but waiting for it must stay rare: ten times as long as the answer took.
ABSENT_FOR = 3.0
ABSENT_FACTOR = 10.0

EMBEDDER_KEY = "builtin/wordllama"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """`context_length` is what the model will be asked to read at most, in tokens: one value per model."""

    key: str
    name: str
    provider: str
    label: str
    context_length: int
    capabilities: frozenset[str]
    size_bytes: int | None = None

    @property
    def sees(self) -> bool:
        return "vision" in self.capabilities


# It reads passages, not prompts, so nothing is ever too long for it.
QUOTE = ModelInfo(
    key="builtin/quote",
    name="quote",
    provider="builtin",
    label="Search and quote",
    context_length=1_000_000,
    capabilities=frozenset({"completion"}),
)


@dataclass(frozen=True, slots=True)
class ProviderState:
    """`note` is a sentence for people when no language model is connected, else empty."""

    provider: str
    connected: bool
    note: str
    models: int


@dataclass(frozen=True, slots=True)
class _Snapshot:
    asked: tuple[str, str, int]  # the settings it holds for
    expires: float
    taken: float
    answered: bool
    installed: tuple[ModelInfo, ...]


# Per process, replaced as a whole: readers need no lock, and only one thread asks the server.
_latest: _Snapshot | None = None
_asking = threading.Lock()


def chat_models() -> list[ModelInfo]:
    """What a person may choose from; the quoting answerer comes last and is always there."""
    return [*_chat_models(_snapshot()), QUOTE]


def all_models() -> list[ModelInfo]:
    """Everything that is installed, also what makes vectors only; for administrators."""
    return [*_snapshot().installed, QUOTE]


def default_model() -> ModelInfo:
    """The model of a conversation that chose none, as far as it is known now. Never raises."""
    try:
        return resolve("")
    except (ModelMissing, ServerUnreachable, Unsuitable):
        return QUOTE


def resolve(key: str) -> ModelInfo:
    """The model behind a key or a bare name; "" is the default. Raises ModelMissing, Unsuitable, ServerUnreachable.

    The default is DEFAULT_MODEL; without it, the model pulled last; without any, the quoting answerer.
    """
    key = key or settings.DEFAULT_MODEL
    if not key:
        return _automatic()
    if key == QUOTE.key:
        return QUOTE
    provider, name = _split(key)
    if settings.LLM_PROVIDER == "builtin":
        raise ModelMissing("No language model is connected to this installation. Choose “Search and quote”.")
    if provider != "ollama":
        raise ModelMissing
    if inventory.is_cloud(name):
        raise ModelMissing("This model runs outside your network, so it is not used here. Choose another model.")
    snapshot = _snapshot()
    if not snapshot.answered:
        raise ServerUnreachable
    # It may have been pulled a moment ago.
    found = _find(name, snapshot) or _find(name, _snapshot(newer_than=time.monotonic() - 1))
    if found is None:
        raise ModelMissing
    if "completion" not in found.capabilities:
        raise Unsuitable("This model makes embeddings and cannot chat. Choose another model.")
    return found


def fast_model(beside: str = "") -> ModelInfo:
    """For titles, summaries and search queries: FAST_MODEL, else the model `beside` (it is loaded), else the default.

    A small job never fails because of its own model, so what is not installed is passed over.
    """
    for key in (settings.FAST_MODEL, beside):
        if key:
            try:
                return resolve(key)
            except (ModelMissing, Unsuitable):
                continue
    return resolve("")


def vision_models() -> list[ModelInfo]:
    """Those installed that see pictures, VISION_MODEL first; none where none does."""
    found = [model for model in _chat_models(_snapshot()) if model.sees]
    wanted = inventory.tagged(_split(settings.VISION_MODEL)[1]) if settings.VISION_MODEL else ""
    return sorted(found, key=lambda model: model.name != wanted)


def fallbacks(after: str) -> list[ModelInfo]:
    """The models to try when `after` fails, in the order of FALLBACK_MODELS; those not installed are passed over."""
    try:
        failed = resolve(after).key
    except (ModelMissing, ServerUnreachable, Unsuitable):
        failed = after
    found: list[ModelInfo] = []
    for key in settings.FALLBACK_MODELS:
        try:
            model = resolve(key)
        except (ModelMissing, ServerUnreachable, Unsuitable):
            continue
        if model.key != failed and model not in found:
            found.append(model)
    return found


def embedding_model_key() -> str:
    """The configured embedding model. It never changes by itself: its vectors are stored."""
    wanted = settings.EMBEDDING_MODEL
    if not wanted or wanted == EMBEDDER_KEY or settings.LLM_PROVIDER == "builtin":
        return EMBEDDER_KEY
    return f"ollama/{inventory.tagged(_split(wanted)[1])}"


def context_length(name: str) -> int | None:
    """What to ask of an installed model, chat or embedding; None where the server does not list it."""
    found = _find(name, _snapshot())
    return found.context_length if found else None


def provider_state() -> ProviderState:
    snapshot = _snapshot()
    models = len(_chat_models(snapshot))
    if settings.LLM_PROVIDER == "builtin":
        return ProviderState("builtin", False, "No language model is connected. Answers quote your documents.", 0)
    if not snapshot.answered and settings.LLM_PROVIDER == "auto":
        note = (
            "No language model is connected, so answers quote your documents. "
            "To connect one, start Ollama on this machine or set OLLAMA_BASE_URL."
        )
    elif not snapshot.answered:
        note = "The model server does not answer. Until it does, answers only quote your documents."
    elif not models:
        note = "The model server has no chat model yet. An administrator can pull one: ollama pull llama3.2"
    else:
        note = ""
    return ProviderState("ollama", snapshot.answered, note, models)


def known(key: str) -> ModelInfo | None:
    """Like `resolve`, from what was asked lately only: it never waits, so it may be called on an event loop."""
    snapshot = _latest
    if key == QUOTE.key or not key or not _is_good(snapshot, 0.0):
        return QUOTE if key == QUOTE.key else None
    found = _find(_split(key)[1], snapshot)
    return found if found and "completion" in found.capabilities else None


def forget() -> None:
    """Ask the server again at the next question, for instance after a pull."""
    global _latest  # noqa: PLW0603 - see above
    _latest = None


def _automatic() -> ModelInfo:
    snapshot = _snapshot()
    models = _chat_models(snapshot)
    if models:
        return models[0]
    if settings.LLM_PROVIDER == "ollama":
        if not snapshot.answered:
            raise ServerUnreachable
        raise ModelMissing("The model server has no chat model yet. An administrator can pull one.")
    return QUOTE


def _chat_models(snapshot: _Snapshot) -> list[ModelInfo]:
    return [model for model in snapshot.installed if "completion" in model.capabilities]


def _find(name: str, snapshot: _Snapshot) -> ModelInfo | None:
    return next((model for model in snapshot.installed if model.name == inventory.tagged(name)), None)


def _split(key: str) -> tuple[str, str]:
    provider, slash, name = key.partition("/")
    return (provider, name) if slash and provider in {"ollama", "builtin"} else ("ollama", key)


def _snapshot(*, newer_than: float = 0.0) -> _Snapshot:
    global _latest  # noqa: PLW0603 - see above
    known = _latest
    if _is_good(known, newer_than):
        return known
    with _asking:
        if _is_good(_latest, newer_than):  # another thread was first
            return _latest
        _latest = known = _take()
        return known


def _is_good(known: _Snapshot | None, newer_than: float) -> TypeGuard[_Snapshot]:
    if known is None or known.asked != _asked() or known.taken < newer_than:
        return False
    return time.monotonic() < known.expires


def _asked() -> tuple[str, str, int]:
    return settings.LLM_PROVIDER, settings.OLLAMA_BASE_URL, settings.CONTEXT_LENGTH_LIMIT


def _take() -> _Snapshot:
    began = time.monotonic()
    installed: list[Installed] | None = []
    if settings.LLM_PROVIDER != "builtin":
        installed = inventory.read(settings.OLLAMA_BASE_URL)
    now = time.monotonic()
    lasts = FRESH_FOR if installed is not None else max(ABSENT_FOR, ABSENT_FACTOR * (now - began))
    return _Snapshot(
        asked=_asked(),
        taken=now,
        expires=now + lasts,
        answered=installed is not None,
        installed=tuple(_info(model) for model in installed or ()),
    )


def _info(model: Installed) -> ModelInfo:
    return ModelInfo(
        key=f"ollama/{model.name}",
        name=model.name,
        provider="ollama",
        label=model.name.removesuffix(":latest"),
        context_length=min(model.context_length, settings.CONTEXT_LENGTH_LIMIT),
        capabilities=model.capabilities,
        size_bytes=model.size_bytes,
    )
