"""kill -9 of every part, in the middle of an answer that a page shows and in the middle of an ingestion."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from bench.stack import PARTS, Stack
from tests.ollama_server import OllamaServer
from tests.stack.conftest import Asks, Reading

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.timeout(180)]

_PARAGRAPHS = 8_000


@dataclass
class Incident:
    part: str
    reading: Reading
    was_writing: bool
    document_id: str
    document_was: str
    killed: int


@pytest.fixture(scope="module", params=PARTS)
def incident(
    request: pytest.FixtureRequest,
    stack: Stack,
    model: OllamaServer,
    chromium: "Browser",
    signed_in: Any,
    reader: str,
) -> Iterator[Incident]:
    """The part is killed while both are under way; the tests look at how each of them ends."""
    part = request.param
    ask = Asks(stack, model, chromium, signed_in)
    reading = ask(tokens=500, pause_at=400)
    reading.wait_for_text(150)
    with _no_passage_is_stored(stack):
        document_id = _upload(stack, chromium, reader, f"{part}.txt", _long_text(part))
        status = stack.wait_until(lambda: _half_done(stack, document_id), 40, "The document was not begun.")
        killed = stack.kill(part)
    yield Incident(part, reading, reading.is_live(), document_id, status, killed)
    ask.context.close()


def test_the_supervisor_brings_it_back(stack: Stack, incident: Incident) -> None:
    def replaced() -> bool:
        return stack.leaders().get(incident.part, incident.killed) != incident.killed

    stack.wait_until(replaced, 30, f"{incident.part} was not started again.")


def test_the_answer_ends_complete_and_once_in_the_open_page(incident: Incident) -> None:
    assert incident.was_writing
    incident.reading.wait_for_end(90)
    assert not incident.reading.was_reloaded()
    incident.reading.assert_complete_and_once()


def test_the_document_ends_ready_with_every_passage_once(stack: Stack, incident: Incident) -> None:
    assert incident.document_was == "embedding"
    query = "SELECT status FROM documents_document WHERE id = %s"

    def ended() -> str:
        rows = stack.rows(query, incident.document_id)
        return rows[0][0] if rows and rows[0][0] in {"ready", "failed"} else ""

    assert stack.wait_until(ended, 90, "The ingestion did not end.") == "ready"
    passages = json.loads(stack.run("bench.opened", "passages", incident.document_id))
    assert [index for _, index, _, _ in passages] == list(range(passages[0][3]))
    assert len({content for _, _, content, _ in passages}) == len(passages)
    everything = "\n".join(content for _, _, content, _ in passages)
    assert [n for n in range(_PARAGRAPHS) if _marker(incident.part, n) not in everything] == []
    ids = {pk for pk, _, _, _ in passages}
    # A posting's numbers are the passage's id above 24 bits of counts.
    for table in (
        "SELECT chunk_id FROM documents_embedding",
        "SELECT DISTINCT unnest(passages) >> 24 FROM documents_posting",
    ):
        found = stack.rows(
            f"{table} WHERE version_id IN (SELECT id FROM documents_documentversion WHERE document_id = %s)",
            incident.document_id,
        )
        assert sorted(pk for (pk,) in found) == sorted(ids)


def _marker(part: str, number: int) -> str:
    return f"{part}-{number:05d}."


def _long_text(part: str) -> str:
    return "\n\n".join(
        f"This is remark {_marker(part, number)} It is one of many, and no other remark says exactly the same thing. "
        f"Whoever looks for it finds it by its number, and by nothing else."
        for number in range(_PARAGRAPHS)
    )


def _upload(stack: Stack, chromium: "Browser", session: str, name: str, text: str) -> str:
    context = chromium.new_context()
    context.add_cookies([{"name": "sessionid", "value": session, "url": stack.url}])
    context.request.get(f"{stack.url}/documents/")
    token = next(cookie["value"] for cookie in context.cookies() if cookie["name"] == "csrftoken")
    reply = context.request.post(
        f"{stack.url}/documents/upload",
        headers={"X-CSRFToken": token, "HX-Request": "true"},
        multipart={"files": {"name": name, "mimeType": "text/plain", "buffer": text.encode()}},
    )
    assert reply.status == 200, reply.text()[:500]
    context.close()
    return str(json.loads(stack.run("bench.opened", "documents"))[name])


@contextmanager
def _no_passage_is_stored(stack: Stack) -> Iterator[None]:
    """Until this ends, so that the document is not ready before the kill, however slow or fast this machine is."""
    # The database may be what is killed, and the lock with it.
    with suppress(psycopg.OperationalError), stack.database() as connection, connection.transaction():
        connection.execute("LOCK TABLE documents_embedding IN SHARE MODE")
        yield


def _half_done(stack: Stack, document_id: str) -> str:
    """Its status once it is read and its passages are being embedded."""
    rows = stack.rows("SELECT status FROM documents_document WHERE id = %s", document_id)
    return rows[0][0] if rows and rows[0][0] not in {"queued", "parsing"} else ""
