import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from accounts.models import User
from chats import conversation as conversations
from chats.images import taking_in
from chats.images.models import Picture
from chats.models import Conversation

SEEING, BLIND = "ollama/qwen2.5vl:7b", "ollama/llama3.2:3b"
HTMX = {"HTTP_HX_REQUEST": "true"}
Add = Callable[..., Picture]


def image(size: tuple[int, int] = (320, 200), colour: Any = "teal", form: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    mode = options.pop("mode", "RGB")
    Image.new(mode, size, colour).save(out, form, **options)
    return out.getvalue()


def file(content: bytes, name: str = "ferry.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def upload(page: Client, content: bytes, name: str = "ferry.png") -> Any:
    return page.post("/images", {"file": file(content, name)}, **HTMX)


@pytest.fixture
def add(owner: User) -> Add:
    """A picture of the owner's that waits to be sent."""

    def add(content: bytes | None = None, *, name: str = "ferry.png", user: User = owner) -> Picture:
        return taking_in.add(user, io.BytesIO(content or image()), name)

    return add


@pytest.fixture
def seeing(owner: User, ollama: object) -> Conversation:
    """A conversation whose model sees."""
    return conversations.start(owner, model=SEEING, use_documents=False)
