"""The newest head of the chain, in a file in KEYS_DIR: what no right over the database reaches.

The chain proves what is in it. That its end was cut off, and that what was cut is sealed anew by the product itself
without an event, only somebody can tell who remembers how far it went. The file's own keyed hash is made with a key
that lies there too, wrapped (accounts.encryption.keys): whoever has files and keys can write a new chain anyway.

A head is kept after its seal is committed, so the chain is never behind what is kept here, but for two reasons:
somebody cut it, or the database was restored from a backup. Only the operator knows which (`accept`).
"""

import hmac
import json
import logging
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection

from accounts.encryption import keys, whole_files

logger = logging.getLogger(__name__)

NAME = "audit-head"
_VERSION = 1


class Contradicted(Exception):
    """The chain in the database does not contain the head that is kept, in a sentence that names it."""


@dataclass(frozen=True, slots=True)
class Head:
    """`number` 0: the chain was empty when that was accepted."""

    number: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.hash.hex()}"


def kept() -> Head | None:
    """To be read before the database is asked: what is kept then is committed. None: nothing was kept yet.

    Raises Contradicted for a file that the product did not write.
    """
    try:
        text = _path().read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    except ValueError:
        text = ""
    try:
        held = json.loads(text)
        head = Head(int(held["number"]), bytes.fromhex(held["hash"]))
        is_ours = hmac.compare_digest(bytes.fromhex(held["mac"]), _mac(head))
    except (ValueError, KeyError, TypeError):
        is_ours = False
    if not is_ours:
        raise Contradicted(f"The head that is kept in {_path()} is damaged or was changed.")
    return head


def compare(head: Head | None) -> None:
    """Raises Contradicted unless the chain contains it. For the system."""
    if head is None or head.number == 0:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT hash FROM audit_seal WHERE number = %s", [head.number])
        found = cursor.fetchone()
        cursor.execute("SELECT max(number) FROM audit_seal")
        (last,) = cursor.fetchone()
    if found is None:
        raise Contradicted(cut_off(head.number, last))
    if bytes(found[0]) != head.hash:
        raise Contradicted(made_anew(head.number))


def cut_off(number: int, last: int | None) -> str:
    end = f"ends with seal {last}" if last else "is empty"
    return f"Seal {number} is not there any more: the chain {end}, its end was cut off."


def made_anew(number: int) -> str:
    return f"Seal {number} is not the one that was noted: the chain was made anew."


def keep(head: Head) -> None:
    """Once its seal is committed. Never goes back: of two processes the later one may come first."""
    try:
        with whole_files.alone():
            before = kept()
            if before is None or head.number > before.number:
                _write(head)
    except (OSError, Contradicted) as error:
        # The event and its seal are written; the next head says as much as this one would have.
        logger.error("The head %s of the audit log could not be kept: %s", head.number, error)  # noqa: TRY400


def accept(head: Head) -> None:
    """Go on from this head, whatever was kept before."""
    with whole_files.alone():
        _write(head)


def _write(head: Head) -> None:
    said = {"version": _VERSION, "number": head.number, "hash": head.hash.hex(), "mac": _mac(head).hex()}
    whole_files.replace(_path(), json.dumps(said))


def _mac(head: Head) -> bytes:
    said = json.dumps([_VERSION, head.number, head.hash.hex()])
    return hmac.digest(keys.installation_key("audit head"), said.encode(), "sha256")


def _path() -> Path:
    return Path(settings.KEYS_DIR) / NAME
