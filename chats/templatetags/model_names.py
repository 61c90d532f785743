"""What people read instead of a catalogue key."""

from django import template

from llms import catalogue

register = template.Library()

_PROVIDERS = {"builtin": "Built in", "ollama": "Ollama"}


@register.filter
def model_label(key: str) -> str:
    """The label of a model that may be gone by now: only the key of it is stored."""
    if key == catalogue.QUOTE.key:
        return catalogue.QUOTE.label
    provider, slash, name = key.partition("/")
    return (name if slash and provider in _PROVIDERS else key).removesuffix(":latest")


@register.filter
def provider_label(provider: str) -> str:
    return _PROVIDERS.get(provider, provider)
