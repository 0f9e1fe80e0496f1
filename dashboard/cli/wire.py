"""How bytes of the network become requests: as waitress does it, but nothing that has two meanings.

A proxy and this server must see the same requests in the same bytes, and the same address in the
same request. What RFC 9112 lets a server repair is refused here: no browser sends it.
"""

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any, Protocol

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.utilities import BadRequest, RequestEntityTooLarge

from .spool import Body

# Addresses, cookies and the rest of a browser's headers have room in a quarter of it.
MAX_HEADER_BYTES = 64 << 10

_CONTROL_IN_FIRST_LINE = re.compile(rb"[^\r\n]*[\x00-\x08\t\x0b\x0c\x0e-\x1f\x7f]")
_FOLDED = re.compile(rb"\r\n[ \t]")
_ENCODING = re.compile(rb"\r\ntransfer-encoding:([^\r]*)", re.IGNORECASE)

# The lines between the chunks of a body; waitress would collect one without an end.
MAX_CHUNK_LINE_BYTES = 1 << 10


class Admission(Protocol):
    """What the application says of a body: the most it takes, or why none; `done` comes last."""

    most: int
    refusal: Exception | None
    done: Callable[[], None]


class Bodies(Protocol):
    """Whom a parser asks before it takes in a body that is larger than *from_anybody*.

    Why one was not taken in is in the WSGI environment, as *refused_as*.
    """

    from_anybody: int
    refused_as: str

    def admit(self, environ: dict[str, Any]) -> Admission:
        """Return what may come in of the body of this request."""


class StrictParser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """Refuses with 400 what waitress would repair, and what makes it stumble.

    Keeps nothing of a body that the application does not want, and asks it before the first byte.
    The application then answers such a request as any other, and finds no body in it.
    """

    completed: bool
    error: Any
    body_rcv: Any
    admission: Admission | None = None
    is_without_body = False  # it has one, which was not taken in

    def __init__(self, adj: Any, bodies: Bodies, finished: "Callable[[StrictParser, bytes], None]"):
        """Ask *bodies*, and call *finished* at the end with what came after it."""
        super().__init__(adj)
        self._bodies, self._finished = bodies, finished
        self._most = bodies.from_anybody

    def received(self, data: bytes) -> int:
        """Take in *data* and return how much of it that was: all, once this request is complete."""
        in_headers = not self.headers_finished
        consumed: int = super().received(data)
        if self.error is not None:
            self.expect_continue = False  # waitress would ask for the body all the same
        elif self.body_rcv is not None:
            if in_headers and self.headers_finished:
                self._ask()
            if self.chunked and self.body_rcv is not None:
                self._check_chunks()
        if self.completed and not self.empty:
            self._finished(self, data[consumed:])
            return len(data)
        return consumed

    def _ask(self) -> None:
        if not self.chunked and self.content_length <= self._most:
            return
        self.admission = self._bodies.admit(self._environ())
        self._most = self.admission.most
        if self.admission.refusal is not None or self.content_length > self._most:
            self.body_rcv.getbuf().close()
            self.body_rcv, self.is_without_body, self.completed = None, True, True
            self.expect_continue = False
            self.headers["CONNECTION"] = "close"

    def _environ(self) -> dict[str, Any]:
        """Return what is known before the body: enough to tell whose request this is."""
        return {
            "REQUEST_METHOD": self.command,
            "PATH_INFO": "/" + self.path.lstrip("/"),
            "QUERY_STRING": self.query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": f"HTTP/{self.version}",
            "HTTP_COOKIE": self.headers.get("COOKIE", ""),
            "HTTP_AUTHORIZATION": self.headers.get("AUTHORIZATION", ""),
            "HTTP_HX_REQUEST": self.headers.get("HX_REQUEST", ""),
            "CONTENT_LENGTH": self.headers.get("CONTENT_LENGTH", ""),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(),
        }

    def _check_chunks(self) -> None:
        """Bound a body whose length nobody told."""
        lines = max(len(self.body_rcv.control_line), len(self.body_rcv.trailer))
        if self.body_bytes_received > self._most:
            self.error = RequestEntityTooLarge("longer than the application takes")
        elif lines > MAX_CHUNK_LINE_BYTES:
            self.error = BadRequest("a line between chunks without an end")
        if self.error is not None:
            self.completed = True

    def close(self) -> None:
        """Let go of the body; called again, do nothing."""
        super().close()
        admission, self.admission = self.admission, None
        if admission is not None:
            admission.done()

    def parse_header(self, header_plus: bytes) -> None:
        """Read the request line and the headers; raise `ParsingError`."""
        if _CONTROL_IN_FIRST_LINE.match(header_plus) or _FOLDED.search(header_plus):
            raise ParsingError("control character or folded line")
        encodings = b",".join(_ENCODING.findall(header_plus))
        if b"," in encodings:
            raise ParsingError("more than one transfer encoding")
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # of `urlsplit`, and of a number with thousands of digits
            raise ParsingError("no address, or no number") from error
        if self.version not in ("1.0", "1.1"):
            raise ParsingError("unknown version")
        self._check_length()
        self._check_target()
        if self.body_rcv is not None:
            self.body_rcv.buf = Body(self.adj.inbuf_overflow)

    def _check_length(self) -> None:
        """Refuse a body with two ends: a proxy may have taken the other one."""
        # Only in version 1.1 waitress takes the encoding away from the headers, and minds it.
        if "TRANSFER_ENCODING" in self.headers:
            raise ParsingError("transfer encoding in version 1.0")
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("both a transfer encoding and a length")

    def _check_target(self) -> None:
        """Refuse what is no path, or names another host than the header that is asked later."""
        host = self.headers.get("HOST", "").lower()
        if self.proxy_scheme or self.proxy_netloc:
            if self.proxy_scheme.lower() != "http" or self.proxy_netloc.lower() != host:
                raise ParsingError("another host in the address")
        elif not self.path.startswith("/"):
            raise ParsingError("no path")
