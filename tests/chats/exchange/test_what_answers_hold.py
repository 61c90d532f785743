"""Messages that are more than text: pictures, documents beside the chat, marks of citations, tools. Nothing vanishes
without a word."""

import base64
import html
import io
import json
from typing import Any

import PIL.Image
import pytest

from chats.exchange import formats
from chats.exchange.formats import openwebui_details
from chats.exchange.formats.portable import Chat, Turn
from tests.chats.exchange.samples import chatgpt, node, openwebui, picture_of, said, told

CITED = "\ue200cite\ue202turn0search3\ue201"


def read(entry: dict[str, Any]) -> Chat:
    return formats.read(json.loads(json.dumps(entry)))


def texts(entry: dict[str, Any]) -> list[str]:
    return [turn.content for turn in read(entry).turns]


def left_out(entry: dict[str, Any]) -> dict[str, int]:
    found = read(entry).turns[0].left_out.copy()
    for turn in read(entry).turns[1:]:
        found += turn.left_out
    return dict(found)


def parts(*found: Any) -> dict[str, Any]:
    return {"content_type": "multimodal_text", "parts": list(found)}


def code(text: str) -> dict[str, Any]:
    return {"content_type": "code", "language": "unknown", "text": text}


def everything_of_chatgpt() -> dict[str, Any]:
    """One of each kind, one below the other."""
    document = json.dumps({"name": "Nests", "type": "document", "content": "# Nests\n\nAre round."})
    update = json.dumps({"updates": [{"pattern": "Are.*", "multiple": False, "replacement": "Are oval."}]})
    cited = node("a", None, "assistant", f"In trees {CITED}. Old【4†source】.", 3, content_references=[
        {"matched_text": " ", "alt": "", "type": "sources_footnote"},
        {"matched_text": CITED, "alt": "([Birds](https://birds.example))", "type": "grouped_webpages"},
    ], citations=[
        {"start_ix": 33, "end_ix": 43, "metadata": {"title": "Book", "url": "https://b.example/1"}},
    ])  # fmt: skip
    return told(
        said("q", "user", 1, parts("Draw a heron", picture_of("sediment://file_1")), attachments=[
            {"id": "file_1", "name": "sketch.png", "mime_type": "image/png"},
            {"id": "file-2", "name": "notes.pdf", "mime_type": "application/pdf"},
        ]),
        said("call", "assistant", 2, code('{"prompt": "heron"}'), to="dalle.text2im"),
        said("drawn", "tool", 3, parts(picture_of("sediment://file_3", dalle={"prompt": "A grey *heron*"}))),
        said("c1", "assistant", 4, code(document), to="canmore.create_textdoc"),
        said("c2", "assistant", 5, code(update), to="canmore.update_textdoc"),
        said("r", "tool", 6, parts("ok"), canvas={"title": "Nests", "textdoc_type": "document"}),
        said("s", "assistant", 7, code('{"search_query": [{"q": "herons"}]}'), to="web.run"),
        cited,
    )  # fmt: skip


def everything_of_openwebui() -> dict[str, Any]:
    entry = openwebui()
    messages = entry["chat"]["history"]["messages"]
    messages["m1"]["files"] = [
        {"type": "image", "url": PICTURE, "name": "kettle.png"},
        {"type": "image", "url": "/api/v1/files/7/content"},
        {"type": "file", "name": "manual.pdf", "url": "8"},
    ]
    messages["m2"]["content"] = "\n".join(
        [
            details("reasoning", "> Let me &lt;i&gt;think&lt;/i&gt;"),
            "First.",
            details("tool_calls", "", name="get_weather", arguments=json.dumps('{"city": "Rome"}'), result='"18 °C"'),
            details("code_interpreter", "```python\nprint(1)\n```", output=json.dumps({"stdout": "1\n"})),
            "Last.",
        ]
    )
    return entry


def details(kind: str, body: str, **attributes: str) -> str:
    inside = "".join(f' {name}="{html.escape(value)}"' for name, value in attributes.items())
    return f'<details type="{kind}" done="true"{inside}>\n<summary>Done</summary>\n{body}\n</details>'


def _png() -> str:
    out = io.BytesIO()
    PIL.Image.new("RGB", (40, 30), "teal").save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"


PICTURE = _png()


