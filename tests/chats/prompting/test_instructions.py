"""What a chat and a person tell the models, from the form to the request that a model server gets."""

import json

import pytest
from django.test import Client

from accounts.audit.models import AuditEvent
from accounts.models import User
from chats import answering
from chats import conversation as conversations
from chats.exchange import writing
from chats.exchange.formats import own
from chats.exchange.storing import store
from chats.models import Conversation, Message
from chats.prompting import configuring
from chats.prompting.forms import LONGEST_INSTRUCTIONS
from chats.prompting.models import OwnInstructions
from chats.prompting.parameters import PARAMETERS, sound
from tests.chats.conftest import answered
from tests.ollama_server import OllamaServer, Recorded

pytestmark = pytest.mark.django_db(transaction=True)

MODEL = "ollama/llama3.2:3b"
ALL = {"temperature": "0.4", "top_p": "0.85", "max_tokens": "300", "context": "4096"}


@pytest.fixture
def chat(owner: User) -> Conversation:
    found = conversations.start(owner, model=MODEL, use_documents=False)
    conversations.rename(found, "Named, so that no model is asked for a title")
    return found


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def address(chat: Conversation) -> str:
    return f"/chats/{chat.pk}/settings"


def asked(chat: Conversation, ollama: OllamaServer, text: str = "one") -> Recorded:
    """What the model server got for a question."""
    answer = conversations.post_message(chat, text).answer
    answering.answer(answer.pk)
    return next(r for r in ollama.chats if r.messages[-1]["content"] == text)


class TestReachTheModel:
    def test_instructions_and_parameters_of_the_chat(
        self, page: Client, chat: Conversation, ollama: OllamaServer, settings: object
    ) -> None:
        settings.SYSTEM_PROMPT = "You work for us."  # type: ignore[attr-defined]
        saved = page.post(address(chat), {"system_prompt": "Answer\r\nin rhymes.", **ALL})
        assert saved.status_code == 302
        request = asked(chat, ollama)
        assert request.messages[0] == {"role": "system", "content": "You work for us.\n\nAnswer\nin rhymes."}
        chosen = {name: request.options[name] for name in ("temperature", "top_p", "num_predict")}
        assert chosen == {"temperature": 0.4, "top_p": 0.85, "num_predict": 300}

    def test_what_is_not_set_is_left_to_the_model(
        self, chat: Conversation, ollama: OllamaServer, settings: object
    ) -> None:
        request = asked(chat, ollama)
        assert set(request.options) == {"num_ctx"}
        assert request.messages[0]["content"] == settings.SYSTEM_PROMPT  # type: ignore[attr-defined]

    def test_ones_own_instructions_hold_where_a_chat_has_none(
        self, page: Client, owner: User, chat: Conversation, ollama: OllamaServer
    ) -> None:
        page.post("/settings/instructions", {"text": "Call me Ada."})
        assert asked(chat, ollama).messages[0]["content"].endswith("\n\nCall me Ada.")
        configuring.configure(chat, system_prompt="Call me Grace.", parameters={})
        system = asked(chat, ollama, "two").messages[0]["content"]
        assert system.endswith("\n\nCall me Grace.")
        assert "Ada" not in system

    def test_of_nobody_else(self, stranger: User, chat: Conversation, ollama: OllamaServer) -> None:
        configuring.set_own_instructions(stranger, "Call me Eve.")
        assert "Eve" not in str(asked(chat, ollama).messages)

    def test_a_shorter_context_sends_less_and_never_loads_the_model_anew(
        self, chat: Conversation, ollama: OllamaServer
    ) -> None:
        for number in range(3):
            answered(chat, f"Question {number}", "word " * 800)
        whole = asked(chat, ollama, "whole")
        configuring.configure(chat, system_prompt="", parameters={"context": 2048})
        short = asked(chat, ollama, "short")
        assert len(whole.messages) > len(short.messages)
        assert whole.num_ctx == short.num_ctx == 16_384

    def test_nor_does_a_longer_one_than_the_model_has(self, chat: Conversation, ollama: OllamaServer) -> None:
        configuring.configure(chat, system_prompt="", parameters={"context": 1_000_000})
        assert asked(chat, ollama).num_ctx == 16_384

    def test_values_that_came_from_a_file_and_are_out_of_bounds_stay_away_from_it(
        self, chat: Conversation, ollama: OllamaServer
    ) -> None:
        wild = {"temperature": 99, "top_p": "much", "max_tokens": -3, "context": 2.5, "seed": 7}
        Conversation.objects.filter(pk=chat.pk).update(parameters=wild)
        assert set(asked(chat, ollama).options) == {"num_ctx"}

    def test_a_chat_whose_instructions_do_not_fit_says_what_to_shorten(
        self, chat: Conversation, ollama: OllamaServer
    ) -> None:
        configuring.configure(chat, system_prompt="obey " * 1_500, parameters={"context": 2048})
        answer = conversations.post_message(chat, "one").answer
        answering.answer(answer.pk)
        answer.refresh_from_db()
        assert (answer.status, answer.error_code) == (Message.Status.FAILED, "prompt_too_long")
        assert "instructions of this chat" in answer.error_text

    def test_the_built_in_pair_answers_all_the_same(self, owner: User, settings: object) -> None:
        settings.LLM_PROVIDER = "builtin"  # type: ignore[attr-defined]
        chat = conversations.start(owner, use_documents=False)
        configuring.configure(chat, system_prompt="obey " * 1_500, parameters={"context": 2048, "temperature": 2})
        answer = conversations.post_message(chat, "one").answer
        answering.answer(answer.pk)
        answer.refresh_from_db()
        assert answer.status == Message.Status.DONE


