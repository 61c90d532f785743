from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from chatsite import env


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch):
    def set_to(value: str, name: str = "SOME_SETTING") -> None:
        monkeypatch.setenv(name, value)

    return set_to


def test_an_absent_setting_has_its_default() -> None:
    assert env.text("SOME_SETTING", "fallback") == "fallback"
    assert env.integer("SOME_SETTING", 7) == 7
    assert env.flag("SOME_SETTING", default=True) is True
    assert env.words("SOME_SETTING") == []
    assert env.url("SOME_SETTING", ["redis"]) == ""


def test_an_empty_setting_counts_as_absent(setting) -> None:
    setting("")
    assert env.integer("SOME_SETTING", 7) == 7


@pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
def test_flags_have_several_words_for_yes(setting, value: str) -> None:
    setting(value)
    assert env.flag("SOME_SETTING", default=False) is True


@pytest.mark.parametrize("value", ["0", "false", "No", "off"])
def test_flags_have_several_words_for_no(setting, value: str) -> None:
    setting(value)
    assert env.flag("SOME_SETTING", default=True) is False


def test_a_flag_that_is_neither_is_refused_by_name(setting) -> None:
    setting("perhaps")
    with pytest.raises(ImproperlyConfigured, match="SOME_SETTING is 'perhaps'; write true or false"):
        env.flag("SOME_SETTING", default=True)


@pytest.mark.parametrize("value", ["ten", "1.5", "1e3"])
def test_what_is_no_whole_number_is_refused(setting, value: str) -> None:
    setting(value)
    with pytest.raises(ImproperlyConfigured, match=r"SOME_SETTING .* whole number"):
        env.integer("SOME_SETTING", 1)


def test_a_number_out_of_range_is_refused_with_the_range(setting) -> None:
    setting("70000")
    with pytest.raises(ImproperlyConfigured, match="at least 1 and at most 65535"):
        env.integer("SOME_SETTING", 1, at_least=1, at_most=65535)


@pytest.mark.parametrize("value", ["nan", "-0.1", "1.1"])
def test_a_decimal_out_of_range_is_refused(setting, value: str) -> None:
    setting(value)
    with pytest.raises(ImproperlyConfigured, match="SOME_SETTING is"):
        env.decimal("SOME_SETTING", 0.5, at_most=1.0)


def test_a_decimal_that_is_none_is_refused(setting) -> None:
    setting("half")
    with pytest.raises(ImproperlyConfigured, match="must be a number"):
        env.decimal("SOME_SETTING", 0.5)


def test_an_unknown_choice_is_answered_with_the_known_ones(setting) -> None:
    setting("olama")
    with pytest.raises(ImproperlyConfigured, match="must be one of: auto, ollama, builtin"):
        env.choice("SOME_SETTING", "auto", ["auto", "ollama", "builtin"])


def test_lists_forgive_spaces_and_trailing_commas(setting) -> None:
    setting(" a, b ,,c,")
    assert env.words("SOME_SETTING") == ["a", "b", "c"]


def test_a_secret_may_come_from_a_file(setting, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n", encoding="utf-8")
    setting(str(tmp_path / "secret"), "SOME_SETTING_FILE")
    assert env.text("SOME_SETTING") == "s3cret"


def test_a_secret_from_two_places_is_refused(setting, tmp_path: Path) -> None:
    setting("one")
    setting(str(tmp_path / "secret"), "SOME_SETTING_FILE")
    with pytest.raises(ImproperlyConfigured, match="both set"):
        env.text("SOME_SETTING")


def test_a_secret_file_that_is_missing_is_named(setting, tmp_path: Path) -> None:
    setting(str(tmp_path / "absent"), "SOME_SETTING_FILE")
    with pytest.raises(ImproperlyConfigured, match=r"SOME_SETTING_FILE names .*absent.* cannot be read"):
        env.text("SOME_SETTING")


def test_a_url_with_another_scheme_is_refused_without_showing_its_password(setting) -> None:
    setting("http://user:hunter2@example.org")
    with pytest.raises(ImproperlyConfigured) as refusal:
        env.url("SOME_SETTING", ["redis", "unix"])
    assert "redis://, unix://" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_a_url_that_cannot_be_read_is_refused(setting) -> None:
    setting("redis://host:port/0")
    with pytest.raises(ImproperlyConfigured, match="cannot be read as a URL"):
        env.url("SOME_SETTING", ["redis"])


@pytest.mark.parametrize("value", ["Nowhere/City", "../etc/passwd", "Europe"])
def test_a_time_zone_must_exist(setting, value: str) -> None:
    setting(value)
    with pytest.raises(ImproperlyConfigured, match="like Europe/London"):
        env.time_zone("SOME_SETTING", "UTC")


def test_a_real_time_zone_is_kept(setting) -> None:
    setting("Europe/Berlin")
    assert env.time_zone("SOME_SETTING", "UTC") == "Europe/Berlin"
