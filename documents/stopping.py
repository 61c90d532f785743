"""Whether this worker has been asked to stop: said in its main process, seen in the processes that it forked."""

import mmap

# Shared over forks, without a thread or a lock.
_asked = mmap.mmap(-1, 1)


def ask() -> None:
    _asked[0] = 1


def is_asked() -> bool:
    return _asked[0] == 1
