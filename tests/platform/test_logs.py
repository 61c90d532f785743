import json
import logging
import sys

import pytest

from chatsite import logs


@pytest.fixture
def record() -> logging.LogRecord:
    return logging.LogRecord("chats.answering", logging.WARNING, __file__, 1, "Took %d s", (3,), None)


def test_a_line_is_one_json_object(record: logging.LogRecord) -> None:
    record.msg, record.args = 'two\nlines and "quotes"', ()
    line = logs.JSONFormatter().format(record)
    assert "\n" not in line
    read = json.loads(line)
    assert (read["level"], read["logger"], read["message"]) == (
        "warning",
        "chats.answering",
        'two\nlines and "quotes"',
    )
    assert read["time"].endswith("+00:00")
    assert "request_id" not in read


def test_a_line_names_its_request(record: logging.LogRecord) -> None:
    token = logs.request_id.set("abcdef0123456789")
    try:
        assert json.loads(logs.JSONFormatter().format(record))["request_id"] == "abcdef0123456789"
        assert "[abcdef01]" in logs.TextFormatter().format(record)
    finally:
        logs.request_id.reset(token)


def test_extra_facts_are_fields_but_never_replace_the_known_ones(record: logging.LogRecord) -> None:
    record.tokens, record.level, record.request = 12, "forged", object()
    read = json.loads(logs.JSONFormatter().format(record))
    assert read["tokens"] == 12
    assert read["level"] == "warning"
    assert "request" not in read


@pytest.mark.parametrize("formatter", [logs.JSONFormatter(), logs.TextFormatter()])
def test_exceptions_keep_their_traceback(record: logging.LogRecord, formatter: logging.Formatter) -> None:
    try:
        int("told")
    except ValueError:
        record.exc_info = sys.exc_info()
    assert "ValueError: invalid literal" in formatter.format(record)


def test_text_is_for_people(record: logging.LogRecord) -> None:
    assert logs.TextFormatter().format(record).endswith("warning chats.answering: Took 3 s")


def test_text_keeps_to_its_line_and_gives_the_terminal_no_orders(record: logging.LogRecord) -> None:
    record.msg, record.args = "Not Found: %s", ("/x\r\n12:00:00 info\x1b[2J\x9b1m\u202e ä",)
    line = logs.TextFormatter().format(record)
    assert line.endswith(r"Not Found: /x\r\n12:00:00 info\x1b[2J\x9b1m\u202e ä")


@pytest.mark.parametrize(
    "address",
    [
        "/invitation/MOK8aLmuWEbLvqLcEz",
        "/set-up/MOK8aLmuWEbLvqLcEz",
        "/shared/link/MOK8aLmuWEbLvqLcEz",
        "/ws/shared/link/MOK8aLmuWEbLvqLcEz",
        "/accounts/password/reset/key/1-MOK8aLmuWEbLvqLcEz/",
        "/accounts/confirm-email/MOK8aLmuWEbLvqLcEz/",
    ],
)
def test_what_opens_an_account_is_not_in_a_line(record: logging.LogRecord, address: str) -> None:
    record.msg, record.args = "%s: %s", ("Unprocessable Entity", address)
    for formatter in (logs.JSONFormatter(), logs.TextFormatter()):
        line = formatter.format(record)
        assert "MOK8" not in line
        assert address.partition("MOK8")[0].removesuffix("1-") in line
