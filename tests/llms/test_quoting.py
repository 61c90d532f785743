"""The answerer that only quotes."""

import asyncio
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms import chat
from llms.builtin import quoting, sentences
from llms.requests import ChatRequest, Delta, Finish, Quotable, Turn
from tests.ollama_server import OllamaServer

REPORT = Quotable(
    1,
    "Annual *report*.pdf",
    3,
    "Revenue rose by 12 % to $4.2 million in 2024 [3]. Costs fell slightly in the same year, as planned.\nThe number "
    "of employees was 120\nat the end of the year, after 98 in 2023. Dr. Smith became head of research in the summer.",
)
HANDBOOK = Quotable(
    2, "Handbook.docx", 0, "The office is closed on Mondays, except in May. Employees may take 30 days."
)
MARKED = re.compile(r"(?m)^> (.*) \[(\d+)\]$")


def ask(question: str, *passages: Quotable, written: str = "") -> str:
    turns = [Turn("user", question)] + ([Turn("assistant", written)] if written else [])
    return asyncio.run(chat.complete(ChatRequest("builtin/quote", turns, passages)))


def shown(markdown: str) -> str:
    return re.sub(r"\\(?=[!-/:-@\[-`{-~])", "", markdown)


def tidy(text: str) -> str:
    return " ".join(text.split())


def test_the_sentence_that_answers_is_quoted_with_its_mark_and_place() -> None:
    answer = ask("Who became head of research?", REPORT, HANDBOOK)
    assert "> Dr. Smith became head of research in the summer. [1]" in answer
    assert "Annual \\*report\\*.pdf, page 3" in answer
    assert "Mondays" not in answer


def test_a_sentence_broken_over_lines_is_quoted_whole() -> None:
    assert "The number of employees was 120 at the end of the year, after 98 in 2023." in ask(
        "How many employees were there?", REPORT, HANDBOOK
    )


def test_quotes_stand_in_their_passages_as_they_are() -> None:
    passages = {p.number: p for p in (REPORT, HANDBOOK)}
    for question in ("employees", "What was the revenue in 2024?", "When is the office closed?", "Umsatz?"):
        found = MARKED.findall(ask(question, REPORT, HANDBOOK))
        assert found
        for quote, number in found:
            assert tidy(shown(quote)) in tidy(passages[int(number)].text)


DUCK = Quotable(
    4,
    "wiki_duck.html",
    3,
    "Behaviour\n\nFeeding\n\nDucks eat food sources such as grasses, aquatic plants, fish, insects and small frogs. "
    "Dabbling ducks feed on the surface of water or on land.\nBreeding\nDucks have only one partner at a time.",
    place="section",
)


def test_a_heading_is_no_part_of_a_quote_and_no_quote() -> None:
    quotes = [quote for quote, _ in MARKED.findall(ask("What do ducks eat when feeding?", DUCK))]
    assert quotes[0].startswith("Ducks eat food sources")
    assert not any("Behaviour" in quote or "Feeding" in quote or "Breeding" in quote for quote in quotes)


def test_a_list_of_short_lines_is_no_row_of_headings() -> None:
    cities = Quotable(1, "cities.txt", 1, "\n".join(f"City {name}" for name in ("Rome", "Oslo", "Bern", "Wien")))
    assert "City Oslo" in ask("Oslo", cities)


def test_what_a_document_is_counted_in_is_called_by_its_name() -> None:
    assert "wiki\\_duck.html, section 3" in ask("What do ducks eat?", DUCK)


def test_passages_that_do_not_fit_are_not_announced_as_fitting() -> None:
    answer = ask("What is quantum chromodynamics?", REPORT, HANDBOOK, DUCK)
    assert answer.startswith("Nothing in your documents fits the question well.")
    assert MARKED.search(answer)
    assert ask("What do ducks eat?", REPORT, DUCK).startswith("These passages of your documents fit")


def test_after_the_best_quote_the_others_come_in_the_order_of_their_numbers() -> None:
    texts = {
        1: "The bridge is painted red every year.",
        2: "The bridge was opened in 1937 by the mayor of the city.",
        3: "The old bridge was closed in 1936.",
    }
    passages = [Quotable(number, "a.txt", 1, text) for number, text in texts.items()]
    numbers = [int(number) for _, number in MARKED.findall(ask("Who opened the bridge in 1937?", *passages))]
    assert numbers[0] == 2
    assert numbers[1:] == sorted(numbers[1:])


