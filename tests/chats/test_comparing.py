"""One question to several models: answers side by side, each on its own, one of which is chosen to go on with."""

import re
from itertools import pairwise

import pytest
from django.test import Client
from django.urls import reverse

from accounts import audit
from accounts.audit.models import AuditEvent
from accounts.models import User
from chats import answering, presentation, stopping, tree
from chats import conversation as conversations
from chats.comparing import deciding
from chats.editing import asking_anew
from chats.exchange import storing, writing
from chats.exchange.formats import own
from chats.models import Conversation, Message
from chats.sharing import access, giving, presenting
from chats.tasks import requeue_overdue
from tests.ollama_server import OllamaServer, expected_text

from .conftest import answered, sealed_in

pytestmark = pytest.mark.django_db

HTMX = {"HTTP_HX_REQUEST": "true"}
MODELS = ["ollama/llama3.2:3b", "ollama/tiny:1b", "ollama/qwen3:4b"]


def compare(chat: Conversation, text: str = "Why?", models: list[str] = MODELS) -> list[Message]:
    return conversations.post_message(chat, text, models=models).compared


def finish(*answers: Message) -> None:
    for answer in answers:
        text = f"Says {answer.model}."
        Message.objects.filter(pk=answer.pk).update(
            status="done", answered_by=answer.model, **sealed_in(answer, content=text, html=f"<p>{text}</p>")
        )
        answer.refresh_from_db()


def url(name: str, answer: Message) -> str:
    return reverse(f"comparing:{name}", args=[answer.conversation_id, answer.pk])


def page_of(page: Client, chat: Conversation) -> str:
    return page.get(reverse("chats:conversation", args=[chat.pk])).content.decode()


def columns(html: str) -> list[str]:
    return re.findall(r'id="column-([0-9a-f-]{36})"', html)


class TestAsking:
    def test_each_model_has_an_answer_of_its_own_and_the_path_ends_with_the_question(self, chat: Conversation) -> None:
        exchange = conversations.post_message(chat, "Why?", models=MODELS)
        assert [answer.model for answer in exchange.compared] == MODELS
        assert len({answer.comparison for answer in exchange.compared}) == 1
        assert all(answer.status == Message.Status.QUEUED for answer in exchange.compared)
        chat.refresh_from_db()
        assert chat.active_leaf_id == exchange.question.pk

    def test_a_question_to_one_model_is_no_comparison(self, chat: Conversation) -> None:
        exchange = conversations.post_message(chat, "Why?")
        assert exchange.compared == []
        assert exchange.answer.comparison is None

    @pytest.mark.parametrize("chosen", [["a"], ["a", "a"], ["a", "b", "c", "d", "e"]])
    def test_fewer_than_two_and_more_than_four_are_refused(
        self, page: Client, chat: Conversation, chosen: list[str]
    ) -> None:
        for at in (reverse("chats:post_message", args=[chat.pk]), reverse("chats:start")):
            response = page.post(at, {"content": "Why?", "compare": chosen}, **HTMX)
            assert response.status_code == 422
            assert "Choose 2 to 4 models" in response.content.decode()
        assert not Message.objects.exists()
        assert Conversation.objects.count() == 1

    def test_a_first_question_can_be_one(self, page: Client, owner: User) -> None:
        page.post(reverse("chats:start"), {"content": "Why?", "compare": MODELS}, **HTMX)
        assert Message.objects.filter(role="assistant", comparison__isnull=False).count() == 3

    def test_the_reply_has_a_column_for_each(self, page: Client, chat: Conversation) -> None:
        at = reverse("chats:post_message", args=[chat.pk])
        html = page.post(at, {"content": "Why?", "compare": MODELS}, **HTMX).content.decode()
        answers = tree.compared_below(Message.objects.get(role="user"))
        assert columns(html) == [str(answer.pk) for answer in answers]
        assert html.count("data-live") == 3

    def test_without_scripts_the_page_shows_the_columns(self, page: Client, chat: Conversation) -> None:
        at = reverse("chats:post_message", args=[chat.pk])
        assert page.post(at, {"content": "Why?", "compare": MODELS}).status_code == 302
        html = page_of(page, chat)
        assert len(columns(html)) == 3
        assert html.count("Go on with this</button>") == 3
        assert f'formaction="{reverse("comparing:stop_all", args=[chat.pk])}"' in html

    def test_it_is_recorded_with_its_models(self, chat: Conversation) -> None:
        compare(chat)
        assert AuditEvent.objects.get(action=audit.Action.CHAT_ASKED).details["compared"] == MODELS

    def test_the_next_question_waits_for_the_choice(self, page: Client, chat: Conversation) -> None:
        finish(*compare(chat))
        response = page.post(reverse("chats:post_message", args=[chat.pk]), {"content": "And?"}, **HTMX)
        assert response.status_code == 409
        assert "Choose the answer to go on with" in response.content.decode()

    def test_a_page_without_a_comparison_asks_nothing_more(
        self, page: Client, chat: Conversation, django_assert_num_queries: object
    ) -> None:
        answered(chat)
        part = tree.part_of_path(chat.pk, Conversation.objects.get().active_leaf_id, limit=10)
        with django_assert_num_queries(0):  # type: ignore[operator]
            assert tree.compared_at_end(part) == []


