"""What one node of ChatGPT's has to show, and what of it does not come along."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chats.exchange.formats.chatgpt_marks import known_marks, resolved
from chats.exchange.formats.portable import (
    FILES,
    PICTURES,
    RECORDINGS,
    STEPS,
    as_dict,
    as_list,
    aside,
    escaped,
    fenced,
    moment,
    name,
    text,
)

# Of assistants, what its pages show elsewhere or not at all.
_SILENT = {"thoughts", "reasoning_recap", "model_editable_context", "user_editable_context"}
# Tools whose pictures are pages of what was read, not made for the person.
_READERS = {"file_search", "myfiles_browser", "browser"}
_RECORDED = {"audio_asset_pointer", "video_container_asset_pointer", "real_time_user_audio_video_asset_pointer"}
_EVERYTHING = {".*", "^.*$", r"[\s\S]*", "(?s).*"}
_LANGUAGES = {"react": "jsx"}


@dataclass(slots=True)
class Piece:
    is_answer: bool
    content: str
    thinking: str
    model: str
    created: datetime | None
    finished: datetime | None
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def is_shown(self) -> bool:
        return bool(self.content or self.thinking)


def piece(message: Any, replies: list[Any]) -> Piece | None:
    """None for what ChatGPT's own pages do not show either. `replies`: the messages below, as they are in the file."""
    if not isinstance(message, dict):
        return None
    metadata, author, content = (as_dict(message.get(key)) for key in ("metadata", "author", "content"))
    if metadata.get("is_visually_hidden_from_conversation") is True:
        return None
    role, kind = text(author.get("role")), text(content.get("content_type"))
    reading = _Reading(role, kind, content, metadata, [as_dict(reply) for reply in replies])
    created = moment(message.get("create_time"))
    is_answer = role != "user"
    return Piece(
        is_answer=is_answer,
        content=reading.shown(message.get("recipient"), text(author.get("name"))),
        thinking=_thoughts(content) if kind == "thoughts" else "",
        model=name(metadata.get("model_slug")) if is_answer else "",
        created=created,
        finished=(moment(message.get("update_time")) or created) if is_answer else None,
        left_out=reading.left_out,
    )


