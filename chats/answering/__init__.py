"""Writing one answer: claim the row, find passages, build the prompt, stream the model, settle the row.

`answer` is the one way in. It blocks until the answer ended, was handed over, or was never this worker's to write.
"""

import gc
import importlib
import threading
import uuid


def answer(message_id: uuid.UUID) -> None:
    from chats.answering.runner import runner

    runner().submit(message_id).result()


def release_all(timeout: float = 5.0) -> None:
    """Let go of everything this process writes, so that another worker goes on at once."""
    from chats.answering.runner import runner

    runner().release_all(timeout)


def warm_up() -> None:
    """Start the loop, and load in the background what the first question would otherwise wait for."""
    from chats.answering.runner import runner

    runner()
    threading.Thread(target=_load, name="warm-up", daemon=True).start()


def _load() -> None:
    importlib.import_module("chats.answering.attempt")
    from llms import chat

    chat.warm_up()
    # What is loaded now stays for good. Left to the collector, each full collection stopped all streams for 100 ms.
    gc.collect()
    gc.freeze()
