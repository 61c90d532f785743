"""Vectors of questions and passages, from the server and from the built-in model."""

import math
from pathlib import Path

import pytest
import wordllama

from llms import embeddings, errors
from tests.ollama_server import OllamaServer

NOMIC = "ollama/nomic-embed-text:latest"
BUILTIN = "builtin/wordllama"


def length(vector: list[float]) -> float:
    return math.sqrt(sum(x * x for x in vector))


def likeness(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("key", [NOMIC, BUILTIN])
def test_vectors_have_unit_length_and_the_order_of_the_texts(ollama: OllamaServer, key: str) -> None:
    texts = [f"{'long ' * (n % 7)}text number {n}" for n in range(70)]
    vectors = embeddings.embed_passages(key, texts)
    assert len(vectors) == 70
    assert all(len(vector) == embeddings.dimension(key) for vector in vectors)
    assert all(length(vector) == pytest.approx(1, abs=1e-5) for vector in vectors)
    for n in (0, 33, 69):
        assert vectors[n] == pytest.approx(embeddings.embed_passages(key, [texts[n]])[0], abs=1e-5)


@pytest.mark.parametrize("key", [NOMIC, BUILTIN])
@pytest.mark.parametrize("text", ["", "   \n", "\u0000", "🚲"])
def test_a_text_without_words_has_a_vector_too(ollama: OllamaServer, key: str, text: str) -> None:
    vectors = embeddings.embed_passages(key, [text, "a text with words"])
    assert all(length(vector) == pytest.approx(1, abs=1e-5) for vector in vectors)


def test_no_texts_no_vectors(ollama: OllamaServer) -> None:
    assert embeddings.embed_passages(NOMIC, []) == embeddings.embed_passages(BUILTIN, []) == []


def test_the_weights_read_in_place_give_what_the_package_gives() -> None:
    texts = ["The price of the bike was 300 euros.", "Bees live in colonies.", "蜜蜂"]
    package = Path(wordllama.__file__).parent
    theirs = wordllama.WordLlama.load(cache_dir=package, disable_download=True)
    assert embeddings.embed_passages(BUILTIN, texts) == theirs.embed(texts, norm=True).tolist()


def test_what_means_the_same_is_near() -> None:
    question = embeddings.embed_query(BUILTIN, "How much did the bicycle cost?")
    near, far = embeddings.embed_passages(BUILTIN, ["The price of the bike was 300 euros.", "Bees live in colonies."])
    assert likeness(question, near) > likeness(question, far) + 0.1


def test_a_model_gets_the_prefixes_it_was_trained_with_and_its_context(ollama: OllamaServer) -> None:
    embeddings.embed_query(NOMIC, "why")
    embeddings.embed_passages(NOMIC, ["because"])
    asked = [r for r in ollama.requests if r.path == "/api/embed"]
    assert [r.body["input"] for r in asked] == [["search_query: why"], ["search_document: because"]]
    assert [r.num_ctx for r in asked] == [2_048, 2_048]


def test_many_texts_go_in_batches(ollama: OllamaServer) -> None:
    embeddings.embed_passages(NOMIC, [str(n) for n in range(70)])
    assert [len(r.body["input"]) for r in ollama.requests if r.path == "/api/embed"] == [32, 32, 6]


def test_failures_are_said(ollama: OllamaServer) -> None:
    with pytest.raises(errors.ModelMissing):
        embeddings.embed_query("ollama/nothing:latest", "why")
    with pytest.raises(errors.ModelMissing):
        embeddings.embed_query("nothing", "why")
    ollama.script(fail="busy")
    with pytest.raises(errors.ServerBusy):
        embeddings.embed_query(NOMIC, "why")
    ollama.stop()
    with pytest.raises(errors.ServerUnreachable):
        embeddings.embed_query(NOMIC, "why")


@pytest.mark.parametrize("key", [NOMIC, BUILTIN])
def test_llama_index_gets_the_same_vectors(ollama: OllamaServer, key: str) -> None:
    embedder = embeddings.get_embedder(key)
    assert embedder.get_query_embedding("why") == embeddings.embed_query(key, "why")
    passages = ["because", "therefore"]
    assert embedder.get_text_embedding_batch(passages) == embeddings.embed_passages(key, passages)


def test_llama_index_can_ask_a_chat_model(ollama: OllamaServer) -> None:
    from llama_index.core.llms import ChatMessage

    from llms import llamaindex
    from tests.ollama_server import expected_text

    model = llamaindex.llm("llama3.2:3b")
    messages = [ChatMessage(role="user", content="Why?")]
    assert model.chat(messages).message.content == expected_text("Why?", 120)
    assert model.complete("Why?").text == expected_text("Why?", 120)
    pieces = list(model.stream_chat(messages))
    assert "".join(piece.delta or "" for piece in pieces) == expected_text("Why?", 120)
    assert model.metadata.context_window == 16_384
    assert [r.num_ctx for r in ollama.chats] == [16_384] * 3
    ollama.script(cut_at=3)
    with pytest.raises(errors.AnswerCut):
        model.chat(messages)


def test_llama_index_closes_a_stream_that_is_left(ollama: OllamaServer) -> None:
    from llama_index.core.llms import ChatMessage

    from llms import llamaindex

    ollama.script(stall_at=5)
    pieces = llamaindex.llm("llama3.2:3b").stream_chat([ChatMessage(role="user", content="Why?")])
    next(pieces)
    pieces.close()
    ollama.wait_for(lambda: ollama.chats[0].outcome == "closed")
