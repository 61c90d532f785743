"""Personas: ready-made, kept and shared; chosen where a chat begins and in one under way; up to the model."""

from typing import Any

import pytest
from django.test import Client

from accounts.audit.models import AuditEvent
from accounts.models import User
from chats import answering
from chats import conversation as conversations
from chats.models import Conversation, Message
from chats.prompting import choosing, configuring, keeping
from chats.prompting.forms import LONGEST_INSTRUCTIONS, LONGEST_NAME
from chats.prompting.models import Persona
from chats.prompting.parameters import sound
from chats.prompting.ready import READY
from tests.ollama_server import OllamaServer

pytestmark = pytest.mark.django_db(transaction=True)

MODEL = "ollama/llama3.2:3b"
OTHER = "ollama/qwen3:4b"
HTMX = {"HX-Request": "true"}
GIVEN = {"name": "Poet", "system_prompt": "Rhyme.\r\nAlways.", "model": "", "temperature": "0.5", "is_shared": "on"}


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def page(owner: User) -> Client:
    return browser(owner)


def made(owner: User, name: str = "Poet", **values: Any) -> Persona:
    return keeping.make(Persona, owner, **{"name": name, "system_prompt": "Rhyme.", **values})


def the_chat() -> Conversation:
    return Conversation.objects.get()


@pytest.mark.parametrize("character", READY, ids=lambda character: character.key)
def test_a_ready_made_one_is_within_the_bounds_of_ones_own(character: Any) -> None:
    assert len(character.name) <= LONGEST_NAME
    assert len(character.system_prompt) <= LONGEST_INSTRUCTIONS
    assert character.about
    assert sound(character.parameters) == character.parameters


def test_no_two_ready_made_ones_have_one_key() -> None:
    assert len({character.key for character in READY}) == len(READY)


class TestBeginning:
    def test_with_a_ready_made_one_reaches_the_model(self, page: Client, ollama: OllamaServer) -> None:
        home = page.get("/?persona=translator").content.decode()
        assert '<input type="hidden" name="persona" value="translator">' in home
        page.post("/chats", {"content": "Guten Tag", "persona": "translator", "model": MODEL})
        answering.answer(Message.objects.get(role="assistant").pk)
        request = next(r for r in ollama.chats if r.messages[-1]["content"] == "Guten Tag")
        assert request.messages[0]["content"].endswith(READY[0].system_prompt)
        assert request.options["temperature"] == 0.2

    def test_its_model_is_the_chosen_one_on_the_page(self, page: Client, owner: User, ollama: OllamaServer) -> None:
        persona = made(owner, model=OTHER, parameters={"top_p": 0.5})
        home = page.get(f"/?persona={persona.pk}").content.decode()
        assert f'<option value="{OTHER}" selected>' in home
        page.post("/chats", {"content": "One", "persona": str(persona.pk), "model": OTHER})
        chat = the_chat()
        assert (chat.model, chat.system_prompt, chat.parameters) == (OTHER, "Rhyme.", {"top_p": 0.5})

    def test_one_whose_model_is_not_installed_says_so_and_offers_the_default(
        self, page: Client, owner: User, ollama: OllamaServer, settings: Any
    ) -> None:
        settings.DEFAULT_MODEL = "llama3.2:3b"
        persona = made(owner, model="ollama/gone:7b")
        home = page.get(f"/?persona={persona.pk}").content.decode()
        assert "Its model, gone:7b, is not installed. The default, llama3.2:3b, answers." in home
        assert f'<option value="{MODEL}" selected>' in home
        assert "is not installed" in page.get("/personas").content.decode()

    def test_with_the_built_in_pair_it_says_that_it_needs_a_model(self, page: Client, settings: Any) -> None:
        settings.LLM_PROVIDER = "builtin"
        assert "A persona needs a language model." in page.get("/?persona=editor").content.decode()

    @pytest.mark.parametrize("key", ["nonsense", "00000000-0000-0000-0000-000000000000", "\0", "x" * 5000])
    def test_one_that_is_gone_is_said_and_no_chat_begins(self, page: Client, key: str) -> None:
        assert "is not there any more" in page.get("/", {"persona": key}).content.decode()
        refused = page.post("/chats", {"content": "One", "persona": key}, headers=HTMX)
        assert refused.status_code == 422
        assert "your text is kept" in refused.content.decode()
        assert not Conversation.objects.exists()

    def test_anothers_private_one_is_as_one_that_is_gone(self, page: Client, stranger: User) -> None:
        persona = made(stranger)
        assert "Poet" not in page.get(f"/?persona={persona.pk}").content.decode()
        assert page.post("/chats", {"content": "One", "persona": str(persona.pk)}, headers=HTMX).status_code == 422

    def test_without_one_nothing_is_told(self, page: Client) -> None:
        page.post("/chats", {"content": "One"})
        assert (the_chat().system_prompt, the_chat().parameters) == ("", {})


