"""When the system saw everybody's rows, and why (accounts.tenancy.acting_as_system): once an hour for each reason.

The routine jobs act as the system every few seconds. Each process tells of each reason when it first reads or writes
for it, on that same connection, and then not again for an hour.
"""

import os
import time
from typing import Any

from accounts.audit.actions import Action
from accounts.audit.recording import INSERT, values
from jobs.leases import host_part

# Seconds.
EVERY = 3600.0
_told: dict[str, float] = {}


def is_due(reason: str) -> bool:
    return reason not in _told or time.monotonic() - _told[reason] >= EVERY


def tell(cursor: Any, reason: str) -> None:
    """On a cursor of the driver. Called below everything else, so before the tables are made too."""
    cursor.execute("SELECT to_regclass('audit_event') IS NOT NULL")
    if cursor.fetchone()[0]:
        cursor.execute(INSERT, values(Action.SYSTEM_ACTED, reason=reason, process=f"{host_part()}:{os.getpid()}"))
    _told[reason] = time.monotonic()


def take_back(reasons: set[str]) -> None:
    """Where the transaction in which they were told was undone."""
    for reason in reasons:
        _told.pop(reason, None)
