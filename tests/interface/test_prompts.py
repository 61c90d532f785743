"""Templates at the question field, and the settings beside a chat, in a browser: by keyboard, on a phone and wide."""

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import User
from chats import conversation as conversations
from chats.models import Conversation
from chats.prompting import configuring, keeping
from chats.prompting.models import Persona, PromptTemplate
from tests.chats.conftest import answered
from tests.interface.accessibility import complaints
from tests.interface.conftest import PHONE, WIDE
from tests.ollama_server import OllamaServer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SIZES = pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "wide"])
COLOURS = pytest.mark.parametrize("colours", ["light", "dark"])


@pytest.fixture(autouse=True)
def _socket(tab: Page) -> None:
    tab.route_web_socket("**/ws/**", lambda _socket: None)


@pytest.fixture
def _templates(owner: User) -> None:
    for name, text in (
        ("Answer a complaint", "Answer this complaint of {{customer_name}} kindly:\n\n{{complaint}}\n\nKeep it short."),
        ("Größe of things", "How large is it?"),
        ("Translate", "Translate into {{language}}:\n\n{{text}}"),
    ):
        keeping.make(PromptTemplate, owner, name=name, text=text)


def field(tab: Page):
    return tab.get_by_role("textbox", name="Your question")


def options(tab: Page):
    return tab.get_by_role("listbox", name="Prompt templates").get_by_role("option")


def chosen(tab: Page) -> str:
    """What a screen reader takes for the chosen one."""
    return tab.locator(f"#{field(tab).get_attribute('aria-activedescendant')}").inner_text()


@pytest.mark.usefixtures("_templates")
class TestTheSlash:
    @SIZES
    @COLOURS
    def test_finds_templates_and_asks_for_their_gaps_by_keyboard_alone(
        self, tab: Page, size: dict[str, int], colours: str
    ) -> None:
        tab.set_viewport_size({"width": size["width"], "height": size["height"]})
        tab.emulate_media(color_scheme="dark" if colours == "dark" else "light")
        tab.goto("/")
        field(tab).press("/")
        expect(options(tab)).to_have_count(3)
        assert "Answer a complaint" in chosen(tab)
        expect(tab.get_by_role("status").filter(has_text="3 templates")).to_have_count(1)
        assert complaints(tab) == []
        tab.keyboard.press("ArrowUp")
        assert "Translate" in chosen(tab)
        tab.keyboard.press("ArrowDown")
        assert "Answer a complaint" in chosen(tab)
        tab.keyboard.type("compl")
        expect(options(tab)).to_have_count(1)
        tab.keyboard.press("Enter")
        dialog = tab.get_by_role("dialog", name="Answer a complaint")
        expect(dialog.get_by_role("textbox", name="Customer name")).to_be_focused()
        assert complaints(tab) == []
        tab.keyboard.press("Enter")  # nothing is written yet, so it stays
        expect(dialog).to_be_visible()
        tab.keyboard.type("Ada {{complaint}}")
        tab.keyboard.press("Tab")
        tab.keyboard.type("One.")
        tab.keyboard.press("Enter")
        tab.keyboard.type("Two.")
        tab.keyboard.press("Control+Enter")
        expect(dialog).to_have_count(0)
        expect(field(tab)).to_be_focused()
        expect(field(tab)).to_have_value(
            "Answer this complaint of Ada {{complaint}} kindly:\n\nOne.\nTwo.\n\nKeep it short."
        )
        assert not Conversation.objects.exists()
        tab.reload()
        expect(field(tab)).to_have_value(
            "Answer this complaint of Ada {{complaint}} kindly:\n\nOne.\nTwo.\n\nKeep it short."
        )

    def test_one_without_gaps_stands_in_the_field_at_once(self, tab: Page) -> None:
        tab.goto("/")
        field(tab).press("/")
        tab.keyboard.type("GROSSE")
        expect(options(tab)).to_have_count(1)
        tab.keyboard.press("Enter")
        expect(field(tab)).to_have_value("How large is it?")

    def test_escape_closes_the_list_and_keeps_what_was_typed(self, tab: Page) -> None:
        tab.goto("/")
        field(tab).press("/")
        expect(options(tab)).to_have_count(3)
        tab.keyboard.press("Escape")
        expect(options(tab)).to_have_count(0)
        expect(field(tab)).to_have_value("/")
        expect(field(tab)).not_to_have_attribute("aria-activedescendant", "template-0")

    def test_a_dialog_that_is_left_changes_nothing(self, tab: Page) -> None:
        tab.goto("/")
        field(tab).press("/")
        tab.keyboard.type("trans")
        expect(options(tab)).to_have_count(1)
        tab.keyboard.press("Enter")
        expect(tab.get_by_role("dialog", name="Translate")).to_be_visible()
        tab.keyboard.press("Escape")
        expect(tab.get_by_role("dialog", name="Translate")).to_have_count(0)
        expect(field(tab)).to_be_focused()
        expect(field(tab)).to_have_value("/trans")

    def test_a_question_that_begins_with_a_slash_is_sent_as_it_is(self, tab: Page) -> None:
        tab.goto("/")
        field(tab).press("/")
        expect(options(tab)).to_have_count(3)
        tab.keyboard.type("etc/hosts is what?")
        expect(options(tab)).to_have_count(0)
        tab.keyboard.press("Enter")
        tab.wait_for_url("**/chats/*")
        expect(tab.get_by_role("article", name="You")).to_contain_text("/etc/hosts is what?")

    def test_by_pointer(self, tab: Page) -> None:
        tab.goto("/")
        tab.get_by_role("link", name="Prompt templates").click()
        options(tab).filter(has_text="Größe").click()
        expect(field(tab)).to_have_value("How large is it?")

    def test_without_a_connection_the_text_stays(self, tab: Page) -> None:
        tab.route("**/prompts/names", lambda route: route.abort())
        tab.goto("/")
        field(tab).press("/")
        expect(tab.get_by_role("alert")).to_contain_text("The templates could not be fetched. Your text is kept")
        expect(field(tab)).to_have_value("/")