class TestChanging:
    @pytest.fixture
    def chat(self, owner: User) -> Conversation:
        return conversations.start(owner, model=MODEL)

    def test_to_another_and_to_none(self, page: Client, chat: Conversation, owner: User, ollama: OllamaServer) -> None:
        persona = made(owner, model=OTHER, parameters={"temperature": 1.5})
        panel = page.post(f"/chats/{chat.pk}/persona", {"persona": str(persona.pk)}, headers=HTMX).content.decode()
        assert "Poet answers from now on" in panel
        assert f'<option value="{persona.pk}" selected>Poet</option>' in panel
        chat.refresh_from_db()
        assert (chat.model, chat.system_prompt, chat.parameters) == (OTHER, "Rhyme.", {"temperature": 1.5})
        page.post(f"/chats/{chat.pk}/persona", {"persona": "editor"})
        chat.refresh_from_db()
        assert chat.model == OTHER  # the editor names none
        assert chat.parameters == {"temperature": 0.3}
        page.post(f"/chats/{chat.pk}/persona", {"persona": ""})
        chat.refresh_from_db()
        assert (chat.system_prompt, chat.parameters) == ("", {})

    def test_to_one_without_its_model_takes_the_default_and_says_so(
        self, page: Client, chat: Conversation, owner: User, ollama: OllamaServer
    ) -> None:
        persona = made(owner, model="ollama/gone:7b")
        panel = page.post(f"/chats/{chat.pk}/persona", {"persona": str(persona.pk)}, headers=HTMX).content.decode()
        assert "Its model, gone:7b, is not installed" in panel
        chat.refresh_from_db()
        assert chat.model == ""

    def test_to_one_that_is_gone_changes_nothing(self, page: Client, chat: Conversation) -> None:
        configuring.configure(chat, system_prompt="Mine.", parameters={})
        panel = page.post(f"/chats/{chat.pk}/persona", {"persona": "nonsense"}, headers=HTMX)
        assert "Nothing was changed" in panel.content.decode()
        assert page.post(f"/chats/{chat.pk}/persona", {"persona": "nonsense"}).status_code == 302
        chat.refresh_from_db()
        assert chat.system_prompt == "Mine."

    def test_words_of_the_chats_own_are_asked_about_and_can_be_kept(self, page: Client, chat: Conversation) -> None:
        configuring.configure(chat, system_prompt="Mine.", parameters={"top_p": 0.5})
        panel = page.get(f"/chats/{chat.pk}/settings", headers=HTMX).content.decode()
        assert "hx-confirm" in panel
        assert f"/personas/new?chat={chat.pk}" in panel
        form = page.get(f"/personas/new?chat={chat.pk}").content.decode()
        assert "Mine." in form
        assert 'value="0.5"' in form

    def test_a_chat_goes_on_as_it_is_when_its_persona_changes_or_goes(
        self, page: Client, chat: Conversation, owner: User
    ) -> None:
        persona = made(owner)
        choosing.take(chat, choosing.find(owner, str(persona.pk)))
        keeping.change(persona, owner, system_prompt="Do not rhyme.")
        keeping.delete(persona, owner)
        chat.refresh_from_db()
        assert chat.system_prompt == "Rhyme."

    def test_a_flash_message_names_nothing(self, page: Client, chat: Conversation, owner: User) -> None:
        persona = made(owner, name="My secret persona")
        response = page.post(f"/chats/{chat.pk}/persona", {"persona": str(persona.pk)})
        assert "secret" not in str(response.cookies) + str(dict(page.session))


