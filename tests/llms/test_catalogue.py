"""Which models there are, and which one is meant."""

import threading
from typing import Any

import pytest

from llms import catalogue, errors
from llms.catalogue import QUOTE
from tests.ollama_server import FakeModel, OllamaServer
from tests.waiting import until


def keys() -> list[str]:
    return [model.key for model in catalogue.chat_models()]


def is_installed(key: str) -> bool:
    try:
        return catalogue.resolve(key).key == key
    except errors.ModelMissing:
        return False


def test_models_that_chat_are_listed_and_the_quoting_answerer_comes_last(ollama: OllamaServer) -> None:
    assert keys() == [f"ollama/{name}" for name in ("llama3.2:3b", "qwen3:4b", "tiny:1b", "qwen2.5vl:7b")] + [
        "builtin/quote"
    ]


def test_a_model_tells_what_it_can(ollama: OllamaServer) -> None:
    model = catalogue.resolve("ollama/qwen3:4b")
    assert (model.name, model.provider, model.label) == ("qwen3:4b", "ollama", "qwen3:4b")
    assert model.context_length == 16_384
    assert model.capabilities == {"completion", "tools", "thinking"}
    assert model.size_bytes == 2_497_293_931


@pytest.mark.parametrize("name", ["ollama/llama3.2:3b", "llama3.2:3b"])
def test_a_bare_name_will_do(ollama: OllamaServer, name: str) -> None:
    assert catalogue.resolve(name).key == "ollama/llama3.2:3b"


def test_no_tag_means_latest(ollama: OllamaServer) -> None:
    ollama.models["hf.co/someone/model:latest"] = FakeModel()
    model = catalogue.resolve("hf.co/someone/model")
    assert (model.key, model.label) == ("ollama/hf.co/someone/model:latest", "hf.co/someone/model")


def test_models_that_leave_the_network_are_neither_listed_nor_used(ollama: OllamaServer) -> None:
    assert "gpt-oss:120b-cloud" in ollama.models
    for name in ("gpt-oss:120b-cloud", "anything:cloud"):
        with pytest.raises(errors.ModelMissing, match="outside your network"):
            catalogue.resolve(name)


def test_an_embedding_model_does_not_chat(ollama: OllamaServer) -> None:
    with pytest.raises(errors.Unsuitable):
        catalogue.resolve("nomic-embed-text")


def test_an_unknown_model_is_missing(ollama: OllamaServer) -> None:
    for key in ("ollama/nothing:1b", "builtin/nothing", "nothing"):
        with pytest.raises(errors.ModelMissing):
            catalogue.resolve(key)


def test_a_model_pulled_a_moment_ago_is_found(ollama: OllamaServer) -> None:
    assert not is_installed("ollama/new:1b")
    ollama.models["new:1b"] = FakeModel()
    until(lambda: is_installed("ollama/new:1b"))


