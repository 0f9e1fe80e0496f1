"""At most so many at a time of what takes a processor and much memory, and a short queue."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Turns:
    """*at_once* may be at work, *waiting* others stand in the queue; *refusal* is for the rest."""

    def __init__(self, at_once: int, waiting: int, refusal: Callable[[], Exception]) -> None:
        self._running = threading.BoundedSemaphore(at_once)
        self._places = threading.BoundedSemaphore(at_once + waiting)
        self._refusal = refusal

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn; raise the refusal at once when too many wait already."""
        if not self._places.acquire(blocking=False):
            raise self._refusal()
        try:
            with self._running:
                yield
        finally:
            self._places.release()