class TestKeeping:
    def test_make_change_delete_and_bring_back(self, page: Client, owner: User) -> None:
        page.post("/personas/new", GIVEN)
        found = Persona.objects.get()
        assert (found.owner, found.name, found.system_prompt) == (owner, "Poet", "Rhyme.\nAlways.")
        assert (found.parameters, found.is_shared) == ({"temperature": 0.5}, True)
        assert "Poet" in page.get("/personas").content.decode()
        page.post(f"/personas/{found.pk}", {**GIVEN, "name": "Bard", "temperature": ""})
        found.refresh_from_db()
        assert (found.name, found.parameters) == ("Bard", {})
        deleted = page.post(f"/personas/{found.pk}/delete", follow=True).content.decode()
        assert f'action="/personas/{found.pk}/restore"' in deleted
        assert "Bard" not in deleted
        page.post(f"/personas/{found.pk}/restore")
        assert "Bard" in page.get("/personas").content.decode()
        assert AuditEvent.objects.filter(resource_kind="persona", resource_id=str(found.pk)).count() == 4

    @pytest.mark.parametrize(
        "wrong",
        [{"name": ""}, {"system_prompt": " "}, {"temperature": "7"}, {"model": "ollama/nowhere"}, {"context": "12"}],
        ids=str,
    )
    def test_what_cannot_be_kept_is_said_and_stays_in_the_form(self, page: Client, wrong: dict[str, str]) -> None:
        refused = page.post("/personas/new", {**GIVEN, **wrong})
        assert refused.status_code == 422
        shown = refused.content.decode()
        assert "saved yet" in shown
        assert ("Rhyme." in shown) == ("system_prompt" not in wrong)
        assert not Persona.objects.exists()

    def test_one_is_made_from_another(self, page: Client, stranger: User) -> None:
        shared, private = made(stranger, is_shared=True), made(stranger, name="Hidden")
        assert "Rhyme." in page.get(f"/personas/new?from={shared.pk}").content.decode()
        assert "You are a translator." in page.get("/personas/new?from=translator").content.decode()
        assert "Rhyme." not in page.get(f"/personas/new?from={private.pk}").content.decode()

    def test_a_model_that_is_not_installed_any_more_stays_until_it_is_changed(
        self, page: Client, owner: User, ollama: OllamaServer
    ) -> None:
        persona = made(owner, model="ollama/gone:7b")
        assert "ollama/gone:7b (not installed)" in page.get(f"/personas/{persona.pk}").content.decode()
        page.post(f"/personas/{persona.pk}", {**GIVEN, "model": "ollama/gone:7b"})
        persona.refresh_from_db()
        assert persona.model == "ollama/gone:7b"

    def test_a_shared_one_is_everybodys_to_use_and_its_makers_to_change(
        self, owner: User, stranger: User, admin_user: User
    ) -> None:
        persona, page = made(owner, is_shared=True), browser(stranger)
        assert f"by {owner.display_name}" in page.get("/personas").content.decode()
        assert "Poet" in page.get(f"/?persona={persona.pk}").content.decode()
        assert page.post(f"/personas/{persona.pk}", GIVEN).status_code == 404
        assert page.post(f"/personas/{persona.pk}/delete").status_code == 404
        browser(admin_user).post(f"/personas/{persona.pk}", {**GIVEN, "name": "Corrected"})
        persona.refresh_from_db()
        assert (persona.name, persona.owner, persona.is_shared) == ("Corrected", owner, True)

    def test_lists_cost_the_same_for_many(self, page: Client, owner: User, django_assert_max_num_queries: Any) -> None:
        for number in range(20):
            made(owner, name=f"P{number}")
        with django_assert_max_num_queries(12):
            page.get("/personas")
