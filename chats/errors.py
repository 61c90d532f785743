"""What can be refused to a person in a conversation, in words for that person."""


class ChatError(Exception):
    """The verb cannot be done. `text` is for the person, `status` the HTTP status it leads to."""

    code = "not_possible"
    status = 409

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)


class BadMessage(ChatError):
    code = "bad_message"
    status = 422
