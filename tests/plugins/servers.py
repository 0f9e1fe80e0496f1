"""Servers on the loopback, to be asked by plugins: as slow, huge or hostile as a test wants."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from dashboard.plugins.addresses import Allowed
from dashboard.plugins.outgoing import Client

# For the name feed.example, by nobody's authority:
#   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500
#     -subj "/CN=Dashboard tests only" -addext subjectAltName=DNS:feed.example
#     -keyout test-key.pem -out test-certificate.pem
CERTIFICATE = Path(__file__).parent / "tls" / "test-certificate.pem"
KEY = Path(__file__).parent / "tls" / "test-key.pem"
FOR_EVER = 30


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]


def answer(content: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """Return an answer as bytes; `content_type="text/plain"` and such give its headers."""
    given = {"content_length": str(len(content)), **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in given.items()]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode() + content


@dataclass
class Server:
    """Answers every request with `answering(request)`: bytes, or parts of them one by one."""

    answering: Callable[[Request], bytes | Iterable[bytes]]
    requests: list[Request] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return f"http://{self.host}/"

    def hang(self) -> bytes:
        """Answer nothing as long as the test lasts."""
        self.stopped.wait(FOR_EVER)
        return b""

    def _serve(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        threads = []
        while not self.stopped.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                break
            thread = threading.Thread(target=self._talk, args=(connection, tls))
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join(FOR_EVER)

    def _talk(self, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
        connection.settimeout(FOR_EVER)
        with connection, suppress(OSError):
            if tls is not None:
                connection = tls.wrap_socket(connection, server_side=True)
            with connection:
                asked = b""
                while b"\r\n\r\n" not in asked:
                    part = connection.recv(65536)
                    if not part:
                        return
                    asked += part
                first, *lines = asked.decode().split("\r\n\r\n")[0].split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines)
                request = Request(first.split(" ")[1], headers)
                self.requests.append(request)
                said = self.answering(request)
                for part in [said] if isinstance(said, bytes) else said:
                    connection.sendall(part)
                    if self.stopped.is_set():
                        return


@contextmanager
def serving(
    answering: Callable[[Request], bytes | Iterable[bytes]] | bytes, *, tls: bool = False
) -> Iterator[Server]:
    """Run a server for the block; *answering* may be the one answer to everything."""
    server = Server((lambda request: answering) if isinstance(answering, bytes) else answering)
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE, KEY)
    listener = socket.create_server(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]
    thread = threading.Thread(target=server._serve, args=(listener, context))
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(FOR_EVER)
        assert not thread.is_alive()


def client_for(*servers: Server, **options: object) -> Client:
    """Return a client that the operator allows to ask *servers*."""
    return Client(Allowed.read(server.host for server in servers), **options)
