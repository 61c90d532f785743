"""Why a picture was not taken, or not asked about, in words for the person."""

from chats.errors import ChatError


class PictureRefused(ChatError):
    code = "picture_refused"
    status = 422


class ModelIsBlind(ChatError):
    """The chosen model cannot see pictures. `offer` is the key of one that can, or ""."""

    code = "model_cannot_see"
    status = 422

    def __init__(self, text: str, *, offer: str = "") -> None:
        super().__init__(text)
        self.offer = offer
