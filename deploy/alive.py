# ruff: noqa: INP001 - a script beside the files that call it
"""For container health checks: `python deploy/alive.py web|answers|documents`. Exit code 0: this part is alive.

Small on purpose, because it runs every few seconds: a worker is alive if it said so in Redis within the last while.
"""

import os
import socket
import sys
import time
import urllib.request

KEY = "chatsite:workers"
WITHIN = 30.0


def web() -> bool:
    port = os.environ.get("PORT", "8000")
    with urllib.request.urlopen(f"http://localhost:{port}/health", timeout=4) as answer:
        return bool(answer.status == 200)


def worker(queue: str) -> bool:
    import redis

    client = redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=2, socket_connect_timeout=2)
    said = client.zscore(KEY, f"{queue} {queue}@{socket.gethostname()}")
    return isinstance(said, float) and time.time() - said < WITHIN


if __name__ == "__main__":
    part = sys.argv[1]
    sys.exit(0 if (web() if part == "web" else worker(part)) else 1)
