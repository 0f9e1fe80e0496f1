"""The real server, and people at its pages over HTTP: each has a session and sends the token.

The server runs in a thread of this process, with as many workers as `serve` has, so that a test can
hold it at a certain step, or break it on purpose to see that the harness notices.
"""

import hashlib
import html
import http.client
import json
import re
import secrets
import socket
import struct
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from flask import Flask
from waitress import create_server

from dashboard import db
from dashboard.cli.connections import CONNECTIONS, channel_class
from dashboard.cli.serve import THREADS
from dashboard.models import Session, User
from tests.looping import looping

COOKIE = "dashboard_session"
BACKUP_PASSWORD = "four words, one file"
PATIENCE_SECONDS = 60  # for an answer: more than the database's own time-out
_CSRF = re.compile(r'name="csrf-token" content="([^"]+)"')
_TICKET = re.compile(r'name="ticket" value="([^"]+)"')
_REVISION = re.compile(r'name="revision"[^>]* value="(\d+)"')
_DOWNLOAD = re.compile(r"/u/[^/]+/admin/backup/exports/[0-9a-f]{32}")


@contextmanager
def running(app: Flask, *, threads: int = THREADS) -> Iterator[int]:
    """Serve *app* on a free port of the loopback, which is given, until the block ends."""
    server = create_server(
        app, host="127.0.0.1", port=0, threads=threads, connection_limit=CONNECTIONS
    )
    server.channel_class = channel_class(app.extensions["headers"], app.extensions["bodies"])
    with looping(server):
        try:
            yield server.effective_port
        finally:
            app.extensions["jobs"].close()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")

    @property
    def revision(self) -> int:
        """The revision that the page's form carries."""
        return int(_REVISION.search(self.text)[1])

    @property
    def ticket(self) -> str:
        """The ticket that the preview carries."""
        assert self.status == 200, (self.status, said(self))
        return _TICKET.search(self.text)[1]


def said(answer: Answer) -> str:
    """Return the sentence of an error page or the errors of a form, for messages of tests."""
    found = re.findall(r'(?s)<(?:p id="error"|\w+ class="error)[^>]*>(.*?)</', answer.text)
    return html.unescape(" / ".join(found)) or answer.text[:200]


def backup_page(slug: str) -> str:
    """Return the address of a unit's Backup page."""
    return f"/u/{slug}/admin/backup"


class Person:
    """Somebody with a browser of their own. Not for two threads at once."""

    def __init__(self, port: int, user: User) -> None:
        self.user, self.port = user, port
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        self.cookie, self.csrf = "", ""

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- sessions

    def sign_in(self, password: str) -> None:
        """Log in through the page, as anybody would."""
        self._learn_token()
        answer = self.post("/login", email=self.user.email, password=password)
        assert answer.status == 303, said(answer)
        self._learn_token()

    def appear(self) -> Self:
        """Be logged in already, without the cost of the password."""
        token, now = secrets.token_urlsafe(32), int(time.time())
        with db.database.connection_context() if db.database.is_closed() else _nothing():
            Session.create(
                token_hash=hashlib.sha256(token.encode()).hexdigest(),
                user=self.user,
                data=json.dumps({"_user_id": str(self.user.id)}),
                created_at=now,
                seen_at=now,
                fresh_at=now,
                expires_at=now + 12 * 3600,
            )
        self.cookie = f"{COOKIE}={token}"
        self._learn_token()
        return self

    def _learn_token(self) -> None:
        self.csrf = html.unescape(_CSRF.search(self.get("/no-such-page").text)[1])

    # --- requests

    def get(self, path: str) -> Answer:
        """Look at a page."""
        return self._ask("GET", path, None, {})

    def post(self, path: str, **fields: str) -> Answer:
        """Send a form."""
        body = urllib.parse.urlencode({"csrf_token": self.csrf, **fields}).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", path, body, kind)

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        if self.cookie:
            headers = headers | {"Cookie": self.cookie}
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        for cookie in response.headers.get_all("Set-Cookie") or ():
            self.cookie = cookie.split(";")[0]
        return answer

    def request_bytes(self, path: str, body: bytes, kind: str) -> bytes:
        """Return a whole POST as it goes over the wire, for those who send it by hand."""
        lines = (
            f"POST {path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            f"Cookie: {self.cookie}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
        )
        return "\r\n".join((*lines, "", "")).encode() + body

    def form_bytes(self, path: str, **fields: str) -> bytes:
        """Return a form's POST as it goes over the wire."""
        body = urllib.parse.urlencode({"csrf_token": self.csrf, **fields}).encode()
        return self.request_bytes(path, body, "application/x-www-form-urlencoded")

    def upload_body(self, data: bytes, password: str) -> tuple[bytes, str]:
        """Return the body and type of the form that uploads a backup."""
        edge = secrets.token_hex(16)
        fields = {"csrf_token": self.csrf, "password": password}
        parts = [
            f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        file = 'Content-Disposition: form-data; name="file"; filename="x.dbk"'
        parts += [f"--{edge}\r\n{file}\r\n\r\n".encode(), data, f"\r\n--{edge}--\r\n".encode()]
        return b"".join(parts), f"multipart/form-data; boundary={edge}"

    # --- backups

    def export(self, slug: str, password: str = BACKUP_PASSWORD) -> Answer:
        """Make a backup and download it."""
        answer = self.settled(self.post(f"{backup_page(slug)}/export", password=password))
        link = answer.location or (_DOWNLOAD.search(answer.text) or [""])[0]
        return self.get(link) if link else answer

    def validate(self, slug: str, data: bytes, password: str = BACKUP_PASSWORD) -> Answer:
        """Upload a backup and look at the preview."""
        body, kind = self.upload_body(data, password)
        path = f"{backup_page(slug)}/validate"
        return self.settled(self._ask("POST", path, body, {"Content-Type": kind}))

    def press_import(self, slug: str, ticket: str, unit_name: str = "") -> Answer:
        """Press Import, and wait for its end."""
        form = {"ticket": ticket, "unit_name": unit_name}
        return self.settled(self.post(f"{backup_page(slug)}/import", **form))

    def preview_undo(self, slug: str) -> Answer:
        """Look at what an undo would bring back."""
        return self.settled(self.post(f"{backup_page(slug)}/undo"))

    def settled(self, answer: Answer) -> Answer:
        """Return the answer at the end of the job that *answer* may lead to."""
        link, end = answer.location, time.monotonic() + PATIENCE_SECONDS
        while "/jobs/" in link:
            assert time.monotonic() < end, "the job does not end"
            answer = self.get(link)
            if answer.status != 200 or f'hx-get="{link}/status"' not in answer.text:
                return answer
            time.sleep(0.02)  # as the page's own polling does, only more often
        return answer

    # --- the unit's state

    def form_of(self, path: str) -> Answer:
        """Look at the page of a form, to send it later with the revision it carries."""
        answer = self.get(path)
        assert answer.status == 200, (path, answer.status, said(answer))
        return answer


def has_imported(slug: str, answer: Answer) -> bool:
    """Return whether *answer* is what one gets for an import that is done."""
    return answer.status == 303 and answer.location == backup_page(slug)


@contextmanager
def reset(port: int) -> Iterator[socket.socket]:
    """Give a connection that is not closed but cut off: the server gets a reset."""
    link = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    try:
        yield link
    finally:
        link.close()


@contextmanager
def _nothing() -> Iterator[None]:
    yield
