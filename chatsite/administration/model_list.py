from typing import Any

from django.conf import settings

from chatsite.administration.configuration import without_credentials
from llms import catalogue

# What a model can do, in words; what is not named here is shown as the server calls it.
_WORDS = {"completion": "chat", "embedding": "vectors", "vision": "pictures", "tools": "tools", "thinking": "thinking"}


def context() -> dict[str, Any]:
    state = catalogue.provider_state()
    return {
        "state": state,
        "address": without_credentials(settings.OLLAMA_BASE_URL) if state.provider == "ollama" else "",
        "default": catalogue.default_model().key,
        "embedder": catalogue.embedding_model_key(),
        "models": [_line(model) for model in catalogue.all_models()],
    }


def _line(model: catalogue.ModelInfo) -> dict[str, Any]:
    return {
        "key": model.key,
        "label": model.label,
        "provider": model.provider,
        "words": sorted(_WORDS.get(name, name) for name in model.capabilities),
        # The quoting answerer reads passages and has no limit.
        "context": f"{model.context_length:,}" if model.provider != "builtin" else "",
        "size": model.size_bytes,
    }
