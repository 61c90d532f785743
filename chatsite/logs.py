"""Log lines, as JSON for machines or as text for a terminal, with the id of the request that they belong to."""

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from accounts.unseen import UNSEEN

request_id: ContextVar[str] = ContextVar("request_id", default="")

# What opens an account or a chat to whoever has it stands in the address of its page, and Django tells of refused
# requests by it.
_KEYED_ADDRESS = re.compile(
    r"(/(?:set-up|invitation|shared/link|accounts/password/reset/key|accounts/confirm-email)/)[^\s/?]+"
)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


# What moves the cursor of a terminal, begins a line or turns words round, so that a message could look like another.
_CONTROL = re.compile(f"[{UNSEEN}]")


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _message(record: logging.LogRecord) -> str:
    return _KEYED_ADDRESS.sub(r"\1…", record.getMessage())


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    """What was given as `extra=`, as far as it is plain. Django and Celery add whole objects."""
    return {
        name: value
        for name, value in vars(record).items()
        if name not in _STANDARD and isinstance(value, str | int | float | bool)
    }


class JSONFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if current := request_id.get():
            line["request_id"] = current
        for name, value in _extra(record).items():
            line.setdefault(name, value)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        line = f"{moment} {record.levelname.lower():<7} {record.name}: {_CONTROL.sub(_escaped, _message(record))}"
        if current := request_id.get():
            line += f" [{current[:8]}]"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line
