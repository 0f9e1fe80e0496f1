"""The one client by which plugins ask other servers, guarded.

What it promises:

- only http and https, only public addresses and the ports 80 and 443, beside what the operator
  allows (`DASHBOARD_ALLOWED_HOSTS`);
- a name is looked up once, every address found must be public, and the connection goes to one of
  those very addresses: who answers the look-up differently the next time wins nothing;
- redirects are followed by hand, each checked in the same way, and never from https to http;
- an answer ends in time and fits, also after decompression;
- nothing of this server goes out: no cookies, no proxy or password from the environment.

It waits for others, so only `sources` calls it, in threads of its own.
"""

import ipaddress
import logging
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPException
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse
from urllib3.util import SKIP_HEADER

from .. import __version__
from .addresses import (
    DEFAULT_PORTS,
    Allowed,
    Ip,
    OutgoingProblem,
    Reason,
    Target,
    is_public,
    read_address,
)

DEADLINE_SECONDS = 10.0  # for everything: look-ups, redirects, the last byte
CONNECT_SECONDS = 4.0  # for one address; there may be another one
MAX_REDIRECTS = 5
MAX_TRIED = 3  # addresses of one name
MAX_WAITING_LOOK_UPS = 16  # the system's look-up cannot be stopped, so its threads are counted
_READ_BYTES = 64 << 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
ALLOW_HINT = "A host of your own network can be allowed by the people who run this server."
_NO_HEADERS: Mapping[str, str] = {}

log = logging.getLogger(__name__)
LookUp = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    content: bytes = b""
    content_type: str = ""  # without parameters, in lower case
    charset: str = ""
    etag: str = ""
    last_modified: str = ""
    seconds: float = 0.0  # until its headers were there, redirects included


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an answer may be."""

    types: frozenset[str] = frozenset()  # content types; none: the content is not even read
    most_bytes: int = 0
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS)


def system_look_up(host: str, port: int) -> list[str]:
    """Return the addresses of *host* as the system knows them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@cache
