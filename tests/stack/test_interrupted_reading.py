"""What a person does to a page in the middle of an answer costs them no character of it."""

import time

import pytest

from tests.stack.conftest import Asks
from tests.stack.line import Line

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.timeout(120)]

_CUT_FOR = 10.0


def test_a_reload_in_mid_stream_shows_every_character_once(ask: Asks) -> None:
    reading = ask(tokens=280)
    reading.wait_for_text(200)
    reading.page.reload()
    assert reading.was_reloaded()
    assert reading.is_live()
    reading.wait_for_end()
    reading.assert_complete_and_once()


def test_a_second_tab_shows_the_same_characters_as_the_first(ask: Asks) -> None:
    reading = ask(tokens=280)
    reading.wait_for_text(200)
    second = ask.context.new_page()
    second.goto(reading.page.url)
    second.wait_for_selector(f"{reading.bubble}[data-live]")
    reading.wait_for_end()
    second.wait_for_selector(f"{reading.bubble}:not([data-live])", state="attached")
    reading.assert_complete_and_once(second)


def test_a_socket_that_is_cut_for_ten_seconds_loses_nothing(ask: Asks, line: Line) -> None:
    reading = ask(tokens=640, url=line.url)
    reading.wait_for_text(200)
    assert line.cut() >= 1
    before, until = reading.text(), time.monotonic() + _CUT_FOR
    reading.page.wait_for_timeout(_CUT_FOR * 1000)
    assert time.monotonic() >= until
    assert line.refused  # the page tried to come back
    assert reading.is_live()
    line.mend()
    reading.wait_for_text(len(before.strip()) + 1)
    assert reading.is_live()  # it went on before the end brought everything
    reading.wait_for_end()
    assert not reading.was_reloaded()
    reading.assert_complete_and_once()
