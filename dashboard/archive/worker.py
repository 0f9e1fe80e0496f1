"""A thread for libraries: they let the interpreter go while they pack, unpack and digest."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, Self, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Worker:
    """Does one thing after the other in a thread of its own. Use as a context manager."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="archive")

    def __enter__(self) -> Self:
        """Return the worker."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop the thread."""
        self.stop()

    def stop(self) -> None:
        """Stop the thread when what it does is done; what has not begun will not be."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(self, act: Callable[_P, _T], *args: _P.args, **more: _P.kwargs) -> "Future[_T]":
        """Have *act* done after what was asked for before; return what will hold its result."""
        return self._pool.submit(act, *args, **more)
