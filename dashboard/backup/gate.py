"""At most two key derivations at a time: each takes a processor and up to 512 MiB."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import TooBusy

AT_ONCE = 2
MAX_WAITING = 10
_running = threading.BoundedSemaphore(AT_ONCE)
_places = threading.BoundedSemaphore(AT_ONCE + MAX_WAITING)


@contextmanager
def key_derivation() -> Iterator[None]:
    """Wait for one's turn; raise `TooBusy` when too many wait already."""
    if not _places.acquire(blocking=False):
        raise TooBusy
    try:
        with _running:
            yield
    finally:
        _places.release()
