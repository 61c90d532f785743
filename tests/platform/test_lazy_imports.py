"""The web process starts fast and stays small: heavy libraries belong to the workers."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
HEAVY = ["llama_index", "numpy", "unstructured", "wordllama", "spacy", "pandas", "nltk", "torch", "sklearn", "scipy"]

PROGRAM = f"""
import sys
import chatsite.asgi
from django.urls import get_resolver

def resolve(patterns):
    for pattern in patterns:
        if hasattr(pattern, "url_patterns"):
            resolve(pattern.url_patterns)

resolve(get_resolver().url_patterns)
print(",".join(name for name in {HEAVY!r} if name in sys.modules))
"""

SMALL = """
import sys, chatsite.up
print(",".join(name for name in ("celery", "redis", "django.db", "psycopg") if name in sys.modules))
"""


def _run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.strip()


def test_the_web_process_imports_no_heavy_library() -> None:
    assert _run(PROGRAM) == ""


def test_the_supervisor_imports_hardly_anything() -> None:
    assert _run(SMALL) == ""
