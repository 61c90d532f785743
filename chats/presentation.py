"""What templates need to show a message, computed once for the page, the fragment and the push."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db.models import F
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chats import markdown, rendered
from chats.images import attaching
from chats.models import Citation, Conversation, Message
from chats.tree import Siblings, siblings_of
from documents.pages import place_word

# Seconds in which tokens come all at once rather than one after the other.
_TOO_QUICK = 0.1
# What a template asks of every answer, and few have.
_NO_TIMES = dict.fromkeys(("search", "thinking", "first_token", "total"), 0)


@dataclass(frozen=True, slots=True)
class LiveText:
    """What a page shows of an answer in the making until its socket brings it up to date."""

    done_html: str
    open_html: str = ""
    seq: int = 0


def final_html(text: str, citations: Mapping[int, str], *, message_id: uuid.UUID | None = None) -> str:
    return markdown.render_safely(text, citations, name=message_id.hex if message_id else "")


@cache
def _address() -> str:
    nobody = uuid.UUID(int=0)
    return reverse("chats:message", args=[nobody, nobody]).replace(str(nobody), "{}")


def message_url(conversation_id: uuid.UUID, message_id: uuid.UUID) -> SafeString:
    """Where a message is; everything that can be done with it lies below. A page has many, and `reverse` is slow."""
    return format_html(_address(), conversation_id, message_id)


def citation_urls(conversation_id: uuid.UUID, message_id: uuid.UUID, numbers: Iterable[int]) -> dict[int, str]:
    base = message_url(conversation_id, message_id)
    return {number: f"{base}/citations/{number}" for number in numbers}


def state_line(status: str, steps: Sequence[str], timings: Mapping[str, float]) -> str:
    message = Message(status=status, steps=list(steps), timings=dict(timings))
    return render_to_string("chats/_state.html", {"message": message})


def title(conversation_id: uuid.UUID, text: str) -> str:
    return render_to_string("chats/_title.html", {"conversation": Conversation(pk=conversation_id, title=text)})


def bubble(message: Message) -> str:
    """One message by itself, as it is pushed to pages. Nothing in it depends on who reads it."""
    prepare([message], siblings_of(message))
    return render_to_string("chats/_message.html", {"message": message, "oob": True})


def exchange(question: Message, answers: Sequence[Message], conversation: Conversation) -> str:
    """A question and its answer to be, for the tab that asked and for the others. Nothing in it depends on the tab.
    Several answers stand side by side."""
    prepare([question, *answers], {})
    context = exchange_context(question, answers) | {"conversation": conversation}
    return render_to_string("chats/_exchange.html", context)


def exchange_context(question: Message, answers: Sequence[Message]) -> dict[str, Any]:
    return {"question": question, "answer": answers[0], "compared": answers if answers[0].comparison else []}


def append_messages(html: str) -> str:
    """The same for a page that did not ask for it."""
    return f'<div hx-swap-oob="beforeend:#messages">{html}</div>'


def prepare(
    messages: Sequence[Any], siblings: Mapping[uuid.UUID, Siblings], *, keeps: bool = False
) -> Sequence[Message]:
    """Attach what `chats/_message.html` shows: siblings, citations, pictures, and the text of live answers. At most two
    queries, and none where the messages know that there is nothing. `keeps`: on a page of their owner, answers that
    had no rendering have one from now on."""
    citations: dict[uuid.UUID, list[Citation]] = {}
    # A live answer has none yet, so that posting a question asks nothing here.
    cited = (m for m in messages if m.role == Message.Role.ASSISTANT and getattr(m, "has_citations", True))
    if answers := [m.pk for m in cited if not m.is_live]:
        found = Citation.objects.filter(message_id__in=answers).annotate(media_type=F("version__media_type"))
        for citation in found.order_by("number"):
            citations.setdefault(citation.message_id, []).append(citation)
    asked = (m for m in messages if m.role == Message.Role.USER and getattr(m, "has_pictures", True))
    # Of a question that was just posted they are known.
    pictures = attaching.of_messages([m.pk for m in asked if not hasattr(m, "shown_pictures")])
    for message in messages:
        if not hasattr(message, "shown_pictures"):
            message.shown_pictures = pictures.get(message.pk, [])
        # Marked as safe, so that a template has nothing to do with what it writes a dozen times.
        message.key = format_html("{}", message.pk)
        message.url = message_url(message.conversation_id, message.pk)
        _attach(message, citations.get(message.pk, []), siblings.get(message.pk, Siblings()))
    unrendered = [m for m in messages if m.role == Message.Role.ASSISTANT and not m.is_live and not m.html]
    for message in unrendered:
        message.html = _checkpoint(message)
    if keeps:
        rendered.keep(unrendered)
    return messages


def _by_mention(citations: list[Any], text: str) -> None:
    """In the order in which the text mentions them; those it does not mention come last."""
    first = {number: place for place, number in reversed([*enumerate(markdown.marks(text))])}
    citations.sort(key=lambda citation: (citation.number not in first, first.get(citation.number, citation.number)))


def _attach(message: Any, citations: list[Any], siblings: Siblings) -> None:
    if citations:
        _by_mention(citations, message.content)
    for citation in citations:
        citation.place = place_word(citation.media_type, citation.document_name).lower()
        citation.url = f"{message.url}/citations/{citation.number}"
    message.citation_list = citations
    message.sibling_index = siblings.index
    message.sibling_count = siblings.count
    message.sibling_ids = (siblings.previous, siblings.next)
    message.speed = speed(message)
    message.took = _NO_TIMES | message.timings
    message.has_state = bool(message.is_live or message.steps or message.took["thinking"] or message.thinking)
    # Its own words are not even opened where their rendering is at hand.
    message.has_text = bool(message.html or message.content)
    message.live = None
    if message.role == Message.Role.ASSISTANT and message.is_live:
        message.live = LiveText(_checkpoint(message))


def speed(message: Message) -> str:
    """Tokens a second from the first on; nothing for what came too quickly, or was not counted."""
    seconds = message.timings.get("total", 0) - message.timings.get("first_token", 0)
    if not message.tokens_completion or seconds < _TOO_QUICK:
        return ""
    found = message.tokens_completion / seconds
    return f"{found:.1f}" if found < 10 else f"{found:,.0f}"


def _checkpoint(message: Message) -> str:
    numbers = [source["number"] for source in message.retrieval.get("passages", [])]
    urls = citation_urls(message.conversation_id, message.pk, numbers)
    return final_html(message.content, urls, message_id=message.pk)
