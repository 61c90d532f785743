"""One PostgreSQL and one Redis for the whole test run, and the people who appear in the tests.

The servers are the carried ones, unless DATABASE_URL and REDIS_URL name others. They must run before the settings
are loaded, so this happens while pytest reads this file, and not in a fixture.
"""

import atexit
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import django
import hypothesis
import pytest

from chatsite import carried
from tests.ollama_server import ollama

__all__ = ["ollama"]  # a fixture for every area

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser
    from pytest_django.plugin import DjangoDbBlocker

    from accounts.models import User

PASSWORD = "correct horse battery"
# What this process says about itself and its servers, as far as nobody outside said it.
_OWN = {"DJANGO_SETTINGS_MODULE", "DATA_DIR", "REDIS_URL", "DATABASE_URL", "DATABASE_OWNER_URL"} - set(os.environ)


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    atexit.register(_stop, server)
    return server


def _stop(server: subprocess.Popen[bytes]) -> None:
    # Nothing here is worth keeping: SIGQUIT ends PostgreSQL at once, with its children; Redis simply dies of it.
    server.send_signal(signal.SIGQUIT)
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        server.kill()


def _wait_until_up(data_dir: Path) -> None:
    deadline = time.monotonic() + 30
    while not carried.postgres_is_up(data_dir):
        if time.monotonic() > deadline:
            raise RuntimeError("The PostgreSQL server for the tests did not start within 30 seconds.")
        time.sleep(0.05)


def _prepare() -> None:
    data_dir = Path(tempfile.mkdtemp(prefix="chatsite-test-"))
    atexit.register(shutil.rmtree, data_dir, ignore_errors=True)
    os.environ["DATA_DIR"] = str(data_dir)
    os.environ.setdefault("SECRET_KEY", secrets.token_hex(32))
    os.environ.setdefault("ENCRYPTION_KEY", secrets.token_hex(32))
    # Never a real model server: tests that want one start the one in tests/ollama_server.py.
    os.environ.setdefault("LLM_PROVIDER", "builtin")
    if not os.environ.get("REDIS_URL"):
        _start(carried.redis_command(data_dir))
        os.environ["REDIS_URL"] = carried.redis_url(data_dir)
    if not os.environ.get("DATABASE_URL"):
        carried.prepare_postgres(data_dir)
        # Nothing that comes by the clock: statistics of tables that are just empty would choose plans for full ones.
        quick = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
        _start(carried.postgres_command(data_dir, **quick))
        _wait_until_up(data_dir)
        os.environ["DATABASE_URL"] = carried.database_url(data_dir)
        os.environ["DATABASE_OWNER_URL"] = carried.database_url(data_dir, role=carried.OWNER_ROLE)
    os.environ["DJANGO_SETTINGS_MODULE"] = "chatsite.settings"


