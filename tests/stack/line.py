"""The cable between a browser and the server, which a test can cut."""

import socket
import threading
from contextlib import suppress
from typing import Self


class Line:
    """Listens on a port of its own and passes bytes on. While cut, open connections are gone and new ones refused."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._pairs: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_cut = False
        self.refused = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> int:
        """How many connections that ended."""
        with self._lock:
            self._is_cut = True
            ended = len(self._pairs) // 2
            for end in self._pairs:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            self._pairs.clear()
        return ended

    def mend(self) -> None:
        with self._lock:
            self._is_cut = False

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._is_cut:
                    self.refused += 1
                    near.close()
                    continue
                far = socket.create_connection(self._to)
                self._pairs |= {near, far}
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._pairs.discard(source)
        source.close()
