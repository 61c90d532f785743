"""The carried PostgreSQL, prepared from nothing, by whoever runs the tests."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from chatsite import addresses, carried
from tests.waiting import until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root must become somebody else for PostgreSQL")


@contextmanager
def _running(data_dir: Path) -> Iterator[psycopg.Connection]:
    server = subprocess.Popen(carried.postgres_command(data_dir, fsync="off"), stderr=subprocess.DEVNULL)
    try:
        until(lambda: carried.postgres_is_up(data_dir), 60)
        with psycopg.connect(carried.database_url(data_dir, role=carried.OWNER_ROLE)) as connection:
            yield connection
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=60) == 0


def _has_vectors(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT '[3,4]'::vector <-> '[0,0]'").fetchone()
    return row == (5.0,)


def test_it_is_made_once_and_keeps_what_is_written(tmp_path: Path) -> None:
    carried.prepare_postgres(tmp_path)
    with _running(tmp_path) as connection:
        assert _has_vectors(connection)
        connection.execute("CREATE TABLE kept AS SELECT 'Grüße' AS words")
    carried.prepare_postgres(tmp_path)
    with _running(tmp_path) as connection:
        assert connection.execute("SELECT words FROM kept").fetchone() == ("Grüße",)


def test_what_the_product_works_as_owns_nothing_and_makes_nothing(tmp_path: Path) -> None:
    carried.prepare_postgres(tmp_path)
    with (
        _running(tmp_path),
        psycopg.connect(carried.database_url(tmp_path)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("CREATE TABLE mine (id int)")


def test_nobody_is_superuser_over_the_socket(tmp_path: Path) -> None:
    carried.prepare_postgres(tmp_path)
    (tmp_path / "postgres" / "pg_hba.conf").write_text("local all all trust\n", encoding="ascii")  # as once made
    carried.prepare_postgres(tmp_path)
    with _running(tmp_path):
        url = carried.database_url(tmp_path).replace(f"//{carried.ROLE}@", f"//{carried.SUPERUSER}@")
        with pytest.raises(psycopg.OperationalError, match="rejects connection"):
            psycopg.connect(url)


def test_a_start_that_was_broken_off_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "half").write_text("written", encoding="utf-8")
    carried.prepare_postgres(tmp_path)
    assert (tmp_path / "postgres" / "PG_VERSION").exists()
    assert not (tmp_path / "postgres.new").exists()


@needs_root
def test_root_without_namespaces_hands_the_cluster_to_somebody_without_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carried, "_NAMESPACE", ["false"])
    carried.prepare_postgres(tmp_path)
    assert (tmp_path / "postgres").stat().st_uid != 0
    with _running(tmp_path) as connection:
        assert _has_vectors(connection)


@needs_root
def test_root_that_may_become_nobody_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carried, "_works", lambda _prefix: False)
    with pytest.raises(carried.CannotStart, match="as an ordinary user, or set DATABASE_URL"):
        carried.prepare_postgres(tmp_path)


def test_a_missing_package_is_named() -> None:
    with pytest.raises(carried.CannotStart, match="The package no_such_package is not installed"):
        carried._package("no_such_package")


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("127.0.0.1", "http://localhost:80"),
        ("0.0.0.0", "http://localhost:80"),
        ("::", "http://localhost:80"),
        ("192.0.2.7", "http://192.0.2.7:80"),
        ("2001:db8::7", "http://[2001:db8::7]:80"),
    ],
)
def test_the_address_to_type(host: str, site: str) -> None:
    assert addresses.site(host, 80) == site


def test_the_names_of_a_server_are_those_it_listens_on() -> None:
    assert addresses.own_names("192.0.2.7")[-1] == "192.0.2.7"
    assert addresses.own_names("2001:db8::7")[-1] == "[2001:db8::7]"
    everywhere = addresses.own_names("0.0.0.0")
    assert "127.0.0.1" in everywhere
    assert len(everywhere) == len(set(everywhere))
