"""The text in a picture, for the question that is being written: asked for by a person, read by a worker."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

from django.conf import settings
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from accounts import audit
from accounts.tenancy import acting_as, acting_as_system
from chats.images import keeping
from chats.images.models import Picture

logger = logging.getLogger(__name__)

_PROGRAM = ("-m", "chats.images.recognise")
_HOME = Path(__file__).resolve().parents[2]
_SECONDS = 60
_MISSING = 3
# What is taken of a page that is full of letters.
_LONGEST = 20_000
# What Tesseract needs to be found, and its languages. No secret, no address of a server.
_KEPT = ("PATH", "LANG", "LC_ALL", "TESSDATA_PREFIX")
# It may start no threads.
_PLAIN = {"OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1"}

WORDS = {
    Picture.Reading.NONE: "No text was found in this picture.",
    Picture.Reading.MISSING: (
        "Text in pictures cannot be read here yet: Tesseract is not installed. An administrator can add it with: "
        "apt install tesseract-ocr"
    ),
    Picture.Reading.FAILED: "The text in this picture could not be read. The picture is kept.",
}


def ask(picture: Picture) -> None:
    """Have it read, unless it was or is being. Asking again helps where the message or its worker was lost."""
    if picture.reading in {Picture.Reading.DONE, Picture.Reading.NONE}:
        return
    Picture.objects.filter(pk=picture.pk).update(reading=Picture.Reading.ASKED)
    picture.reading = Picture.Reading.ASKED
    audit.record(audit.Action.CHAT_IMAGE_READ, user=picture.owner_id, resource=("picture", picture.pk))
    from chats.images.tasks import read_text

    try:
        read_text.delay(str(picture.pk))
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("A picture could not be queued: %s", type(error).__name__)
        Picture.objects.filter(pk=picture.pk).update(reading=Picture.Reading.FAILED)
        picture.reading = Picture.Reading.FAILED


def read(picture_id: UUID) -> None:
    """In a worker. Done twice it ends the same."""
    with acting_as_system("read the text in a picture"):
        picture = Picture.objects.filter(pk=picture_id, reading=Picture.Reading.ASKED).first()
    if picture is None:
        return
    with acting_as(picture.owner_id):
        reading, text = _read(picture)
        sealed = Picture.sealed(picture.pk, owner_id=picture.owner_id, text=text)
        Picture.objects.filter(pk=picture.pk).update(reading=reading, **sealed)


def _read(picture: Picture) -> tuple[Picture.Reading, str]:
    try:
        with keeping.opened(picture) as file:
            code, said = _recognised(file.read())
    except FileNotFoundError:
        return Picture.Reading.FAILED, ""
    if code == _MISSING:
        return Picture.Reading.MISSING, ""
    if code:
        logger.warning("The text in a picture was not read: exit code %s", code)
        return Picture.Reading.FAILED, ""
    text = said.decode("utf-8", "replace").replace("\0", "").strip()[:_LONGEST]
    return (Picture.Reading.DONE, text) if text else (Picture.Reading.NONE, "")


def _recognised(content: bytes) -> tuple[int, bytes]:
    try:
        done = subprocess.run(
            [sys.executable, "-B", *_PROGRAM, settings.OCR_LANGUAGES],
            cwd=_HOME,
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=_SECONDS,
            env={name: os.environ[name] for name in _KEPT if name in os.environ} | _PLAIN,
        )
    except subprocess.TimeoutExpired:
        return 1, b""
    return done.returncode, done.stdout