class TestChatGPT:
    def test_everything_at_once(self) -> None:
        chat = read(everything_of_chatgpt())
        question, answer = chat.turns
        assert question.content == "Draw a heron\n\n(a picture: sketch.png)\n\n(attached: notes.pdf)"
        assert answer.content.split("\n\n") == [
            r"*(a picture: A grey \*heron\*)*",
            "**Nests**",
            "# Nests",
            "Are round.",
            "**Nests**, changed",
            "Are oval.",
            "In trees ([Birds](https://birds.example)). Old ([Book](https://b.example/1)).",
        ]
        assert question.left_out == {"pictures": 1, "files": 1}
        # The tool that drew is not missing: its picture is.
        assert answer.left_out == {"pictures": 1, "steps": 1}
        assert chat.shown == "drawn"

    def test_a_picture_alone_answers_the_question(self) -> None:
        entry = told(
            node("q", None, "user", "Draw", 1), said("p", "tool", 2, parts("for the model", picture_of("file-service://x")))
        )  # fmt: skip
        assert [(turn.is_answer, turn.content) for turn in read(entry).turns] == [
            (False, "Draw"),
            (True, "*(a picture)*"),
        ]

    def test_pages_that_a_tool_read_are_no_pictures_of_the_answer(self) -> None:
        reads = said("p", "tool", 2, parts("page 1", picture_of("file-service://x")))
        reads["message"]["author"]["name"] = "file_search"
        assert texts(told(node("q", None, "user", "Look", 1), reads)) == ["Look"]

    @pytest.mark.parametrize(
        ("to", "call", "shown"),
        [
            ("create", {"name": "nest.py", "type": "code/python", "content": "a = 1"},
             "**nest.py**\n\n```python\na = 1\n```"),
            ("create", {"name": "App", "type": "code/react", "content": "<b/>"}, "**App**\n\n```jsx\n<b/>\n```"),
            ("update", {"updates": [{"pattern": ".*", "replacement": "b = 2"}]}, "**Document**, new version\n\nb = 2"),
            ("comment", {"comments": [{"pattern": "x", "comment": "Why?"}]}, "**Document**, comments\n\n- Why?"),
        ],
    )  # fmt: skip
    def test_documents_beside_the_chat(self, to: str, call: dict[str, Any], shown: str) -> None:
        entry = told(
            node("q", None, "user", "Write", 1),
            said("c", "assistant", 2, code(json.dumps(call)), to=f"canmore.{to}_textdoc"),
        )  # fmt: skip
        assert texts(entry) == ["Write", shown]

    @pytest.mark.parametrize(
        "given", ["{", "[1]", "[" * 100_000, '{"name": "N", "type": "document", "content": "two\nlines"}']
    )
    def test_a_call_that_is_no_json_is_shown_as_it_is(self, given: str) -> None:
        entry = told(
            node("q", None, "user", "Write", 1), said("c", "assistant", 2, code(given), to="canmore.create_textdoc")
        )
        assert texts(entry)[1] == ("**N**\n\ntwo\nlines" if '"N"' in given else f"```json\n{given}\n```")

    @pytest.mark.parametrize(
        ("text", "metadata", "shown"),
        [
            (f"Trees {CITED}.", {}, "Trees."),
            (f"Trees {CITED}", {"content_references": [{"matched_text": CITED, "alt": ""}]}, "Trees"),
            (f"Trees {CITED}", {"content_references": [{"matched_text": CITED, "alt": None, "items": [
                {"title": "B [1]", "url": "https://b.example"}, {"title": "C", "url": "javascript:alert(1)"}]}]},
             r"Trees ([B \[1\]](https://b.example), C)"),
            (f"Trees {CITED}", {"content_references": [{"matched_text": CITED, "type": "file", "name": "a.pdf"}]},
             "Trees (a.pdf)"),
            ("By \ue200entity\ue202[\"company\",\"Motorola\",\"x\"]\ue201 only", {}, "By Motorola only"),
            ("Cut \ue200cite\ue202turn0", {}, "Cut"),
            ("One【4:0†source】two【1†L1-L2】", {"citations": [
                {"start_ix": 900, "end_ix": 910, "metadata": {"title": "B"}},
                {"start_ix": 5, "end_ix": 6, "metadata": {"title": "A"}}]},
             "One (A)two (B)"),
            ("【注】 stays", {}, "【注】 stays"),
        ],
    )  # fmt: skip
    def test_marks_of_citations(self, text: str, metadata: dict[str, Any], shown: str) -> None:
        entry = told(node("q", None, "user", "Where?", 1), node("a", None, "assistant", text, 2, **metadata))
        assert texts(entry)[1] == shown

    def test_a_person_may_type_such_marks(self) -> None:
        assert texts(told(node("q", None, "user", "What is 【4†source】?", 1))) == ["What is 【4†source】?"]

    def test_tool_steps_are_counted_once_and_hidden_ones_not(self) -> None:
        hidden = node("h", None, "assistant", "x", 2, is_visually_hidden_from_conversation=True)
        entry = told(
            node("q", None, "user", "Look", 1),
            hidden,
            said("s", "assistant", 3, code("search()"), to="web"),
            node("t", None, "tool", "found", 4),
            said("empty", "assistant", 5, code(""), to="web"),
            said("r", "assistant", 6, {"content_type": "reasoning_recap", "content": "Thought for 3s"}),
            said("p", "assistant", 7, code("1 + 1"), to="python"),
            said("o", "tool", 8, {"content_type": "execution_output", "text": "2"}, aggregate_result={
                "messages": [{"message_type": "image", "image_url": "file-service://x"}]}),
            node("a", None, "assistant", "Two.", 9),
        )  # fmt: skip
        assert texts(entry)[1] == "```python\n1 + 1\n```\n\n```text\n2\n```\n\n*(a picture)*\n\nTwo."
        assert left_out(entry) == {"steps": 1, "pictures": 1}

    def test_spoken_words_are_kept_and_recordings_counted(self) -> None:
        spoken = parts(
            {"content_type": "audio_transcription", "text": "Hello"},
            {"content_type": "real_time_user_audio_video_asset_pointer", "audio_asset_pointer": {}},
        )
        entry = told(said("q", "user", 1, spoken))
        assert (texts(entry), left_out(entry)) == (["Hello"], {"recordings": 1})

    def test_parts_of_no_kind_are_nothing(self) -> None:
        call = code(json.dumps({"updates": [{"pattern": {}, "replacement": "b"}]}))
        entry = told(
            said("q", "user", 1, parts("Look", {"content_type": {}}, {"content_type": []}, 7)),
            said("c", "assistant", 2, call, to="canmore.update_textdoc"),
        )
        assert texts(entry) == ["Look", "**Document**, changed\n\nb"]

    def test_an_ordinary_chat_leaves_nothing_out(self) -> None:
        assert not left_out(chatgpt())


