"""Writing one answer: claim the row, find passages, build the prompt, stream the model, settle the row.

`answer` is the one way in. It blocks until the answer ended, was handed over, or was never this worker's to write.
"""

import uuid


def answer(message_id: uuid.UUID) -> None:
    from chats.answering.runner import runner

    runner().submit(message_id).result()


def release_all(timeout: float = 8.0) -> None:
    """Let go of everything this process writes, so that another worker goes on at once."""
    from chats.answering.runner import runner

    runner().release_all(timeout)


def warm_up() -> None:
    """Start the loop before the first question needs it."""
    from chats.answering.runner import runner

    runner()