def test_a_mark_inside_a_quotation_is_no_citation() -> None:
    answer = ask("What was the revenue in 2024?", REPORT)
    assert set(re.findall(r"\[(\d+)\]", answer)) == {"1"}
    assert "\\[3\\]" in answer


def test_at_most_a_few_quotes() -> None:
    many = [
        Quotable(n, f"{n}.pdf", 1, f"Bridge number {n} was built by hand in the year {1800 + n}.") for n in range(1, 9)
    ]
    assert 1 <= len(MARKED.findall(ask("Which bridge was built by hand?", *many))) <= sentences.QUOTES


def test_text_without_spaces_or_full_stops_is_quoted() -> None:
    chinese = Quotable(1, "桥.txt", 0, "这座桥建于一九三七年。它连接两个城市。桥下有很多船只来往。" * 3)
    table = Quotable(2, "table.csv", 0, "\n".join(f"row {n}, value {n * n}" for n in range(200)))
    assert "一九三七年" in ask("这座桥建于哪一年？", chinese)
    assert "value 144" in ask("row 12 value 144", table)
    assert all(len(quote) < 1_000 for quote, _ in MARKED.findall(ask("row 12", table)))


def test_nothing_found_says_so_and_how_to_connect_a_model() -> None:
    answer = ask("What?")
    assert "found nothing in your documents" in answer
    assert "No language model is connected" in answer
    assert "OLLAMA_BASE_URL" in answer
    assert not re.search(r"\[\d+\]", answer)


def test_with_a_model_connected_it_does_not_say_that_none_is(ollama: OllamaServer) -> None:
    answer = ask("What?")
    assert "found nothing in your documents" in answer
    assert "No language model" not in answer


def test_it_comes_in_pieces_and_ends() -> None:
    async def items() -> list[Delta | Finish]:
        return [
            item async for item in quoting.stream(ChatRequest("builtin/quote", [Turn("user", "employees")], [REPORT]))
        ]

    got = asyncio.run(items())
    assert len(got) > 5
    assert got[-1] == Finish("stop")
    assert all(isinstance(item, Delta) and item.text for item in got[:-1])


def test_a_broken_answer_is_continued_where_it_broke() -> None:
    whole = ask("employees", REPORT, HANDBOOK)
    assert whole[:60] + ask("employees", REPORT, HANDBOOK, written=whole[:60]) == whole


@given(st.text(max_size=600))
def test_the_sentences_of_any_text_lie_in_it_in_order(text: str) -> None:
    spans = sentences.spans(text)
    assert all(begin < end for begin, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    assert all(text[begin:end] == text[begin:end].strip() for begin, end in spans)
    words = re.compile(r"[^\W_]")
    inside = sum(len(words.findall(text[begin:end])) for begin, end in spans)
    assert inside == len(words.findall(text))


OFFLINE = """
import os, socket, sys
def refuse(*args, **kwargs):
    raise AssertionError("the network was used")
for name in ("getaddrinfo", "create_connection", "gethostbyname"):
    setattr(socket, name, refuse)
socket.socket.connect = socket.socket.connect_ex = refuse
import django
django.setup()
import asyncio
from llms import catalogue, chat, embeddings
from llms.requests import ChatRequest, Quotable, Turn
assert [m.key for m in catalogue.chat_models()] == ["builtin/quote"]
chat.warm_up()
assert len(embeddings.embed_query(catalogue.embedding_model_key(), "hello")) == 256
passage = Quotable(1, "a.txt", 0, "The bridge was opened in the year 1937 by the mayor.")
answer = asyncio.run(chat.complete(ChatRequest("", [Turn("user", "When was the bridge opened?")], [passage])))
assert "1937" in answer and "[1]" in answer, answer
heavy = {"llama_index", "torch", "unstructured", "spacy"} & set(sys.modules)
assert not heavy, heavy
print("fine")
"""


def test_everything_built_in_works_without_a_network(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "LLM_PROVIDER": "builtin", "DJANGO_SETTINGS_MODULE": "chatsite.settings"}
    ran = subprocess.run(
        [sys.executable, "-c", OFFLINE],
        env={**os.environ, **home},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.stdout == "fine\n", ran.stderr


@pytest.mark.parametrize("module", ["llms.catalogue", "llms.chat", "llms.embeddings"])
def test_asking_a_model_loads_nothing_heavy(module: str) -> None:
    script = (
        f"import {module}, sys; print(sorted({{'llama_index', 'numpy', 'wordllama', 'Stemmer'}} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert ran.stdout == "[]\n", ran.stderr