class TestOpenWebUI:
    def turns(self, entry: dict[str, Any]) -> tuple[Turn, Turn]:
        question, answer, _ = read(entry).turns
        return question, answer

    def test_everything_at_once(self) -> None:
        question, answer = self.turns(everything_of_openwebui())
        assert question.content == "What is a kettle made of?\n\n(a picture)\n\n(attached: manual.pdf)"
        assert [(picture.name, picture.data) for picture in question.pictures] == [
            ("kettle.png", PICTURE.partition(",")[2])
        ]
        assert question.left_out == {"pictures": 1, "files": 1}
        assert answer.thinking == "Let me <i>think</i>"
        assert answer.content.split("\n\n") == [
            "First.",
            "**Tool: get\\_weather**",
            '```json\n{"city": "Rome"}\n```',
            "```text\n18 °C\n```",
            "```python\nprint(1)\n```",
            "```text\n1\n```",
            "Last.",
        ]
        assert "<details" not in answer.content

    def test_pictures_of_answers_are_told(self) -> None:
        entry = openwebui()
        answer = entry["chat"]["history"]["messages"]["m2"]
        answer |= {"content": f"Here: ![kettle]({PICTURE})", "files": [{"type": "image", "url": PICTURE}]}
        _, answer = self.turns(entry)
        assert (answer.content, answer.pictures) == ("Here: *(a picture)*\n\n*(a picture)*", [])
        assert answer.left_out == {"pictures": 2}

    def test_pictures_in_a_list_of_parts(self) -> None:
        entry = openwebui()
        entry["chat"]["history"]["messages"]["m1"]["content"] = [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": PICTURE}},
        ]
        question, _ = self.turns(entry)
        assert (question.content, len(question.pictures), question.left_out) == ("What is this?", 1, {})

    @pytest.mark.parametrize(
        ("content", "shown"),
        [
            ("<details><summary>Mine</summary>x</details>", "<details><summary>Mine</summary>x</details>"),
            ('<details type="tool_calls" done="true"', '<details type="tool_calls" done="true"'),
            (details("tool_calls", "", name="t", result="&lt;" * 2_000),
             f"**Tool: t**\n\n```text\n{'&lt;' * 500} …\n```"),
            (details("tool_calls", "said", name="t", files=json.dumps(["data:image/png;base64,x"])),
             "**Tool: t**\n\n```text\nsaid\n```\n\n*(a picture)*"),
            (details("code_interpreter", "```py\nx\n```", output="not json"),
             "```py\nx\n```\n\n```text\nnot json\n```"),
        ],
    )  # fmt: skip
    def test_details(self, content: str, shown: str) -> None:
        assert openwebui_details.read(content).content == shown
