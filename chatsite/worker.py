"""A worker: `python -m chatsite.worker` with the arguments of `celery worker`.

Celery's own program loads every command it has, with a shell for AMQP: 8 MB in each worker that nobody uses.
"""

from celery.bin.base import CLIContext
from celery.bin.worker import worker

from chatsite.celery import app

if __name__ == "__main__":
    worker(obj=CLIContext(app=app, no_color=True, workdir=None, quiet=True), prog_name="chatsite.worker")
