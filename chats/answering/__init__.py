"""Writing one answer: claim the row, find passages, build the prompt, stream the model, settle the row.

`answer` is the one way in. It blocks until the answer ended, was handed over, or was never this worker's to write.
"""

import threading
import uuid


def answer(message_id: uuid.UUID) -> None:
    from chats.answering.runner import runner

    runner().submit(message_id).result()


def release_all(timeout: float = 8.0) -> None:
    """Let go of everything this process writes, so that another worker goes on at once."""
    from chats.answering.runner import runner

    runner().release_all(timeout)


def warm_up() -> None:
    """Start the loop, and load in the background what the first question would otherwise wait for."""
    from chats.answering.runner import runner
    from llms import chat

    runner()
    threading.Thread(target=chat.warm_up, name="warm-up", daemon=True).start()