@SIZES
def test_one_that_is_shared_with_everybody_is_found_by_others_with_the_slash(
    tab: Page, admin_user: User, size: dict[str, int]
) -> None:
    for name, shared in (("Minutes of a meeting", True), ("Minutes of my own", False)):
        keeping.make(PromptTemplate, admin_user, name=name, text="Write the minutes.", is_shared=shared)
    tab.set_viewport_size({"width": size["width"], "height": size["height"]})
    tab.goto("/")
    field(tab).press("/")
    tab.keyboard.type("minutes")
    expect(options(tab)).to_have_count(1)
    assert "Minutes of a meeting" in chosen(tab)
    tab.keyboard.press("Enter")
    expect(field(tab)).to_have_value("Write the minutes.")


def test_without_templates_the_button_leads_to_the_page_that_makes_one(tab: Page) -> None:
    tab.goto("/")
    tab.get_by_role("link", name="Prompt templates").click()
    tab.wait_for_url("**/prompts")
    expect(tab.get_by_role("link", name="Make your first template")).to_be_visible()


@SIZES
def test_the_settings_of_a_chat_are_changed_beside_it(
    tab: Page, owner: User, ollama: OllamaServer, size: dict[str, int]
) -> None:
    tab.set_viewport_size({"width": size["width"], "height": size["height"]})
    chat = conversations.start(owner, model="ollama/llama3.2:3b")
    configuring.set_own_instructions(owner, "Call me Ada.")
    answered(chat)
    tab.goto(f"/chats/{chat.pk}")
    tab.get_by_role("link", name="Settings of this chat").click()
    panel = tab.get_by_role("complementary", name="Details")
    expect(panel.get_by_role("heading", name="Settings of this chat")).to_be_focused()
    panel.get_by_label("Instructions").fill("Rhyme.")
    panel.get_by_label("Temperature").fill("9")
    panel.get_by_role("button", name="Save").click()
    expect(panel.get_by_role("alert")).to_contain_text("Nothing was saved yet")
    expect(panel.get_by_label("Temperature")).to_have_value("9")
    assert complaints(tab) == []
    panel.get_by_label("Temperature").fill("0.9")
    panel.get_by_role("button", name="Save").click()
    expect(panel.get_by_role("status")).to_contain_text("Saved")
    chat.refresh_from_db()
    assert (chat.system_prompt, chat.parameters) == ("Rhyme.", {"temperature": 0.9})
    tab.keyboard.press("Escape")
    expect(panel).to_have_count(0)


