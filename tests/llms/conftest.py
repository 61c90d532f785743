from collections.abc import Iterator

import pytest

from llms import catalogue


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    """Each test begins with a catalogue that has asked nobody."""
    catalogue.forget()
    yield
    catalogue.forget()
