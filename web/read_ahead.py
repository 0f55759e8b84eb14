"""Threads that read the store for whoever asks next; they are waited for before it is closed."""

import threading
from collections.abc import Callable
from typing import Final

_FINISH_S: Final = 5.0


class ReadAhead:
    """One a process, for as long as its store is open. Several threads may use it at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: list[threading.Thread] = []
        self._closed = False

    def start(self, read: Callable[[], None]) -> bool:
        """Calls `read` in a thread of its own; False once this is closed, or where the machine has no thread left."""
        with self._lock:
            if self._closed:
                return False
            self._running = [each for each in self._running if each.is_alive()]
            thread = threading.Thread(target=read, name="read ahead", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return False
            self._running.append(thread)
            return True

    def close(self) -> None:
        """Returns once nothing reads any more, after 5 s a thread at most: a database may never answer."""
        with self._lock:
            self._closed = True
        for each in self._running:
            each.join(_FINISH_S)