def _ease(settings: object) -> None:
    """What differs from production: cheap passwords, and static files straight from their folders."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # type: ignore[attr-defined]
    settings.STORAGES["staticfiles"]["BACKEND"] = (  # type: ignore[attr-defined]
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    # Every test comes from one address. Those of the limits set their own.
    settings.RATE_LIMIT_PER_MINUTE = 0  # type: ignore[attr-defined]
    settings.WHITENOISE_USE_FINDERS = True  # type: ignore[attr-defined]
    settings.WHITENOISE_AUTOREFRESH = True  # type: ignore[attr-defined]


_prepare()

from django.conf import settings as django_settings  # noqa: E402 - the servers and the environment come first

_ease(django_settings)
django.setup()
# Nothing is timed here: another process may have the cores for a moment.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Several test processes share the tests, each with servers of its own: they inherit nothing of the one that shares
    them out. Settings would otherwise be read before this file, and be the parent's."""
    for name in _OWN:
        os.environ.pop(name, None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """REQUIRE_BROWSER=1: where Chromium must be, a browser test that is skipped has failed."""
    report = yield
    needs_browser = item.get_closest_marker("browser") or "chromium" in getattr(item, "fixturenames", ())
    if report.skipped and needs_browser and os.environ.get("REQUIRE_BROWSER") == "1":
        report.outcome = "failed"
        report.longrepr = f"Skipped, but REQUIRE_BROWSER=1 forbids it: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser of browser tests, which are skipped without one."""
    # The one without a window first: it draws with half the processor time.
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("Chromium is not installed. Install it, for example: sudo apt install chromium")
    return found


@pytest.fixture(scope="session")
def chromium(chromium_path: str) -> "Iterator[Browser]":
    """One browser for all tests that look at pages."""
    with launched(chromium_path) as browser:
        yield browser


@contextmanager
def launched(path: str) -> "Iterator[Browser]":
    """Its pages have no worker for no connection unless a test asks for one: it would ask on its own while tests play
    the server."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for name in ("new_context", "new_page"):
            setattr(browser, name, partial(getattr(browser, name), service_workers="block"))
        yield browser
        browser.close()


def _needs_browser(item: pytest.Item) -> bool:
    return "chromium" in getattr(item, "fixturenames", ())


def _in_stack(item: pytest.Item) -> bool:
    return item.path.parent.name == "stack"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Where several processes share the tests, a file's stay together, so that what they share is made once.

    Its tests with a browser are a group of their own, for they come last in every process, as below. Those of the
    whole product share one, and its port.
    """
    kind = "browser" if _needs_browser(item) else "plain"
    place = str(item.path.relative_to(item.config.rootpath))
    item.add_marker(pytest.mark.xdist_group("stack" if _in_stack(item) else f"{place}-{kind}"))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Files are not named by their bytes: some hold the second in which they were made, and then the processes that
    share the tests would not know each other's by name."""
    return argname if isinstance(val, bytes) and len(val) > 60 else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests with a browser come last: Playwright's event loop stays in this thread, and no other can run beside it.

    Only those of the whole product come first, and end their browser: they wait more than they compute, and one process
    runs them all, for as long as the others need for the rest.
    """
    items.sort(key=lambda item: (not _in_stack(item), _needs_browser(item)))
    if getattr(config.option, "loadgroup", False) and any("@" not in item.nodeid for item in items):
        raise pytest.UsageError("pytest-xdist does not name the groups of tests with this pytest, and would part them.")


@pytest.fixture(autouse=True)
def _acting() -> "Iterator[None]":
    """What a test does itself, it does as the system; a request or a job in it acts as whoever it is for."""
    from accounts.tenancy import acting_as_system

    with acting_as_system("a test"):
        yield


@pytest.fixture(autouse=True)
def _no_head() -> None:
    """What one test sealed is in no table any more when the next one begins."""
    from accounts.audit import kept_head

    (Path(django_settings.KEYS_DIR) / kept_head.NAME).unlink(missing_ok=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """What a worker does after an answer ended, such as naming the chat, is over before any fixture empties the tables.

    Not a fixture: those that empty tables may be taken down before it.
    """
    module = sys.modules.get("chats.answering.runner")
    one = module and module._runner
    deadline = time.monotonic() + 10
    while one and one._announcing and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: "DjangoDbBlocker") -> "Iterator[None]":
    """Between tests all tables are emptied, which the audit log would not allow."""
    from django.db import connections

    from accounts.audit import system_use
    from tests import emptying

    # Told of once an hour, and so in whichever test happens to be the first. One test looks at it (test_audit_calls).
    system_use.is_due = lambda _reason: False
    with django_db_blocker.unblock(), connections["owner"].cursor() as cursor:
        for table in ("audit_event", "audit_seal"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_truncate")
    with django_db_blocker.unblock():
        connections["owner"].close()
    with emptying.cheap():
        yield


def _user(email: str, role: str) -> "User":
    from accounts.models import User

    return User.objects.create_user(email, PASSWORD, role=role)


@pytest.fixture
def owner(db: None) -> "User":
    return _user("owner@example.org", "user")


@pytest.fixture
def stranger(db: None) -> "User":
    return _user("stranger@example.org", "user")


@pytest.fixture
def admin_user(db: None) -> "User":
    return _user("admin@example.org", "super_admin")
