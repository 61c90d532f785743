"""Waiting for what another thread or process does."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def until(
    condition: Callable[[], Value], within: float = 20, *, told: Callable[[], str] = lambda: "", every: float = 0.02
) -> Value:
    """The first true value of `condition`. Without one in `within` seconds the test fails with what `told` says."""
    deadline = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline, f"It did not happen within {within} s. {told()}"
        time.sleep(every)
    return value
