"""The whole product under its supervisor: it starts with nothing configured, survives, and goes."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from tests.platform.product import Product

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    stack = Product(tmp_path_factory.mktemp("stack"), LLM_PROVIDER="builtin")
    stack.start()
    yield stack
    if stack.supervisor and stack.supervisor.poll() is None:
        stack.stop()


def _components(stack: Product) -> dict[str, dict[str, str]]:
    status, body = stack.get("/ready")
    return json.loads(body)["components"] if status in {200, 503} else {}


def _all_is_well(stack: Product) -> bool:
    components = _components(stack)
    return bool(components) and all(
        components[name]["status"] == "ok" for name in ("database", "redis", "broker", "models")
    )


def test_it_answers_with_nothing_configured(stack: Product) -> None:
    assert stack.get("/health")[0] == 200
    stack.until(lambda: _all_is_well(stack))


def test_the_printed_link_leads_to_the_set_up_page(stack: Product) -> None:
    status, page = stack.get(stack.set_up_link().removeprefix(stack.url))
    assert status == 200
    assert b'name="password' in page or b'type="password"' in page


def test_a_style_sheet_of_a_page_is_served(stack: Product) -> None:
    page = stack.get("/accounts/login/")[1].decode()
    path = next(part.split('"')[0] for part in page.split('href="') if part.split('"')[0].endswith(".css"))
    status, body = stack.get(path)
    assert status == 200
    assert body


def test_the_product_is_neither_superuser_nor_owner_in_its_database(stack: Product) -> None:
    import psycopg

    from chatsite import carried

    with psycopg.connect(carried.database_url(stack.folder / "data")) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolbypassrls, pg_get_userbyid(datdba) = rolname FROM pg_roles, pg_database"
            " WHERE rolname = current_user AND datname = current_database()"
        ).fetchone()
    assert row == (False, False, False)


def test_nothing_listens_but_the_web_port(stack: Product) -> None:
    listening = set()
    for process in stack.processes():
        with suppress(psutil.NoSuchProcess):  # workers replace their children
            connections = process.net_connections(kind="inet")
            listening |= {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}
    assert listening == {stack.port}


def test_it_is_small_while_idle(stack: Product) -> None:
    stack.until(lambda: _all_is_well(stack))
    time.sleep(30)  # by then beat's jobs have been in every child of the pool, and made memory its own
    sizes = {process.pid: process.memory_full_info().pss / 1024**2 for process in stack.processes()}
    web = stack.part("web")
    assert web is not None
    assert sizes[web.pid] < 120
    assert sum(sizes.values()) < 500


@pytest.mark.parametrize("name", ["web", "answers", "documents", "redis", "database"])
def test_a_killed_part_comes_back_and_everything_works_again(stack: Product, name: str) -> None:
    stack.kill(name)
    stack.until(lambda: _all_is_well(stack))
    assert stack.get("/accounts/login/")[0] == 200


def test_requests_wait_for_a_web_process_that_starts_again(stack: Product) -> None:
    stack.kill("web")
    # The port never closed: the very next request is answered, late, and not refused.
    assert stack.get("/health")[0] == 200


def test_a_second_instance_on_the_same_data_is_refused_and_the_first_goes_on(stack: Product) -> None:
    second = Product(stack.folder)
    second._log_path = lambda: stack.folder / "second-log"  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match="is in use by another Chatsite"):
        second.start()
    assert stack.get("/health")[0] == 200


def test_stopping_is_clean_leaves_no_process_and_loses_nothing(stack: Product) -> None:
    processes = stack.processes()
    assert stack.stop() == 0
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert alive == []
    log = stack.log()
    assert log.rstrip().endswith("Stopped.")
    assert "does not stop" not in log
    first_link = stack.set_up_link()

    stack.start()
    assert "automatic recovery" not in stack.log()
    assert "Making the database" not in stack.log()
    assert stack.set_up_link() != first_link
    assert stack.get(first_link.removeprefix(stack.url))[0] in {404, 410}


def test_a_supervisor_that_is_killed_takes_everything_with_it_and_can_start_again(stack: Product) -> None:
    processes = stack.processes()
    assert stack.supervisor is not None
    stack.supervisor.kill()
    stack.supervisor.wait(timeout=10)
    _, alive = psutil.wait_procs(processes, timeout=30)
    assert alive == []
    stack.start()
    assert stack.get("/health")[0] == 200