class _Reading:
    """One message, while it is read: what is left out is counted on the way."""

    def __init__(
        self, role: str, kind: str, content: dict[str, Any], metadata: dict[str, Any], replies: list[dict[str, Any]]
    ) -> None:
        self.role, self.kind, self.content, self.metadata, self.replies = role, kind, content, metadata, replies
        self.left_out: Counter[str] = Counter()

    def shown(self, recipient: object, author: str) -> str:
        if self.role == "user" or (self.role == "assistant" and recipient in (None, "all")):
            return self._said()
        if self.role == "assistant" and recipient == "python":
            return fenced("python", text(self.content.get("text")) or "\n\n".join(self._typed()))
        if self.role == "assistant":
            return (self._canvas(str(recipient)) if str(recipient).startswith("canmore.") else "") or self._step()
        if self.role == "tool" and self.kind == "execution_output":
            drawn = [as_dict(part) for part in as_list(as_dict(self.metadata.get("aggregate_result")).get("messages"))]
            pictures = [self._picture("") for part in drawn if part.get("message_type") == "image"]
            return "\n\n".join(filter(None, [fenced("text", text(self.content.get("text"))), *pictures]))
        if self.role == "tool" and self.kind == "multimodal_text" and author not in _READERS:
            # What is said beside them is for the model.
            return "\n\n".join(self._made(part) for part in _pictures(self.content))
        return ""

    def _said(self) -> str:
        if self.kind == "code":
            return fenced(_language(self.content), text(self.content.get("text")))
        if self.kind not in {"text", "multimodal_text"}:
            return self._step() if self.role == "assistant" and self.kind not in _SILENT else ""
        attached = {
            text(found.get("id")) or str(index): name(found.get("name"))
            for index, found in enumerate(map(as_dict, as_list(self.metadata.get("attachments"))))
        }
        found = []
        marks = known_marks(self._typed(), self.metadata) if self.role == "assistant" else {}
        for part in as_list(self.content.get("parts")):
            if isinstance(part, str):
                found.append(resolved(text(part), marks) if self.role == "assistant" else text(part))
            elif isinstance(part, dict):
                found.append(self._part(part, attached))
        if files := [file for file in attached.values() if file]:
            self.left_out[FILES] += len(files)
            found.append(self._aside(f"attached: {', '.join(files)}"))
        return "\n\n".join(filter(None, found)).strip()

    def _part(self, part: dict[str, Any], attached: dict[str, str]) -> str:
        """A picture is among what is attached, too: with it goes its name."""
        kind = text(part.get("content_type"))
        if kind == "audio_transcription":
            return text(part.get("text"))
        if kind in _RECORDED:
            self.left_out[RECORDINGS] += 1
        elif kind == "image_asset_pointer":
            pointer = text(part.get("asset_pointer")).rpartition("://")[2].partition("#")[0]
            return self._picture(attached.pop(pointer, ""))
        return ""

    def _made(self, part: dict[str, Any]) -> str:
        dalle = as_dict(as_dict(part.get("metadata")).get("dalle"))
        return self._picture(name(self.metadata.get("image_gen_title")) or name(dalle.get("prompt")))

    def _picture(self, title: str) -> str:
        # The picture itself lies beside the list, if at all; that there was one is told.
        self.left_out[PICTURES] += 1
        return self._aside(f"a picture: {title}" if title else "a picture")

    def _aside(self, words: str) -> str:
        return aside(words, is_answer=self.role != "user")

    def _step(self) -> str:
        """A tool was called, and nothing of that is here, unless what it gave back is shown. Always nothing."""
        given = text(self.content.get("text")) or "".join(self._typed())
        if self.kind not in {"text", "code", "multimodal_text"} or given.strip():
            self.left_out[STEPS] += not any(_has_result(reply) for reply in self.replies)
        return ""

    def _typed(self) -> list[str]:
        return [text(part) for part in as_list(self.content.get("parts")) if isinstance(part, str)]

    # --- Documents that were written beside the conversation ------------------------------------------------------

    def _canvas(self, verb: str) -> str:
        given = text(self.content.get("text")) or "".join(self._typed())
        about = next((found for reply in self.replies if (found := _canvas_of(reply))), {})
        if about.get("is_failure") is True:
            return ""
        try:
            # Models write line breaks where JSON has none.
            call = json.loads(given, strict=False)
        except (ValueError, RecursionError):
            return fenced("json", given)
        if not isinstance(call, dict):
            return fenced("json", given)
        title = f"**{escaped(name(call.get('name')) or name(about.get('title')) or 'Document')}**"
        kind = text(call.get("type")) or text(about.get("textdoc_type"))
        if verb == "canmore.create_textdoc":
            return _under(title, _document(kind, text(call.get("content"))))
        if verb == "canmore.update_textdoc":
            return _changed(title, kind, [as_dict(update) for update in as_list(call.get("updates"))])
        comments = [name(as_dict(comment).get("comment")) for comment in as_list(call.get("comments"))]
        return _under(f"{title}, comments", "\n".join(f"- {comment}" for comment in comments if comment))


def _changed(title: str, kind: str, updates: list[dict[str, Any]]) -> str:
    """What was put in. Where it went is said by expressions that a model wrote: they are not run."""
    is_whole = len(updates) == 1 and text(updates[0].get("pattern")) in _EVERYTHING
    put = "\n\n".join(filter(None, (_document(kind, text(update.get("replacement"))) for update in updates)))
    return _under(f"{title}, {'new version' if is_whole else 'changed'}", put)


def _under(title: str, body: str) -> str:
    return f"{title}\n\n{body}" if body else ""


def _document(kind: str, content: str) -> str:
    family, _, language = kind.partition("/")
    if family != "code":
        return content.strip()
    language = _LANGUAGES.get(language, language)
    return fenced(language if language.isalnum() else "", content)


def _canvas_of(message: dict[str, Any]) -> dict[str, Any]:
    return as_dict(as_dict(message.get("metadata")).get("canvas"))


# --- Parts ----------------------------------------------------------------------------------------------------------


def _has_result(reply: dict[str, Any]) -> bool:
    if as_dict(reply.get("author")).get("role") != "tool":
        return False
    content = as_dict(reply.get("content"))
    return content.get("content_type") == "execution_output" or bool(_pictures(content))


def _pictures(content: dict[str, Any]) -> list[dict[str, Any]]:
    parts = [as_dict(part) for part in as_list(content.get("parts"))]
    return [part for part in parts if part.get("content_type") == "image_asset_pointer"]


def _thoughts(content: dict[str, Any]) -> str:
    thoughts = [as_dict(thought) for thought in as_list(content.get("thoughts"))]
    pairs = ((text(thought.get("summary")), text(thought.get("content"))) for thought in thoughts)
    return "\n\n".join("\n\n".join(filter(None, pair)) for pair in pairs).strip()


def _language(content: dict[str, Any]) -> str:
    language = name(content.get("language"))
    return language if language.isalnum() and language != "unknown" else ""
