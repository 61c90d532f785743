"""The library of templates: gaps, making and sharing, and using one with and without a script."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts.audit.models import AuditEvent
from accounts.models import Role, User
from chats.models import Conversation, Message
from chats.prompting import keeping
from chats.prompting.forms import LONGEST_NAME, LONGEST_TEMPLATE
from chats.prompting.models import PromptTemplate
from chats.prompting.variables import Variable, filled, parts, variables

LETTER = "Write to {{customer_name}} about {{ topic }}.\n\n{{notes}}\n\nKind regards, {{customer_name}}"


class TestGaps:
    def test_are_found_once_in_their_order(self) -> None:
        assert variables(LETTER) == [Variable("customer_name"), Variable("topic"), Variable("notes", is_long=True)]

    def test_have_labels_for_people(self) -> None:
        labels = [variable.label for variable in variables("{{customer_name}} {{straße-1}} {{Δ x}}")]
        assert labels == ["Customer name", "Straße 1", "Δ x"]

    @pytest.mark.parametrize(
        "text",
        ["{name}", "{{}}", "{{ }}", "{{1st}}", "{{a\nb}}", "{{$x}}", "{% raw %}", "{{" + "a" * 50 + "}}", "{{a.b}}"],
    )
    def test_other_braces_are_text(self, text: str) -> None:
        assert variables(text) == []
        assert parts(text) == [text]

    def test_are_filled_once_and_not_again(self) -> None:
        assert filled("{{a}} and {{b}}", {"a": "{{b}}", "b": "2"}) == "{{b}} and 2"

    def test_pieces_make_the_same_text_as_filling(self) -> None:
        values = {"customer_name": "Ada", "topic": "{{notes}}", "notes": "one\ntwo"}
        names = [variable.name for variable in variables(LETTER)]
        joined = "".join(piece if isinstance(piece, str) else values[names[piece]] for piece in parts(LETTER))
        assert joined == filled(LETTER, values)


def made(owner: User, name: str = "Letter", text: str = LETTER, **values: Any) -> PromptTemplate:
    return keeping.make(PromptTemplate, owner, name=name, text=text, **values)


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def page(owner: User) -> Client:
    return browser(owner)


@pytest.mark.django_db
class TestKeeping:
    def test_make_change_delete_and_bring_back(self, page: Client, owner: User) -> None:
        assert "No templates yet" in page.get("/prompts").content.decode()
        page.post("/prompts/new", {"name": " A  letter ", "text": "Dear {{name}}\r\n<b>"})
        found = PromptTemplate.objects.get()
        assert (found.owner, found.name, found.text, found.is_shared) == (
            owner,
            "A letter",
            "Dear {{name}}\n<b>",
            False,
        )
        listed = page.get("/prompts").content.decode()
        assert "A letter" in listed
        assert "Asks for name" in listed
        page.post(f"/prompts/{found.pk}", {"name": "B", "text": "Dear {{name}}"})
        found.refresh_from_db()
        assert found.name == "B"
        deleted = page.post(f"/prompts/{found.pk}/delete", follow=True).content.decode()
        assert "No templates yet" in deleted
        assert f'action="/prompts/{found.pk}/restore"' in deleted
        assert page.get(f"/prompts/{found.pk}/use").status_code == 404
        page.post(f"/prompts/{found.pk}/restore")
        assert "Dear" in page.get("/prompts").content.decode()
        recorded = AuditEvent.objects.filter(resource_kind="template", resource_id=str(found.pk)).order_by("pk")
        assert [event.action for event in recorded] == [
            "prompt.made", "prompt.changed", "prompt.deleted", "prompt.restored",
        ]  # fmt: skip
        assert "letter" not in str([event.details for event in recorded])

    @pytest.mark.parametrize(
        "wrong",
        [{"name": " "}, {"text": ""}, {"name": "n" * (LONGEST_NAME + 1)}, {"text": "t" * (LONGEST_TEMPLATE + 1)}],
    )
    def test_what_cannot_be_kept_is_said_and_stays_in_the_form(self, page: Client, wrong: dict[str, str]) -> None:
        given = {"name": "Kept name", "text": "Kept text", **wrong}
        refused = page.post("/prompts/new", given)
        shown = refused.content.decode()
        assert refused.status_code == 422
        assert "saved yet" in shown
        assert all(value in shown for value in given.values())
        assert not PromptTemplate.objects.exists()

    def test_there_is_a_most(self, page: Client, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keeping, "MOST", 1)
        made(owner)
        refused = page.post("/prompts/new", {"name": "Another", "text": "Kept text"})
        assert refused.status_code == 422
        assert "Kept text" in refused.content.decode()
        assert "Delete one first" in refused.content.decode()

    def test_a_list_costs_the_same_for_many(
        self, page: Client, owner: User, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(20):
            made(owner, name=f"T{number}", is_shared=True)
        with django_assert_max_num_queries(12):
            page.get("/prompts")


@pytest.mark.django_db
class TestSharing:
    def test_everybody_who_may_chat_finds_it_and_only_its_maker_changes_it(self, owner: User, stranger: User) -> None:
        template = made(owner, is_shared=True)
        page = browser(stranger)
        listed = page.get("/prompts").content.decode()
        assert "Letter" in listed
        assert f"by {owner.display_name}" in listed
        assert f'href="/prompts/{template.pk}"' not in listed
        assert page.get(f"/prompts/{template.pk}/use").status_code == 200
        for address in (f"/prompts/{template.pk}", f"/prompts/{template.pk}/delete", f"/prompts/{template.pk}/restore"):
            assert page.post(address, {"name": "Mine now", "text": "x"}).status_code == 404
        template.refresh_from_db()
        assert (template.name, template.deleted_at) == ("Letter", None)

    def test_an_administrator_corrects_it_and_it_stays_its_makers(self, owner: User, admin_user: User) -> None:
        template, page = made(owner, is_shared=True), browser(admin_user)
        assert f"{owner.display_name} made this" in page.get(f"/prompts/{template.pk}").content.decode()
        page.post(f"/prompts/{template.pk}", {"name": "Better", "text": "Dear all"})
        template.refresh_from_db()
        assert (template.owner, template.name, template.text, template.is_shared) == (owner, "Better", "Dear all", True)
        page.post(f"/prompts/{template.pk}/delete")
        assert "Better" not in browser(owner).get("/prompts").content.decode()
        page.post(f"/prompts/{template.pk}/restore")
        assert "Better" in browser(owner).get("/prompts").content.decode()

    def test_a_private_one_is_not_an_administrators(self, owner: User, admin_user: User) -> None:
        template, page = made(owner), browser(admin_user)
        assert "Letter" not in page.get("/prompts").content.decode()
        assert page.get(f"/prompts/{template.pk}").status_code == 404

    def test_it_ends_when_its_maker_says_so(self, owner: User, stranger: User) -> None:
        template = made(owner, is_shared=True)
        browser(owner).post(f"/prompts/{template.pk}", {"name": "Letter", "text": "x"})
        assert browser(stranger).get(f"/prompts/{template.pk}/use").status_code == 404

    def test_who_may_not_share_keeps_it_private(self, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        from accounts import capabilities

        fewer = capabilities.CAPABILITIES[Role.USER] - {capabilities.Capability.SHARE_PROMPTS}
        monkeypatch.setitem(capabilities.CAPABILITIES, Role.USER, fewer)
        page = browser(owner)
        assert "is_shared" not in page.get("/prompts/new").content.decode()
        page.post("/prompts/new", {"name": "N", "text": "T", "is_shared": "on"})
        assert not made(owner, is_shared=True).is_shared
        assert not PromptTemplate.objects.filter(is_shared=True).exists()


@pytest.mark.django_db
class TestUsing:
    def test_without_a_script_gaps_are_asked_for_and_the_text_is_sent(self, page: Client, owner: User) -> None:
        template = made(owner, text="Dear {{name}},\n\n{{message}}\n")
        form = page.get(f"/prompts/{template.pk}/use").content.decode()
        assert '<input type="text" name="gap0"' in form
        assert '<textarea name="gap1"' in form
        missing = page.post(f"/prompts/{template.pk}/use", {"gap0": "Ada", "gap1": ""})
        assert missing.status_code == 422
        assert 'value="Ada"' in missing.content.decode()
        ready = page.post(f"/prompts/{template.pk}/use", {"gap0": "<Ada>", "gap1": "One.\r\nTwo."}).content.decode()
        assert "Dear &lt;Ada&gt;,\n\nOne.\nTwo." in ready
        page.post("/chats", {"content": "Dear <Ada>,\n\nOne.\nTwo."})
        assert Message.objects.get(role="user").content == "Dear <Ada>,\n\nOne.\nTwo."
        assert Conversation.objects.get().owner == owner

    def test_one_without_gaps_is_ready_at_once(self, page: Client, owner: User) -> None:
        template = made(owner, text="What is new?")
        assert "What is new?" in page.get(f"/prompts/{template.pk}/use").content.decode()

    def test_the_composer_gets_names_and_then_pieces(self, page: Client, owner: User, stranger: User) -> None:
        made(stranger, name="Private")
        made(stranger, name="a shared one", is_shared=True)
        template = made(owner, name="Letter")
        names = json.loads(page.get("/prompts/names").content)["templates"]
        assert [item["name"] for item in names] == ["a shared one", "Letter"]
        answer = json.loads(page.get(names[1]["url"]).content)
        assert answer["gaps"][0] == {"label": "Customer name", "long": False}
        assert answer["parts"] == parts(template.text)
