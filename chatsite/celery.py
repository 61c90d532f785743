"""The Celery application. Queues: `answers` (talks to models) and `documents` (ingestion, with beat)."""

import gc
import os
import warnings
from typing import Any

from celery import Celery, Task, signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning

from accounts.audit import origin
from chatsite import logs, processes, workers

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")

app = Celery("chatsite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(
    [
        "accounts.audit",
        "accounts.invitations",
        "accounts.rights",
        "accounts.sessions",
        "chats",
        "chats.exchange",
        "documents",
    ]
)
app.steps["worker"].update({workers.Pulse, workers.BeatGuard})


# They speak of root and pickled tasks (ours are JSON), and of late acknowledgement (leases do that work here).
warnings.filterwarnings("ignore", category=SecurityWarning)
warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)


@signals.setup_logging.connect
def _leave_logging_to_django(**_: Any) -> None:
    """A receiver is all it takes: Celery then configures nothing of its own."""


@signals.before_task_publish.connect
def _send_request_id(headers: dict[str, Any], **_: Any) -> None:
    headers["request_id"] = logs.request_id.get()
    headers["audit_origin"] = origin.current().as_header()


@signals.task_prerun.connect
def _take_request_id(task_id: str, task: "Task[Any, Any]", **_: Any) -> None:
    # A job that beat queued again belongs to no request; its task id then ties its lines together.
    logs.request_id.set(task.request.get("request_id") or task_id)
    origin.take(task.request.get("audit_origin"), request_id=logs.request_id.get())


@signals.task_postrun.connect
def _drop_request_id(**_: Any) -> None:
    logs.request_id.set("")
    origin.drop()


@signals.worker_before_create_process.connect
def _share_memory_with_children(**_: Any) -> None:
    # Out of the collector's sight, what is loaded so far is not written to, and stays shared after the fork.
    gc.freeze()


@signals.worker_process_init.connect
@signals.beat_embedded_init.connect
def _die_with_parent(**_: Any) -> None:
    processes.die_with_parent()
