"""A database, and the cache beside it, for a bench that needs no other part of the product."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def own_database(kept: Path | None = None, *, provider: str = "builtin", **postgres: str) -> Iterator[None]:
    """The carried PostgreSQL and Redis with the product's settings, in a folder that goes away; Django set up on it.

    With `kept`, in that folder, which stays for another run. `provider` is LLM_PROVIDER. `postgres` are settings beside
    the product's.
    """
    data_dir = kept or Path(tempfile.mkdtemp(prefix="chatsite-bench-"))
    os.environ.update(DATA_DIR=str(data_dir), LLM_PROVIDER=provider, LOG_LEVEL="ERROR")
    os.environ.update(
        SECRET_KEY=secrets.token_hex(32), ENCRYPTION_KEY="0" * 64, DJANGO_SETTINGS_MODULE="chatsite.settings"
    )
    from chatsite import carried

    carried.prepare_postgres(data_dir)
    os.environ["DATABASE_URL"] = carried.database_url(data_dir)
    os.environ["DATABASE_OWNER_URL"] = carried.database_url(data_dir, role=carried.OWNER_ROLE)
    os.environ["REDIS_URL"] = carried.redis_url(data_dir)
    server = subprocess.Popen(
        carried.postgres_command(data_dir, **postgres), stderr=subprocess.DEVNULL, start_new_session=True
    )
    cache = subprocess.Popen(carried.redis_command(data_dir), stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        while not carried.postgres_is_up(data_dir):
            time.sleep(0.05)
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        from accounts.tenancy import acting_as_system

        with acting_as_system("a bench"):
            yield
    finally:
        cache.terminate()
        cache.wait(timeout=120)
        server.send_signal(signal.SIGINT if kept else signal.SIGQUIT)
        server.wait(timeout=120)
        if not kept:
            shutil.rmtree(data_dir, ignore_errors=True)
