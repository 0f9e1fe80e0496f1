"""How bytes of the network become requests: as waitress does it, but nothing that has two meanings.

A proxy and this server must see the same requests in the same bytes, and the same address in the
same request. What RFC 9112 lets a server repair is refused here: no browser sends it.
"""

import logging
import re
from collections.abc import Mapping, MutableMapping
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask

from .spool import Body

# Addresses, cookies and the rest of a browser's headers have room in a quarter of it.
MAX_HEADER_BYTES = 64 << 10

_CONTROL_IN_FIRST_LINE = re.compile(rb"[^\r\n]*[\x00-\x08\t\x0b\x0c\x0e-\x1f\x7f]")
_FOLDED = re.compile(rb"\r\n[ \t]")
_SERVING = re.compile(r"(while serving) .*", re.DOTALL)
_ENCODING = re.compile(rb"\r\ntransfer-encoding:([^\r]*)", re.IGNORECASE)
SENTENCES = {
    413: "This is larger than the server accepts. Nothing was saved.",
    431: "The address or the headers of this request are longer than the server accepts.",
    500: "The server made a mistake. Tell the people who run it when this was.",
}
SENTENCE = "The server could not understand this request. Nothing was done."


class StrictParser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """Refuses with 400 what waitress would repair, and what makes it stumble."""

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


class _Log(logging.LoggerAdapter[logging.Logger]):
    """Waitress's log, without the address of a request: an invite link is a secret."""

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        return _SERVING.sub(r"\1 a request", str(msg)), kwargs


def channel_class(headers: Mapping[str, str]) -> type[HTTPChannel]:
    """Return waitress's connection with the parser above; *headers* are in its refusals, too."""

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

    class Channel(HTTPChannel):  # type: ignore[misc]
        parser_class = StrictParser
        error_task_class = Refusal
        logger = _Log(HTTPChannel.logger)

    return Channel
