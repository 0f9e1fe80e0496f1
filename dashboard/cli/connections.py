"""Connections: one request at a time, none for ever, and none in the way of another.

waitress reads and writes all of them in one thread, and lets threads work on whole requests only,
so that a slow client costs a connection and no thread. What it leaves open is closed here: requests
sent ahead would hold answers and files that nobody reads, a byte now and then would hold a
connection for ever, and whoever holds all of them would shut the door.
"""

import logging
import re
import socket
import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask, WSGITask

from .wire import Bodies, StrictParser

CONNECTIONS = 500  # at once; each is a file descriptor, and another while it sends a file
# From this many on, each new one takes the place of another that is not at work.
CROWDED = 450
IDLE_SECONDS = 60  # without a byte in either direction
HEADER_SECONDS = 20  # from the first byte of a request to the end of its headers
BODY_SECONDS = 30  # after which a body has to come at the rate below
BODY_BYTES_A_SECOND = 1 << 10
# After a body was refused: what still comes is thrown away so that the client reads the answer.
LINGER_SECONDS = 10

_SERVING = re.compile(r"(while serving) .*", re.DOTALL)
SENTENCES = {
    413: "This is larger than the server accepts. Nothing was saved.",
    431: "The address or the headers of this request are longer than the server accepts.",
    500: "The server made a mistake. Tell the people who run it when this was.",
}
SENTENCE = "The server could not understand this request. Nothing was done."


class _Log(logging.LoggerAdapter[logging.Logger]):
    """Waitress's log, without the address of a request: an invite link is a secret."""

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        return _SERVING.sub(r"\1 a request", str(msg)), kwargs


class Task(WSGITask):  # type: ignore[misc]  # waitress has no types
    """A request on its way to the application."""

    def get_environment(self) -> dict[str, Any]:
        """Return the WSGI environment, with why the body is not there."""
        environ: dict[str, Any] = super().get_environment()
        if self.request.is_without_body and self.request.admission is not None:
            environ[self.channel.bodies.refused_as] = self.request.admission.refusal
        return environ


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection."""

    will_close: bool
    task_class = Task
    logger = _Log(HTTPChannel.logger)
    bodies: Bodies  # of the application

    def __init__(self, server: Any, *args: Any, **kwargs: Any) -> None:
        self._ahead = b""  # what came after a request; it waits until that is answered and read
        self._begun = time.monotonic()  # the first byte of the request that comes in
        self._lingers = False  # when closed, more will come that nobody wants
        self._linger_until = 0.0
        super().__init__(server, *args, **kwargs)
        make_place(self)

    def parser_class(self, adj: Any) -> StrictParser:
        """Return what takes in the next request."""
        return StrictParser(adj, self.bodies, self._finished)

    # What follows runs in the one thread that reads and writes.

    def received(self, data: bytes) -> bool:
        """Take in what came; throw it away once this connection is only there to be read."""
        if self._linger_until:
            return False
        if self.request is None:
            self._begun = time.monotonic()
        return bool(super().received(data))

    def _finished(self, request: StrictParser, rest: bytes) -> None:
        """Keep what came after *request*; of one that is refused, that is its body."""
        self._lingers = request.is_without_body or request.error is not None
        self._ahead = b"" if self._lingers else rest

    def _flush_outbufs_below_high_watermark(self) -> None:
        """Hold no thread until a client has read: what it has not read is in a temporary file."""

    def readable(self) -> bool:
        """Return whether to read. Asked at least once a second, so what is too slow ends here."""
        now = time.monotonic()
        if self._linger_until:
            self.will_close = self.will_close or now > self._linger_until
            return not self.will_close
        if self._is_too_slow(now):
            self.will_close = True
        if not super().readable():
            return False
        if not self._ahead:
            return True
        data, self._ahead = self._ahead, b""
        self.received(data)
        return False

    def _is_too_slow(self, now: float) -> bool:
        request, seconds = self.request, now - self._begun
        if request is None:
            return False
        if not request.headers_finished:
            return seconds > HEADER_SECONDS
        least = seconds * BODY_BYTES_A_SECOND
        return seconds > BODY_SECONDS and request.body_bytes_received < least

    def handle_close(self) -> None:
        """Close; after a refusal only one half, for the client may not have read it yet."""
        if self._lingers and self.connected and not self._linger_until:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
                self._linger_until = time.monotonic() + LINGER_SECONDS
                self.will_close = self.close_when_flushed = False
                return
        if self.request is not None:
            self.request.close()
        super().handle_close()

    def state(self) -> tuple[int, float]:
        """Return how hard it is to do without this connection, and since when."""
        if self._linger_until:
            return 0, self._linger_until
        if self.request is not None:  # a request comes in: its headers, its body
            return (2 if not self.request.headers_finished else 3), self._begun
        if self.total_outbufs_len:
            return 4, self.last_activity
        return 1, self.last_activity


def make_place(new: Channel) -> None:
    """Close the oldest of those connections that can best be spared, when there are too many.

    Whoever is at work is left alone, and a request that comes in at once is at work at once.
    """
    others = [one for one in new._map.values() if isinstance(one, Channel) and one is not new]
    if len(others) < CROWDED:
        return
    spare = [one for one in others if not one.requests and not one.will_close]
    if spare:
        min(spare, key=Channel.state).will_close = True


def channel_class(headers: Mapping[str, str], bodies: Bodies) -> type[Channel]:
    """Return the connections of an application: *headers* are in their refusals, too."""

    class Refusal(ErrorTask):  # type: ignore[misc]
        """What is answered before the application is asked. Repeats nothing of the request."""

        def execute(self) -> None:
            error = self.request.error
            body = SENTENCES.get(error.code, SENTENCE).encode() + b"\n"
            self.status = f"{error.code} {error.reason}"
            self.response_headers.append(("Content-Type", "text/plain; charset=utf-8"))
            self.response_headers.append(("Cache-Control", "no-store"))
            self.response_headers.extend(headers.items())
            self.set_close_on_finish()
            self.content_length = len(body)
            self.write(body)

    class ChannelOfApplication(Channel):
        error_task_class = Refusal

    ChannelOfApplication.bodies = bodies
    return ChannelOfApplication
