from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import User
from accounts.tenancy import acting_as
from chats.exchange import asking, working
from chats.exchange.models import ExchangeJob

Take = Callable[..., ExchangeJob]


@pytest.fixture
def take(owner: User, transactional_db: None) -> Take:
    """Takes the bytes of a file in, as the page and a worker do."""

    def taken(content: bytes, user: User = owner) -> ExchangeJob:
        with acting_as(user):
            job = asking.take_in(user, SimpleUploadedFile("export.json", content))
        working.do(job.pk)
        job.refresh_from_db()
        return job

    return taken