class TestChoosing:
    def test_the_conversation_goes_on_with_the_chosen_one_and_its_model(self, page: Client, chat: Conversation) -> None:
        answers = compare(chat)
        finish(*answers)
        html = page.post(url("choose", answers[1]), **HTMX).content.decode()
        assert columns(html) == []
        assert f"Says {MODELS[1]}." in html
        assert "2 of 3" in html
        chat.refresh_from_db()
        assert chat.model == MODELS[1]
        following = conversations.post_message(chat, "And then?")
        assert following.question.parent_id == answers[1].pk
        assert following.answer.model == MODELS[1]
        assert following.answer.comparison is None

    def test_what_the_others_still_write_is_stopped(self, page: Client, chat: Conversation) -> None:
        first, waiting, working = compare(chat)
        finish(first)
        Message.objects.filter(pk=working.pk).update(status="writing", claimed_by="w")
        page.post(url("choose", first), **HTMX)
        waiting.refresh_from_db()
        working.refresh_from_db()
        assert waiting.status == Message.Status.STOPPED
        assert working.stop_requested

    def test_they_can_be_looked_at_again_and_another_chosen(self, page: Client, chat: Conversation) -> None:
        answers = compare(chat)
        finish(*answers)
        page.post(url("choose", answers[0]), **HTMX)
        later = answered(chat, "And then?", "So on.")
        assert url("look_again", answers[0]) in page_of(page, chat)
        html = page.post(url("look_again", answers[0]), **HTMX).content.decode()
        assert len(columns(html)) == 3
        html = page.post(url("choose", answers[2]), **HTMX).content.decode()
        assert "So on." not in html
        # What followed the first choice is still there.
        html = page.post(url("choose", answers[0]), **HTMX).content.decode()
        assert "So on." in html
        chat.refresh_from_db()
        assert chat.active_leaf_id == later.pk

    def test_without_scripts_too(self, page: Client, chat: Conversation) -> None:
        answers = compare(chat)
        finish(*answers)
        at = reverse("chats:conversation", args=[chat.pk])
        assert page.post(url("choose", answers[1]))["Location"] == at
        assert page.post(url("look_again", answers[1]))["Location"] == at
        assert len(columns(page_of(page, chat))) == 3

    def test_one_that_failed_is_not_chosen(self, page: Client, chat: Conversation) -> None:
        answers = compare(chat)
        Message.objects.filter(pk=answers[0].pk).update(status="failed")
        response = page.post(url("choose", answers[0]), **HTMX)
        assert response.status_code == 409
        assert "choose another" in response.content.decode()
        assert len(columns(page_of(page, chat))) == 3

    def test_an_answer_that_stands_alone_is_not_chosen(self, page: Client, chat: Conversation) -> None:
        answer = answered(chat)
        for name in ("choose", "look_again"):
            assert page.post(url(name, answer), **HTMX).status_code == 409

    def test_a_stranger_does_not_find_it_and_a_viewer_may_not(
        self, page: Client, strangers_page: Client, owner: User, chat: Conversation
    ) -> None:
        answers = compare(chat)
        stop_all = reverse("comparing:stop_all", args=[chat.pk])
        for at in (url("choose", answers[0]), url("look_again", answers[0]), stop_all):
            assert strangers_page.post(at).status_code == 404
            assert page.get(at).status_code == 405
        owner.role = "viewer"
        owner.save()
        for at in (url("choose", answers[0]), url("look_again", answers[0]), stop_all):
            assert page.post(at).status_code == 403
        answers[0].refresh_from_db()
        assert answers[0].is_live

    def test_it_is_recorded(self, page: Client, chat: Conversation, owner: User) -> None:
        answers = compare(chat)
        page.post(url("choose", answers[2]), **HTMX)
        event = AuditEvent.objects.get(action=audit.Action.CHAT_CHOSEN)
        assert event.user_id == owner.pk
        assert event.details == {"answer": str(answers[2].pk), "model": MODELS[2]}


