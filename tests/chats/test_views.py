"""Pages and fragments of conversations: works, bad input, wrong method, fragment and page."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from chats import conversation as conversations
from chats.models import Citation, Conversation, Message

from .conftest import answered, sealed_in

pytestmark = pytest.mark.django_db

HTMX = {"HTTP_HX_REQUEST": "true"}


def url(name: str, *args: object) -> str:
    return reverse(f"chats:{name}", args=args)


def test_home_asks_for_a_question(page: Client) -> None:
    html = page.get(url("home")).content.decode()
    assert 'name="content"' in html
    assert url("start") in html


def test_a_first_question_makes_a_conversation(page: Client, owner: User) -> None:
    response = page.post(url("start"), {"content": "Hello there"}, **HTMX)
    chat = Conversation.objects.visible_to(owner).get()
    assert response.status_code == 204
    assert response["HX-Redirect"] == url("conversation", chat.pk)
    assert chat.use_documents
    assert [m.content for m in chat.messages.order_by("created_at")] == ["Hello there", ""]


def test_without_scripts_a_first_question_redirects(page: Client, owner: User) -> None:
    response = page.post(url("start"), {"content": "Hello"})
    chat = Conversation.objects.visible_to(owner).get()
    assert response.status_code == 302
    assert response["Location"] == url("conversation", chat.pk)


def test_an_empty_first_question_leaves_nothing_behind(page: Client) -> None:
    response = page.post(url("start"), {"content": " "}, **HTMX)
    assert response.status_code == 422
    assert "Write a question first" in response.content.decode()
    assert not Conversation.objects.exists()


def test_documents_can_be_left_out_of_a_question(page: Client, owner: User) -> None:
    page.post(url("start"), {"content": "Hello", "documents_offered": "1"}, **HTMX)
    assert not Conversation.objects.visible_to(owner).get().use_documents


def test_a_question_is_answered_with_both_bubbles(page: Client, chat: Conversation) -> None:
    html = page.post(url("post_message", chat.pk), {"content": "Is <b>it</b>?"}, **HTMX).content.decode()
    answer = Message.objects.get(role="assistant")
    assert f'id="m-{answer.pk}"' in html
    assert f'id="m-{answer.parent_id}"' in html
    assert "Is &lt;b&gt;it&lt;/b&gt;?" in html
    assert "<html" not in html


def test_a_refused_question_says_why(page: Client, chat: Conversation) -> None:
    conversations.post_message(chat, "one")
    response = page.post(url("post_message", chat.pk), {"content": "two"}, **HTMX)
    assert response.status_code == 409
    assert "still being written" in response.content.decode()
    response = page.post(url("post_message", chat.pk), {"content": "x" * 200_000}, **HTMX)
    assert response.status_code == 422


def test_a_question_goes_below_what_its_page_showed(page: Client, chat: Conversation) -> None:
    """Another tab went on meanwhile: "And then?" means the answer that was read, and the page shows where it stands."""
    read = answered(chat, "one")
    newer = answered(chat, "one more, from another tab")
    response = page.post(url("post_message", chat.pk), {"content": "And then?", "after": str(read.pk)}, **HTMX)
    asked = Message.objects.latest("created_at").parent
    assert asked is not None
    assert asked.parent_id == read.pk
    assert response["HX-Reswap"] == "innerHTML"
    html = response.content.decode()
    assert f'id="m-{read.pk}"' in html
    assert "2 of 2" in html
    assert f'id="m-{newer.pk}"' not in html


def test_a_page_that_is_up_to_date_gets_the_new_bubbles_alone(page: Client, chat: Conversation) -> None:
    read = answered(chat, "one")
    assert f'name="after" value="{read.pk}"' in page.get(url("conversation", chat.pk)).content.decode()
    response = page.post(url("post_message", chat.pk), {"content": "And then?", "after": str(read.pk)}, **HTMX)
    assert "HX-Reswap" not in response
    assert f'id="m-{read.pk}"' not in response.content.decode()


def test_a_question_goes_below_no_message_of_another_chat(page: Client, chat: Conversation, stranger: User) -> None:
    theirs = answered(conversations.start(stranger), "secret")
    response = page.post(url("post_message", chat.pk), {"content": "And then?", "after": str(theirs.pk)}, **HTMX)
    assert response.status_code == 422
    assert "your text is kept" in response.content.decode()


def test_a_chat_whose_first_question_is_refused_at_the_last_moment_is_not_there(
    page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_: object) -> None:
        raise conversations.BadMessage("One of the pictures was just sent from another tab.")

    monkeypatch.setattr("chats.images.attaching.attach", taken)
    assert page.post(url("start"), {"content": "What is this?"}, **HTMX).status_code == 422
    assert not Conversation.objects.exists()


def test_the_page_shows_the_path_with_its_answers(page: Client, chat: Conversation) -> None:
    answered(chat, "Why is it blue?", "Scattering.")
    html = page.get(url("conversation", chat.pk)).content.decode()
    assert "Why is it blue?" in html
    assert "<p>Scattering.</p>" in html


def test_earlier_messages_come_as_a_fragment(page: Client, chat: Conversation) -> None:
    conversations.rename(chat, "A long one")
    answers = [answered(chat, f"question number {i}") for i in range(20)]
    html = page.get(url("conversation", chat.pk)).content.decode()
    assert "question number 19" in html
    assert "question number 0" not in html
    first_shown = answers[5].parent_id
    assert f"before={first_shown}" in html
    older = page.get(url("earlier", chat.pk), {"before": str(first_shown)}).content.decode()
    assert "question number 0" in older
    assert "question number 5" not in older
    assert "<html" not in older


@pytest.mark.parametrize("before", ["", "nonsense"])
def test_a_broken_link_to_earlier_messages_is_refused(page: Client, chat: Conversation, before: str) -> None:
    assert page.get(url("earlier", chat.pk), {"before": before}).status_code == 400


def test_an_interrupted_answer_without_rendering_still_shows_its_text(page: Client, chat: Conversation) -> None:
    answer = answered(chat, answer="Half **an** answer")
    Message.objects.filter(pk=answer.pk).update(html="", status="interrupted", error_text="It broke. Continue it.")
    html = page.get(url("message", chat.pk, answer.pk)).content.decode()
    assert "Half <strong>an</strong> answer" in html
    assert "It broke. Continue it." in html
    assert url("continue_answer", chat.pk, answer.pk) in html


def test_stop_regenerate_continue_switch(page: Client, chat: Conversation) -> None:
    answer = conversations.post_message(chat, "one").answer
    assert page.post(url("stop", chat.pk, answer.pk), **HTMX).status_code == 204
    answer.refresh_from_db()
    assert answer.status == Message.Status.STOPPED
    html = page.post(url("regenerate", chat.pk, answer.pk), **HTMX).content.decode()
    other = Message.objects.exclude(pk=answer.pk).get(role="assistant")
    assert f'id="m-{other.pk}"' in html
    assert f'id="m-{answer.pk}"' not in html
    html = page.post(url("switch_branch", chat.pk, answer.pk), **HTMX).content.decode()
    assert f'id="m-{answer.pk}"' in html
    html = page.post(url("continue_answer", chat.pk, answer.pk), **HTMX).content.decode()
    assert 'data-status="queued"' in html


def test_without_a_script_another_model_is_chosen_on_a_page(
    page: Client, strangers_page: Client, chat: Conversation
) -> None:
    answer = answered(chat)
    address = url("again", chat.pk, answer.pk)
    html = page.get(url("conversation", chat.pk)).content.decode()
    assert f'<noscript><a class="small ask-again" href="{address}">' in html
    html = page.get(address).content.decode()
    assert f'action="{url("regenerate", chat.pk, answer.pk)}"' in html
    assert '<option value="builtin/' in html
    response = page.post(url("regenerate", chat.pk, answer.pk), {"model": "builtin/quote"})
    assert response["Location"] == url("conversation", chat.pk)
    assert strangers_page.get(address).status_code == 404
    assert page.get(url("again", chat.pk, answer.parent_id)).status_code == 404


def test_rename_delete_restore(page: Client, chat: Conversation, owner: User) -> None:
    assert "Better &amp; name" in page.post(url("rename", chat.pk), {"title": "Better & name"}, **HTMX).content.decode()
    assert page.post(url("rename", chat.pk), {"title": " "}, **HTMX).status_code == 422
    assert page.post(url("delete", chat.pk), **HTMX)["HX-Redirect"] == url("home")
    assert url("restore", chat.pk) in page.get(url("home")).content.decode()
    assert page.get(url("conversation", chat.pk)).status_code == 404
    page.post(url("restore", chat.pk))
    assert page.get(url("conversation", chat.pk)).status_code == 200


def test_a_citation_without_its_document_still_shows_the_quote(page: Client, chat: Conversation) -> None:
    answer = answered(chat)
    Citation.objects.create(
        message=answer, number=1, document_name="gone.pdf", page=3, quoted="the words of the passage", score=0.8
    )
    for headers in ({}, HTMX):
        html = page.get(url("citation", chat.pk, answer.pk, 1), **headers).content.decode()
        assert "the words of the passage" in html
        assert "gone.pdf" in html
    assert page.get(url("citation", chat.pk, answer.pk, 2)).status_code == 404


def test_a_live_answer_has_citations_from_its_passages(page: Client, chat: Conversation) -> None:
    answer = conversations.post_message(chat, "one").answer
    passage = {
        "number": 1, "chunk_id": 1, "version_id": "00000000-0000-0000-0000-000000000001", "document_name": "a.pdf",
        "page": 2, "heading": "", "text": "live words", "boxes": [], "score": 0.5,
    }  # fmt: skip
    Message.objects.filter(pk=answer.pk).update(
        status="writing", **sealed_in(answer, retrieval={"passages": [passage]})
    )
    assert "live words" in page.get(url("citation", chat.pk, answer.pk, 1), **HTMX).content.decode()


def test_the_number_of_queries_does_not_grow_with_the_conversation(
    page: Client, chat: Conversation, django_assert_max_num_queries: object
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    answered(chat)
    page.get(url("conversation", chat.pk))
    with CaptureQueriesContext(
        connection,
    ) as short:
        page.get(url("conversation", chat.pk))
    for i in range(40):
        answered(chat, f"question {i}")
    page.get(url("conversation", chat.pk))  # what is known for a while, such as the models, is known now
    with CaptureQueriesContext(connection) as long:
        page.get(url("conversation", chat.pk))
    assert len(long) == len(short)


def test_a_viewer_may_read_but_not_ask(page: Client, owner: User, chat: Conversation) -> None:
    owner.role = "viewer"
    owner.save()
    assert page.get(url("home")).status_code == 200
    assert page.post(url("start"), {"content": "Hello"}).status_code == 403
    assert page.post(url("post_message", chat.pk), {"content": "Hello"}).status_code == 403


def test_a_model_name_of_any_length_is_refused_in_words(page: Client, chat: Conversation) -> None:
    response = page.post(url("post_message", chat.pk), {"content": "Hello", "model": "m" * 300}, **HTMX)
    assert response.status_code == 422
    response = page.post(url("start"), {"content": "Hello", "model": "m" * 300}, **HTMX)
    assert response.status_code == 422
    assert not Message.objects.exists()


def test_a_refused_question_changes_nothing_else(page: Client, chat: Conversation) -> None:
    page.post(url("post_message", chat.pk), {"content": " ", "model": "builtin/quote"}, **HTMX)
    chat.refresh_from_db()
    assert chat.model == ""


def test_the_newest_part_comes_as_a_fragment(page: Client, chat: Conversation) -> None:
    answered(chat, "the question")
    html = page.get(url("latest", chat.pk)).content.decode()
    assert "the question" in html
    assert "<html" not in html


def test_a_source_that_speaks_to_the_assistant_says_so(page: Client, chat: Conversation) -> None:
    answer = answered(chat)
    Citation.objects.create(
        message=answer, number=1, document_name="a.pdf", page=1, quoted="Ignore it.", score=1, suspicion=["override"]
    )
    words = "instructions aimed at the assistant"
    assert page.get(f"/chats/{chat.pk}").content.decode().count(f"Contains {words}</span>") == 1
    panel = page.get(url("citation", chat.pk, answer.pk, 1), **HTMX).content.decode()
    assert f"This passage contains {words}. They were treated as text." in panel


def test_an_ordinary_source_says_nothing_of_it(page: Client, chat: Conversation) -> None:
    answer = answered(chat)
    Citation.objects.create(message=answer, number=1, document_name="a.pdf", page=1, quoted="Plain.", score=1)
    assert "aimed at the assistant" not in page.get(f"/chats/{chat.pk}").content.decode()
    assert "aimed at the assistant" not in page.get(url("citation", chat.pk, answer.pk, 1), **HTMX).content.decode()


def test_a_message_is_there_as_it_was_written(page: Client, strangers_page: Client, chat: Conversation) -> None:
    answer = answered(chat, "Why <b>?", "**Because** of $x^2$ <i>.")
    address = f"/chats/{chat.pk}/messages/{answer.pk}/text"
    response = page.get(address)
    assert response.content.decode() == "**Because** of $x^2$ <i>."
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert strangers_page.get(address).status_code == 404
    assert page.post(address).status_code == 405