def test_they_are_a_page_without_a_script(client: Client, owner: User) -> None:
    client.force_login(owner)
    chat = conversations.start(owner)
    assert f'href="/chats/{chat.pk}/settings"' in client.get(f"/chats/{chat.pk}").content.decode()
    assert client.post(f"/chats/{chat.pk}/settings", {"system_prompt": "Rhyme."}, follow=True).status_code == 200


@SIZES
@COLOURS
def test_a_chat_begins_with_a_persona_and_goes_on_with_another(
    tab: Page, owner: User, ollama: OllamaServer, size: dict[str, int], colours: str
) -> None:
    tab.set_viewport_size({"width": size["width"], "height": size["height"]})
    tab.emulate_media(color_scheme="dark" if colours == "dark" else "light")
    keeping.make(Persona, owner, name="Poet", system_prompt="Rhyme.", model="ollama/qwen3:4b")
    tab.goto("/")
    field(tab).fill("A draft that stays")
    tab.get_by_role("navigation", name="Personas").get_by_role("link", name="Poet").click()
    expect(tab.locator("#model")).to_have_value("ollama/qwen3:4b")
    expect(field(tab)).to_have_value("A draft that stays")
    expect(tab.locator(".persona-line")).to_contain_text("Poet")
    assert complaints(tab) == []
    field(tab).press("Enter")
    tab.wait_for_url("**/chats/*")
    chat = Conversation.objects.get()
    assert (chat.system_prompt, chat.model) == ("Rhyme.", "ollama/qwen3:4b")
    tab.get_by_role("link", name="Settings of this chat").click()
    panel = tab.get_by_role("complementary", name="Details")
    expect(panel.get_by_label("Persona")).to_have_value(str(Persona.objects.get().pk))
    panel.get_by_label("Persona").select_option(label="Editor")
    panel.get_by_role("button", name="Use", exact=True).click()
    expect(panel.get_by_role("status")).to_contain_text("Editor answers from now on")
    assert complaints(tab) == []
    tab.locator("#model").select_option("ollama/tiny:1b")
    panel.get_by_label("Persona").select_option(label="Poet")
    panel.get_by_role("button", name="Use", exact=True).click()
    expect(panel.get_by_role("status")).to_contain_text("Poet answers from now on")
    expect(tab.locator("#model")).to_have_value("ollama/qwen3:4b")  # so that the next question does not undo it
    panel.get_by_label("Instructions").fill("My own words.")
    panel.get_by_role("button", name="Save").click()
    expect(panel.get_by_role("status")).to_contain_text("Saved")
    panel.get_by_label("Persona").select_option(label="Tutor")
    panel.get_by_role("button", name="Use", exact=True).click()
    question = tab.get_by_role("dialog").filter(has_text="replace those that stand in this chat now")
    question.get_by_role("button", name="Cancel").click()
    chat.refresh_from_db()
    assert chat.system_prompt == "My own words."


@SIZES
def test_what_a_persona_is_for_is_read_to_its_end(tab: Page, owner: User, size: dict[str, int]) -> None:
    tab.set_viewport_size({"width": size["width"], "height": size["height"]})
    keeping.make(Persona, owner, name="Editor", system_prompt="Makes a long text short, " * 6)
    tab.goto(reverse("prompting:personas"))
    cut = """all => all.filter((one) => one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight + 2)
        .map((one) => one.textContent)"""
    assert tab.locator(".kept-line").evaluate_all(cut) == []
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