def test_the_server_is_asked_once_for_many_questions(ollama: OllamaServer) -> None:
    threads = [threading.Thread(target=keys) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys()
    assert [r.path for r in ollama.requests] == ["/api/tags"]


def test_the_default_is_the_model_pulled_last(ollama: OllamaServer) -> None:
    assert catalogue.resolve("").key == "ollama/llama3.2:3b"


def test_the_default_may_be_chosen(ollama: OllamaServer, settings: Any) -> None:
    settings.DEFAULT_MODEL = "tiny:1b"
    assert catalogue.resolve("").key == catalogue.default_model().key == "ollama/tiny:1b"


def test_a_chosen_default_that_is_missing_is_said_and_not_replaced(ollama: OllamaServer, settings: Any) -> None:
    settings.DEFAULT_MODEL = "nothing:1b"
    with pytest.raises(errors.ModelMissing):
        catalogue.resolve("")
    assert catalogue.default_model() == QUOTE


def test_without_a_server_only_the_quoting_answerer_is_left(ollama: OllamaServer) -> None:
    ollama.stop()
    assert keys() == ["builtin/quote"]
    assert catalogue.resolve("") == QUOTE
    state = catalogue.provider_state()
    assert not state.connected
    assert "No language model is connected" in state.note
    with pytest.raises(errors.ServerUnreachable):
        catalogue.resolve("llama3.2:3b")


def test_a_server_that_comes_back_is_found_again(ollama: OllamaServer) -> None:
    ollama.stop()
    assert keys() == ["builtin/quote"]
    ollama.start()
    until(lambda: "ollama/llama3.2:3b" in keys())
    assert catalogue.provider_state().note == ""


def test_a_server_without_a_chat_model_counts_as_none(ollama: OllamaServer) -> None:
    ollama.models = {"nomic-embed-text:latest": ollama.models["nomic-embed-text:latest"]}
    assert catalogue.resolve("") == QUOTE
    state = catalogue.provider_state()
    assert state.connected
    assert "ollama pull" in state.note


def test_ollama_only_says_that_it_is_away(ollama: OllamaServer, settings: Any) -> None:
    settings.LLM_PROVIDER = "ollama"
    ollama.models = {}
    with pytest.raises(errors.ModelMissing):
        catalogue.resolve("")
    ollama.stop()
    catalogue.forget()
    with pytest.raises(errors.ServerUnreachable):
        catalogue.resolve("")


def test_built_in_only_asks_no_server(ollama: OllamaServer, settings: Any) -> None:
    settings.LLM_PROVIDER = "builtin"
    assert keys() == ["builtin/quote"]
    assert catalogue.resolve("") == catalogue.fast_model() == QUOTE
    with pytest.raises(errors.ModelMissing):
        catalogue.resolve("llama3.2:3b")
    assert catalogue.provider_state().note
    assert ollama.requests == []


def test_something_that_is_not_ollama_is_no_server(ollama: OllamaServer, settings: Any) -> None:
    for wrong in (f"{ollama.url}/elsewhere", "http://", "nonsense", "http://127.0.0.1:1"):
        settings.OLLAMA_BASE_URL = wrong
        assert keys() == ["builtin/quote"]


def test_small_jobs_use_the_fast_model_else_the_one_that_is_loaded(ollama: OllamaServer, settings: Any) -> None:
    assert catalogue.fast_model().key == "ollama/llama3.2:3b"
    assert catalogue.fast_model("ollama/qwen3:4b").key == "ollama/qwen3:4b"
    settings.FAST_MODEL = "tiny:1b"
    assert catalogue.fast_model("ollama/qwen3:4b").key == "ollama/tiny:1b"
    settings.FAST_MODEL = "nothing:1b"
    assert catalogue.fast_model("ollama/qwen3:4b").key == "ollama/qwen3:4b"


def test_fallbacks_are_those_installed_in_their_order_without_the_one_that_failed(
    ollama: OllamaServer, settings: Any
) -> None:
    settings.FALLBACK_MODELS = ["qwen3:4b", "nothing:1b", "llama3.2:3b", "tiny:1b", "qwen3:4b", "builtin/quote"]
    assert [m.key for m in catalogue.fallbacks("")] == ["ollama/qwen3:4b", "ollama/tiny:1b", "builtin/quote"]
    assert next(m.key for m in catalogue.fallbacks("ollama/nothing:2b")) == "ollama/qwen3:4b"
    ollama.stop()
    catalogue.forget()
    assert catalogue.fallbacks("ollama/llama3.2:3b") == [QUOTE]


def test_the_embedding_model_never_changes_by_itself(ollama: OllamaServer, settings: Any) -> None:
    assert catalogue.embedding_model_key() == "builtin/wordllama"
    settings.EMBEDDING_MODEL = "nomic-embed-text"
    assert catalogue.embedding_model_key() == "ollama/nomic-embed-text:latest"
    ollama.stop()
    assert catalogue.embedding_model_key() == "ollama/nomic-embed-text:latest"
    settings.LLM_PROVIDER = "builtin"
    assert catalogue.embedding_model_key() == "builtin/wordllama"


def test_what_is_known_is_answered_without_asking(ollama: OllamaServer) -> None:
    assert catalogue.known("llama3.2:3b") is None
    keys()
    asked = len(ollama.requests)
    assert catalogue.known("llama3.2:3b") == catalogue.resolve("llama3.2:3b")
    assert catalogue.known("nomic-embed-text") is None
    assert len(ollama.requests) == asked
