"""A shared conversation for its viewers: the same bubbles, without anything that only the owner may do.

Addresses are a viewer's own. Those inside a rendered answer were written for the owner, once for all readers, so they
are replaced where they are shown; a viewer's page does not even name the conversation's own address.
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.template.loader import render_to_string

from accounts.tenancy import acting_as
from chats import presentation, reading, tree
from chats.images.models import Picture
from chats.models import Citation, Conversation, Message
from chats.sharing.access import Admission

PAGE_LENGTH = 30


def for_viewer(text: str, admission: Admission) -> str:
    """HTML, or a frame with HTML in it, with a viewer's addresses in the place of the owner's."""
    nobody = uuid.UUID(int=0)
    owners = presentation.message_url(admission.conversation_id, nobody).removesuffix(str(nobody))
    return text.replace(owners, f"{admission.address}/messages/")


def standing(admission: Admission) -> reading.Standing | None:
    with acting_as(admission.reads_as):
        return reading.stand(Conversation.objects.filter(deleted_at=None), admission.conversation_id)


def conversation(admission: Admission) -> Conversation | None:
    """With its title and where it stands; nothing else of it is for viewers."""
    with acting_as(admission.reads_as):
        rows = Conversation.objects.filter(pk=admission.conversation_id, deleted_at=None)
        return rows.only("owner_id", "title", "active_leaf").first()


def part(admission: Admission, last: uuid.UUID | None, *, below: bool = False) -> dict[str, Any]:
    """The context of sharing/_messages.html. Every row is read here; rendering asks the database nothing."""
    with acting_as(admission.reads_as):
        found = tree.part_of_path(admission.conversation_id, last, limit=PAGE_LENGTH, below=below)
        compared = [] if below else tree.compared_at_end(found)
        shown = found.messages
        _prepared([*shown, *compared], admission)
    return {
        "admission": admission,
        "messages_page": shown,
        "compared": compared,
        "oob": False,
        "has_earlier": found.has_earlier,
        "earlier_before": shown[0].pk if found.has_earlier and shown else None,
    }


def message(admission: Admission, message_id: uuid.UUID) -> Message | None:
    """Ready to be rendered."""
    with acting_as(admission.reads_as):
        rows = Message.objects.filter(conversation_id=admission.conversation_id, pk=message_id)
        found = list(rows)
        _prepared(found, admission)
    return found[0] if found else None


def text(admission: Admission, message_id: uuid.UUID) -> str | None:
    """As it was written: what the button that copies an answer asks for."""
    with acting_as(admission.reads_as):
        found = Message.objects.filter(conversation_id=admission.conversation_id, pk=message_id).first()
        return found.content if found else None


def settled_bubble(admission: Admission, message_id: uuid.UUID) -> str | None:
    """As chats.reading has it for owners: empty while the answer is live, None if it is not there."""
    found = message(admission, message_id)
    if found is None:
        return None
    context = {"message": found, "oob": True, "read_only": True}
    return "" if found.is_live else render_to_string("chats/_message.html", context)


def exchange(admission: Admission, answer_id: uuid.UUID) -> str | None:
    """The bubbles that a question brought, as an `exchange` frame has them."""
    with acting_as(admission.reads_as):
        rows = Message.objects.filter(conversation_id=admission.conversation_id)
        answer = rows.filter(pk=answer_id).first()
        question = rows.filter(pk=answer.parent_id).first() if answer and answer.parent_id else None
        if answer is None or question is None:
            return None
        answers = tree.compared_below(question) if answer.comparison else [answer]
        _prepared([question, *answers], admission)
    context = presentation.exchange_context(question, answers) | {"read_only": True}
    return presentation.append_messages(render_to_string("chats/_exchange.html", context))


def title(admission: Admission) -> str | None:
    found = conversation(admission)
    return render_to_string("sharing/_title.html", {"conversation": found}) if found else None


def source(admission: Admission, message_id: uuid.UUID, number: int) -> Citation | None:
    """What a mark stands on: the quoted text, never the document, which is not shared."""
    with acting_as(admission.reads_as):
        found = Message.objects.filter(conversation_id=admission.conversation_id, pk=message_id).first()
        return reading.source(found, number) if found else None


def picture(admission: Admission, message_id: uuid.UUID, number: int) -> Picture | None:
    with acting_as(admission.reads_as):
        own = Picture.objects.filter(message__conversation_id=admission.conversation_id)
        return own.filter(message_id=message_id, number=number).first()


def _prepared(messages: Sequence[Any], admission: Admission) -> Sequence[Any]:
    """`presentation.prepare` without versions to choose from, which are the owner's business."""
    presentation.prepare(messages, {})
    for shown in messages:
        shown.url = f"{admission.address}/messages/{shown.pk}"
        for citation in shown.citation_list:
            citation.url = f"{shown.url}/citations/{citation.number}"
        if shown.live:
            shown.live = replace(shown.live, done_html=for_viewer(shown.live.done_html, admission))
        elif shown.html:
            shown.html = for_viewer(shown.html, admission)
    return messages