class TestThePanel:
    def test_beside_the_chat_and_as_a_page_of_its_own(self, page: Client, chat: Conversation) -> None:
        configuring.configure(chat, system_prompt="Rhyme <b>.", parameters={"temperature": 0.4})
        whole = page.get(address(chat)).content.decode()
        part = page.get(address(chat), headers={"HX-Request": "true"}).content.decode()
        assert "<html" in whole
        assert "<html" not in part
        for shown in (whole, part):
            assert "Rhyme &lt;b&gt;." in shown
            assert 'value="0.4"' in shown
        assert address(chat) in page.get(f"/chats/{chat.pk}").content.decode()

    def test_saving_says_so_and_keeps_the_panel(self, page: Client, chat: Conversation) -> None:
        saved = page.post(address(chat), {"system_prompt": "Rhyme."}, headers={"HX-Request": "true"})
        assert saved.status_code == 200
        assert "Saved. It holds from the next answer on." in saved.content.decode()
        chat.refresh_from_db()
        assert (chat.system_prompt, chat.parameters) == ("Rhyme.", {})

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *((p.name, value) for p in PARAMETERS for value in (p.least - 1, p.most + 1, "lots", "nan", "9" * 5000)),
            ("max_tokens", "20.5"),
            ("system_prompt", "x" * (LONGEST_INSTRUCTIONS + 1)),
        ],
        ids=lambda value: str(value)[:12],
    )
    @pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
    def test_what_is_out_of_bounds_is_said_and_nothing_is_lost(
        self, page: Client, chat: Conversation, name: str, value: object, htmx: bool
    ) -> None:
        given = {"system_prompt": "Kept words", **ALL, name: value}
        refused = page.post(address(chat), given, headers={"HX-Request": "true"} if htmx else {})
        shown = refused.content.decode()
        assert refused.status_code == (200 if htmx else 422)
        assert "nothing was saved yet" in shown.lower()
        assert str(value) in shown
        if name != "system_prompt":
            assert "Kept words" in shown
        chat.refresh_from_db()
        assert (chat.system_prompt, chat.parameters) == ("", {})

    def test_with_the_built_in_pair_it_says_that_nothing_of_it_is_followed(
        self, page: Client, owner: User, settings: object
    ) -> None:
        settings.LLM_PROVIDER = "builtin"  # type: ignore[attr-defined]
        chat = conversations.start(owner)
        assert "follows no instructions and has no parameters" in page.get(address(chat)).content.decode()

    def test_with_a_model_it_does_not(self, page: Client, chat: Conversation, ollama: OllamaServer) -> None:
        shown = page.get(address(chat)).content.decode()
        assert "follows no instructions" not in shown
        assert "llama3.2:3b reads 16,384 at most" in shown

    def test_it_is_recorded_without_the_words(self, page: Client, chat: Conversation) -> None:
        page.post(address(chat), {"system_prompt": "Secret words", **ALL})
        event = AuditEvent.objects.get(action="chat.configured", resource_id=str(chat.pk))
        assert event.details["instructions"] == 12
        assert event.details["parameters"] == "temperature=0.4 top_p=0.85 max_tokens=300 context=4096"
        page.post(address(chat), {"system_prompt": "Secret words", **ALL})
        assert AuditEvent.objects.filter(action="chat.configured").count() == 1


class TestOnesOwn:
    def test_are_kept_shown_and_taken_back(self, page: Client, owner: User) -> None:
        assert page.post("/settings/instructions", {"text": "Call me Ada."}).status_code == 302
        assert "Call me Ada." in page.get("/settings/instructions").content.decode()
        page.post("/settings/instructions", {"text": "  "})
        assert not OwnInstructions.objects.exists()
        assert AuditEvent.objects.filter(action="prompt.instructions_changed").count() == 2

    def test_too_long_ones_stay_in_the_field(self, page: Client) -> None:
        refused = page.post("/settings/instructions", {"text": "y" * (LONGEST_INSTRUCTIONS + 1)})
        assert refused.status_code == 422
        assert "y" * (LONGEST_INSTRUCTIONS + 1) in refused.content.decode()
        assert not OwnInstructions.objects.exists()

    def test_settings_lead_there(self, page: Client) -> None:
        assert "/settings/instructions" in page.get("/settings").content.decode()


def test_an_export_takes_both_along_and_an_import_brings_them_back(owner: User, stranger: User) -> None:
    chat = conversations.start(owner)
    answered(chat)
    configuring.configure(chat, system_prompt="Rhyme.", parameters={"temperature": 0.4, "max_tokens": 300})
    file = json.loads(b"".join(writing.json_parts([Conversation.objects.get(pk=chat.pk)])))
    (entry,) = file["chats"]
    assert store(own.read(entry), stranger)
    brought = Conversation.objects.get(owner=stranger)
    assert brought.system_prompt == "Rhyme."
    assert sound(brought.parameters) == {"temperature": 0.4, "max_tokens": 300}