def trusted_by_system() -> ssl.SSLContext:
    """Return what checks certificates as the system does, and speaks TLS 1.2 at least.

    It reads every certificate the system trusts: 0.05 s, which nobody pays before it is needed.
    """
    context = ssl.create_default_context()
    # Debian's Python leaves it to a file of the system, which a small container does not have.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Client:
    """Asks other servers. May be used by several threads."""

    def __init__(
        self,
        allowed: Allowed | None = None,
        *,
        look_up: LookUp = system_look_up,
        deadline: float = DEADLINE_SECONDS,
        certificates: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed = allowed or Allowed()
        self._look_up = look_up
        self._deadline = deadline
        self._certificates = certificates  # None: what the system trusts
        self._room = threading.BoundedSemaphore(MAX_WAITING_LOOK_UPS)

    def fetch(self, address: str, wanted: Wanted) -> Answer:
        """GET *address*; raise `OutgoingProblem` with a sentence when nothing comes of it.

        Every status that is not a redirect is an answer; content comes only with 200.
        """
        begun = time.monotonic()
        end = begun + self._deadline
        target = read_address(address)
        for _ in range(MAX_REDIRECTS + 1):
            with self._asked(target, wanted, end) as response:
                location = response.headers.get("location")
                if response.status not in _REDIRECTS or not location:
                    return _read(target, response, wanted, time.monotonic() - begun)
            before, target = target, target.follow(location)
            if (before.scheme, target.scheme) == ("https", "http"):
                words = f"{before.host} sends on to an address that is not secure (http)."
                raise OutgoingProblem(Reason.REDIRECTS, words)
        words = f"{target.host} sends on more than {MAX_REDIRECTS} times."
        raise OutgoingProblem(Reason.REDIRECTS, words)

    @contextmanager
    def _asked(self, target: Target, wanted: Wanted, end: float) -> Iterator[BaseHTTPResponse]:
        """Ask *target* and give its answer, of which only the headers have been read."""
        addresses = self._addresses(target, end)
        connection = self._connect(target, addresses, end)
        sock = connection.sock
        # Each read has a time-out of its own, so a server that drips would never meet it.
        watch = threading.Timer(max(0.0, end - time.monotonic()), _cut, [sock])
        watch.daemon = True
        watch.start()
        response = None
        try:
            headers = {
                "Host": target.authority,
                "User-Agent": f"Dashboard/{__version__}",
                "Accept-Encoding": "gzip" if wanted.types else SKIP_HEADER,
                "Accept": ", ".join([*sorted(wanted.types), "*/*;q=0.1"]),
                "Connection": "close",
                **wanted.headers,
            }
            connection.request("GET", target.path, headers=headers, preload_content=False)
            response = connection.getresponse()
            if time.monotonic() >= end:  # headers that were cut look like headers that ended
                raise _too_slow(target)
            yield response
            if time.monotonic() >= end:
                raise _too_slow(target)
        except (OSError, HTTPError, HTTPException, ValueError) as error:
            if time.monotonic() >= end:
                raise _too_slow(target) from None
            log.info("outgoing: %s: %r", target.host, error)
            words = f"{target.host} did not answer as a web server does."
            raise OutgoingProblem(Reason.NO_ANSWER, words) from None
        finally:
            watch.cancel()
            if response is not None:
                response.close()
            connection.close()

    def _addresses(self, target: Target, end: float) -> list[Ip]:
        """Return the addresses that may be asked: those of the only look-up, all of them fine."""
        if self._allowed.has(target):
            return self._found(target, end)
        if target.port not in DEFAULT_PORTS.values():
            words = f"Port {target.port} is not allowed, only 80 and 443 are."
            raise OutgoingProblem(Reason.NOT_PUBLIC, words, ALLOW_HINT)
        found = self._found(target, end)
        private = [str(ip) for ip in found if not is_public(ip)]
        if private:
            log.info("outgoing: %s is %s, refused", target.host, ", ".join(private))
            raise _not_public(target)
        return found

    def _found(self, target: Target, end: float) -> list[Ip]:
        if target.ip is not None:
            return [target.ip]
        try:
            found = [ipaddress.ip_address(text) for text in self._looked_up(target, end)]
        except (OSError, UnicodeError, ValueError) as error:
            log.info("outgoing: %s: %s", target.host, error)
            raise _not_public(target) from None
        if not found:
            raise _not_public(target)
        return found

    def _looked_up(self, target: Target, end: float) -> list[str]:
        """Look the name up in a thread: the system may take minutes, and cannot be told to stop."""
        answer: queue.SimpleQueue[list[str] | BaseException] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answer.put(self._look_up(target.host, target.port))
            except Exception as error:
                answer.put(error)
            finally:
                self._room.release()

        if not self._room.acquire(timeout=max(0.0, end - time.monotonic())):
            raise _too_slow(target)
        threading.Thread(target=ask, name="look-up", daemon=True).start()
        try:
            found = answer.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            raise _too_slow(target) from None
        if isinstance(found, BaseException):
            raise found
        return found

    def _connect(self, target: Target, addresses: list[Ip], end: float) -> HTTPConnection:
        """Return a connection to the first of *addresses* that takes one."""
        problem = OutgoingProblem(Reason.NO_ANSWER, f"{target.host} does not answer.")
        for ip in addresses[:MAX_TRIED]:
            left = end - time.monotonic()
            if left <= 0:
                raise _too_slow(target)
            # It counts for connecting and once more for TLS.
            connection = self._connection(target, ip, min(CONNECT_SECONDS, left / 2))
            try:
                connection.connect()
                connection.timeout = max(0.1, end - time.monotonic())
                return connection
            except ssl.SSLCertVerificationError as error:
                log.info("outgoing: %s: %s", target.host, error)
                words = f"The certificate of {target.host} is not valid for it."
                problem = OutgoingProblem(Reason.CERTIFICATE, words)
            except (OSError, HTTPError) as error:
                log.info("outgoing: %s at %s: %r", target.host, ip, error)
            connection.close()
        raise problem

    def _connection(self, target: Target, ip: Ip, seconds: float) -> HTTPConnection:
        if target.scheme == "http":
            return HTTPConnection(str(ip), target.port, timeout=seconds)
        return HTTPSConnection(
            str(ip),
            target.port,
            timeout=seconds,
            ssl_context=self._certificates or trusted_by_system(),
            server_hostname=target.host,
        )


def _not_public(target: Target) -> OutgoingProblem:
    # The same words whether the name is unknown or private: it is nobody's business which.
    words = f"No public address is known for {target.host}."
    return OutgoingProblem(Reason.NOT_PUBLIC, words, ALLOW_HINT)


def _too_slow(target: Target) -> OutgoingProblem:
    return OutgoingProblem(Reason.TOO_SLOW, f"{target.host} took too long to answer.")


def _cut(sock: Any) -> None:
    """End what waits for this socket, whatever it waits for."""
    with suppress(OSError):  # it may just have ended by itself
        # Not the method of a TLS socket: it would go on reading without TLS.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _read(target: Target, response: BaseHTTPResponse, wanted: Wanted, seconds: float) -> Answer:
    headers = response.headers
    kind, _, parameters = headers.get("content-type", "").lower().partition(";")
    kind = kind.strip()
    if response.status != 200 or not wanted.types:
        return Answer(response.status, seconds=seconds)
    if kind not in wanted.types or headers.get("content-encoding", "").lower() not in _ENCODINGS:
        words = f"{target.host} answers with something else than what is asked for here"
        raise OutgoingProblem(Reason.KIND, f"{words} ({kind[:60] or 'of no type'}).")
    content = bytearray()
    while part := response.read(_READ_BYTES, decode_content=True):
        content += part
        if len(content) > wanted.most_bytes:
            mib = max(1, wanted.most_bytes >> 20)
            words = f"{target.host} answers with more than {mib} MiB."
            raise OutgoingProblem(Reason.TOO_LARGE, words)
    return Answer(
        response.status,
        bytes(content),
        kind,
        _charset(parameters),
        headers.get("etag", "")[:300],
        headers.get("last-modified", "")[:100],
        seconds,
    )


def _charset(parameters: str) -> str:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "charset":
            return value.strip(" \"'")[:40]
    return ""
