"""Which models see, said before any is asked; and pictures in the form that is sent to one."""

import base64

from chats.images import keeping
from chats.images.errors import ModelIsBlind
from chats.images.models import Picture
from llms import catalogue, requests
from llms.errors import ModelMissing, ServerUnreachable, Unsuitable

# Pixels of the longer side of what is sent, as chats.images.redraw makes it.
_SIDE = 1280
# A token of the models that see best stands for a square of 28 pixels; Ollama itself counts 768 for any picture.
_PIXELS_A_TOKEN = 28 * 28
_LEAST_TOKENS = 768


def refuse_blind(model_key: str, count: int) -> None:
    """Raises ModelIsBlind where the model cannot see and there is something to see.

    A model that is gone, or a server that is away, is the answer's own business: it says so, and keeps the question.
    """
    if not count:
        return
    try:
        model = catalogue.resolve(model_key)
    except (ModelMissing, ServerUnreachable, Unsuitable):
        return
    if model.sees:
        return
    kept = "Your text and the picture are kept" if count == 1 else f"Your text and the {count} pictures are kept"
    begin = f"“{model.label}” cannot see pictures, so nothing was asked. {kept}."
    if others := catalogue.vision_models():
        raise ModelIsBlind(f"{begin} Choose “{others[0].label}”, which can, or remove them.", offer=others[0].key)
    raise ModelIsBlind(
        f"{begin} No model that can is installed: an administrator can pull one. You can remove the pictures, or put "
        "the text in them into your question."
    )


def for_model(picture: Picture) -> requests.Picture:
    """Raises FileNotFoundError."""
    with keeping.opened(picture, "sight") as file:
        data = base64.b64encode(file.read()).decode("ascii")
    return requests.Picture(data, tokens(picture))


def tokens(picture: Picture) -> int:
    shrunk = min(1.0, _SIDE / max(picture.width, picture.height))
    return max(_LEAST_TOKENS, int(picture.width * picture.height * shrunk * shrunk) // _PIXELS_A_TOKEN)


def in_words(pictures: list[Picture]) -> str:
    """For models that do not see, and where there is no room for more pictures."""
    return f"[{'A picture was' if len(pictures) == 1 else f'{len(pictures)} pictures were'} shown with this.]"