class TestStopping:
    def test_one_alone(self, page: Client, chat: Conversation) -> None:
        answers = compare(chat)
        page.post(reverse("chats:stop", args=[chat.pk, answers[1].pk]), **HTMX)
        assert [Message.objects.get(pk=answer.pk).status for answer in answers] == ["queued", "stopped", "queued"]

    def test_all_together(self, page: Client, chat: Conversation) -> None:
        answers = compare(chat)
        Message.objects.filter(pk=answers[0].pk).update(status="writing", claimed_by="w")
        assert page.post(reverse("comparing:stop_all", args=[chat.pk]), **HTMX).status_code == 204
        found = [Message.objects.get(pk=answer.pk) for answer in answers]
        assert [answer.status for answer in found] == ["writing", "stopped", "stopped"]
        assert found[0].stop_requested

    def test_one_that_failed_is_tried_again_in_its_column(self, page: Client, chat: Conversation) -> None:
        answers = compare(chat)
        finish(*answers[1:])
        Message.objects.filter(pk=answers[0].pk).update(status="failed", error_text="It was away.")
        assert "Try again</button>" in page_of(page, chat)
        page.post(reverse("chats:continue_answer", args=[chat.pk, answers[0].pk]), **HTMX)
        assert len(columns(page_of(page, chat))) == 3
        assert Message.objects.get(pk=answers[0].pk).status == Message.Status.QUEUED


class TestBranches:
    def test_moving_away_and_back_leaves_it_undecided(self, page: Client, chat: Conversation) -> None:
        answers = compare(chat)
        finish(*answers)
        question = answers[0].parent
        assert question is not None
        other = conversations.ask_below(chat, question.parent, "Why not?").question
        assert columns(page_of(page, chat)) == []
        conversations.switch_branch(question)
        assert len(columns(page_of(page, chat))) == 3
        conversations.switch_branch(other)
        assert columns(page_of(page, chat)) == []

    def test_moving_back_leads_through_the_one_that_was_gone_on_with(self, chat: Conversation) -> None:
        before = answered(chat, "zero")
        answers = compare(chat)
        finish(*answers)
        deciding.choose(answers[0])
        chat.refresh_from_db()
        leaf = answered(chat, "more")
        assert tree.leaf_below(before) == (leaf.pk, 4)

    def test_an_edited_question_is_asked_of_the_same_models(self, page: Client, chat: Conversation) -> None:
        answers = compare(chat, models=MODELS[:2])
        question = answers[0].parent
        assert question is not None
        address = reverse("editing:edit", args=[chat.pk, question.pk])
        assert "Asked of llama3.2:3b and tiny:1b, side by side" in page.get(address, **HTMX).content.decode()
        html = page.post(address, {"content": "Why not?"}, **HTMX).content.decode()
        edited = Message.objects.filter(role="user").latest("created_at")
        new = tree.compared_below(edited)
        assert [answer.model for answer in new] == MODELS[:2]
        assert all(f"column-{answer.pk}" in html for answer in new)
        # Nobody waits for the old ones.
        assert {Message.objects.get(pk=answer.pk).status for answer in answers} == {"stopped"}
        # Also when one was chosen.
        finish(*new)
        deciding.choose(new[0])
        again = asking_anew.edit(edited, "Why then?")
        assert [answer.model for answer in again.compared] == MODELS[:2]

    def test_an_edited_question_that_was_asked_of_one_model_is_asked_of_one(
        self, page: Client, chat: Conversation
    ) -> None:
        question = answered(chat).parent
        assert question is not None
        assert asking_anew.edit(question, "Why not?").compared == []
        address = reverse("editing:edit", args=[chat.pk, question.pk])
        assert "Asked of" not in page.get(address, **HTMX).content.decode()

    def test_the_arrows_lead_to_each_of_them(self, page: Client, chat: Conversation) -> None:
        answers = compare(chat)
        finish(*answers)
        deciding.choose(answers[0])
        for one, other in pairwise(answers):
            assert one.pk != other.pk
            html = page.post(reverse("chats:switch_branch", args=[chat.pk, other.pk]), **HTMX).content.decode()
            assert f"Says {other.model}." in html
            assert columns(html) == []


class TestElsewhere:
    def test_viewers_see_the_columns_and_nothing_to_press(self, chat: Conversation, client: Client) -> None:
        viewer = User.objects.create_user("viewer@example.org", role="viewer")
        giving.with_person(chat, viewer.email)
        answers = compare(chat)
        finish(*answers)
        client.force_login(viewer)
        html = client.get(reverse("sharing:page", args=[chat.pk])).content.decode()
        assert columns(html) == [str(answer.pk) for answer in answers]
        assert f"Says {MODELS[2]}." in html
        assert "Go on with this" not in html
        assert "Stop llama" not in html
        assert str(chat.pk) not in re.sub(r"/shared/[0-9a-f-]{36}|data-conversation=\S+", "", html)

    def test_the_export_keeps_it_and_the_import_shows_it_again(
        self, chat: Conversation, page: Client, stranger: User, strangers_page: Client
    ) -> None:
        finish(*compare(chat))
        chat.refresh_from_db()
        messages = writing.messages_of(chat)
        text = writing.markdown(chat, messages)
        assert all(f"Says {model}." in text for model in MODELS)
        entry = {**writing.whole(chat, messages)}
        entry["id"], entry["shown_up_to"] = str(entry["id"]), str(entry["shown_up_to"])
        for message in entry["messages"]:
            message |= {key: message[key] and str(message[key]) for key in ("id", "parent", "comparison")}
        assert storing.store(own.read(entry), stranger)
        copy = Conversation.objects.get(owner=stranger)
        assert len(columns(page_of(strangers_page, copy))) == 3

    def test_a_pushed_end_fits_into_its_column(self, chat: Conversation) -> None:
        answers = compare(chat)
        finish(*answers)
        bubble = presentation.bubble(answers[0])
        assert f'id="m-{answers[0].pk}"' in bubble
        assert 'hx-swap-oob="outerHTML"' in bubble


@pytest.mark.django_db(transaction=True)
class TestWriting:
    @pytest.fixture
    def chat(self, owner: User, ollama: OllamaServer) -> Conversation:
        return conversations.start(owner, use_documents=False)

    def test_every_column_is_written_by_its_model_and_one_names_the_chat(
        self, chat: Conversation, ollama: OllamaServer
    ) -> None:
        answers = compare(chat)
        for answer in answers:
            answering.answer(answer.pk)
        for answer in answers:
            answer.refresh_from_db()
            assert answer.status == Message.Status.DONE
            assert answer.answered_by == answer.model
            assert answer.content == expected_text("Why?", 120)
        ollama.wait_for(lambda: len(ollama.chats) >= 4)
        titles = [request for request in ollama.chats if request.messages[0]["content"].startswith("Give a title")]
        assert len(titles) == 1

    def test_each_has_a_lease_of_its_own(self, chat: Conversation, ollama: OllamaServer) -> None:
        done, dead, waiting = compare(chat)
        answering.answer(done.pk)
        so_far = expected_text("Why?", 8)
        Message.objects.filter(pk=dead.pk).update(
            status="writing", claimed_by="elsewhere:1:abc", lease_until=dead.queued_at, attempts=1,
            **sealed_in(dead, content=so_far),
        )  # fmt: skip
        requeue_overdue()
        answering.answer(dead.pk)
        stopping.stop(waiting)
        found = [Message.objects.get(pk=answer.pk) for answer in (done, dead, waiting)]
        assert [answer.status for answer in found] == ["done", "done", "stopped"]
        assert found[1].content == found[0].content == expected_text("Why?", 120)

    def test_the_answers_do_not_read_each_other(self, chat: Conversation, ollama: OllamaServer) -> None:
        answers = compare(chat)
        answering.answer(answers[0].pk)
        answering.answer(answers[1].pk)
        deciding.choose(answers[1])
        chat.refresh_from_db()
        following = conversations.post_message(chat, "And?").answer
        answering.answer(following.pk)
        asked = {r.messages[-1]["content"]: r for r in ollama.chats if r.messages[0]["content"][:5] != "Give "}
        assert [m["role"] for m in asked["Why?"].messages] == ["system", "user"]
        assert [m["role"] for m in asked["And?"].messages] == ["system", "user", "assistant", "user"]
        assert asked["And?"].model == "tiny:1b"


class TestViewers:
    def test_a_comparison_that_begins_reaches_them_with_all_its_columns(self, chat: Conversation) -> None:
        viewer = User.objects.create_user("viewer@example.org", role="viewer")
        giving.with_person(chat, viewer.email)
        admission = access.for_person(viewer, chat.pk)
        assert admission is not None
        answers = compare(chat)
        html = presenting.exchange(admission, answers[0].pk)
        assert html is not None
        assert columns(html) == [str(answer.pk) for answer in answers]
        assert html.count("data-live") == 3
        assert "<form" not in html
