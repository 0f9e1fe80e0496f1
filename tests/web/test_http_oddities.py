"""Bytes that no browser sends, to the real server: never in, never a trace, never a mistake.

Each case is what goes over the wire and what may come back. The server is the command `serve`, in a
process of its own, once for all of them; its words on stderr are read at the end.
"""

import os
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from dashboard import db
from dashboard.cli import wire
from dashboard.config import Settings
from dashboard.installation import open_installation
from dashboard.models import AuditEvent, Role, Session
from dashboard.web import security
from tests import factories

ROOT = Path(__file__).parents[2]
SECONDS = 20
LONG = "a" * wire.MAX_HEADER_BYTES
SECRET = "Harbour Daily"  # the name of a unit: on every page that somebody gets in to see
STUMBLED = re.compile("Traceback|uncaptured")  # the second: as waitress says it
CLOSED = 0  # no answer: the connection is closed


def get(target="/u/daily/", *headers, version="HTTP/1.1", method="GET", host="localhost"):
    """Return a request as bytes."""
    lines = [f"{method} {target} {version}".rstrip(), *([f"Host: {host}"] if host else [])]
    return "\r\n".join([*lines, *headers, "Connection: close", "", ""]).encode("latin-1")


def post(*headers, body="theme=dark", target="/theme"):
    return get(target, *headers, method="POST") + body.encode("latin-1")


CHUNKED = "Transfer-Encoding: chunked"
FORM = "Content-Type: application/x-www-form-urlencoded"
IN = 303  # led to the log-in page

CASES = {
    # methods
    "HEAD": (get(method="HEAD"), IN),
    "HEAD of nothing": (get("/none", method="HEAD"), 404),
    "TRACE": (get("/login", "X-Word: echo-me", method="TRACE"), 405),
    "TRACE of a unit": (get(method="TRACE"), 405),
    "TRACK": (get("/login", method="TRACK"), 405),
    "DEBUG": (get("/login", method="DEBUG"), 405),
    "PUT": (get("/login", method="PUT"), 405),
    "PATCH": (get(method="PATCH"), 405),
    "DELETE": (get(method="DELETE"), 405),
    "PROPFIND": (get(method="PROPFIND"), 405),
    "OPTIONS": (get(method="OPTIONS"), IN),
    "OPTIONS *": (get("*", method="OPTIONS"), 400),
    "CONNECT": (get("localhost:443", method="CONNECT"), 400),
    "CONNECT to a path": (get("/u/daily/", method="CONNECT"), 405),
    "get": (get(method="get"), 400),
    "GeT": (get(method="GeT"), 400),
    "no method": (b" /u/daily/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "method with a colon": (get(method="GET:"), 400),
    "method override": (get("/login", "X-HTTP-Method-Override: DELETE", "X-Method: PUT"), 200),
    # paths
    "double slash": (get("//u/daily/"), IN),
    "many slashes": (get("/////u/daily/"), IN),
    "double slash inside": (get("/u//daily/"), 308),
    "double slash and a host": (get("//evil.example/u/daily/"), 404),
    "no slash at the end": (get("/u/daily"), 308),
    "encoded slash": (get("/u%2fdaily/"), IN),
    "encoded dots": (get("/static/%2e%2e/%2e%2e/dashboard/config.py"), 404),
    "dots": (get("/static/../../dashboard/config.py"), 404),
    "dots in a unit": (get("/login/../u/daily/"), 404),
    "encoded dots in a unit": (get("/static/%2e%2e/u/daily/"), 404),
    "twice encoded dots": (get("/static/%252e%252e/dashboard/config.py"), 404),
    "backslash": (get("/static/..\\..\\dashboard\\config.py"), 404),
    "encoded backslash": (get("/static/..%5c..%5cdashboard%5cconfig.py"), 404),
    "absolute file": (get("/static//etc/passwd"), 308),
    "encoded absolute file": (get("/static/%2fetc/passwd"), 308),
    "NUL": (get("/u/daily%00/"), IN),
    "NUL in a file": (get("/static/css/app.css%00.png"), 404),
    "raw NUL": (get("/u/daily\x00/"), 400),
    "raw tab": (get("/u/dai\tly/"), 400),
    "raw DEL": (get("/u/daily\x7f/"), 400),
    "encoded CRLF": (get("/u/daily%0d%0aX-Evil:%201/"), IN),
    "case": (get("/U/DAILY/"), 404),
    "bad percent": (get("/u/daily%zz/"), IN),
    "bad UTF-8": (get("/u/%ff%fe/"), IN),
    "overlong slash": (get("/u%c0%afdaily/"), 404),
    "raw UTF-8": (get("/u/dÃ¤ily/"), 400),
    "parameters": (get("/u/daily;admin/"), IN),
    "fragment": (get("/u/daily/#/login"), IN),
    "question marks": (get("/login???next=//evil.example"), 200),
    "no path": (get("u/daily/"), 400),
    "no target": (b"GET  HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "blank in the target": (get("/u/daily/ x"), 400),
    "overlong target": (get(f"/u/{LONG}/")[: wire.MAX_HEADER_BYTES], 431),
    "long target": (get("/u/" + "a" * 8000 + "/"), IN),
    "whole address": (get("http://localhost/u/daily/"), IN),
    "address of another host": (get("http://evil.example/u/daily/"), 400),
    "address with a user": (get("http://localhost@evil.example/u/daily/"), 400),
    "address of another scheme": (get("file://localhost/u/daily/"), 400),
    "address that is none": (get("http://[/u/daily/"), 400),
    # hosts
    "no host": (get(host=""), 400),
    "another host": (get(host="evil.example"), 421),
    "dot after the host": (get(host="localhost."), 421),
    "two hosts": (get("/u/daily/", "Host: evil.example"), 400),
    "two hosts in one": (get(host="localhost, evil.example"), 400),
    "forwarded host": (get("/login", "X-Forwarded-Host: evil.example"), 200),
    "host in capitals": (get(host="LOCALHOST"), IN),
    # versions
    "HTTP/0.9": (b"GET /u/daily/\r\n\r\n", 400),
    "HTTP/1.0": (get(version="HTTP/1.0"), IN),
    "HTTP/1.0 without a host": (get(version="HTTP/1.0", host=""), 400),
    "HTTP/1.2": (get(version="HTTP/1.2"), 400),
    "HTTP/2.0": (get(version="HTTP/2.0"), 400),
    "HTTP/9": (get(version="HTTP/9"), 400),
    "HTTP/2 preface": (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        400,
    ),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "upgrade": (get("/login", "Upgrade: h2c, websocket", "Connection: Upgrade"), 200),
    # headers
    "overlong header": (get("/login", f"X-Word: {LONG}")[: wire.MAX_HEADER_BYTES], 431),
    "overlong cookie": (
        get("/login", f"Cookie: dashboard_session={LONG}")[: wire.MAX_HEADER_BYTES],
        431,
    ),
    "many headers": (get("/login", *(f"X-{n}: 1" for n in range(3000))), 200),
    "folded header": (get("/login", "X-Word: one", " two"), 400),
    "folded first header": (b"GET /login HTTP/1.1\r\n Host: localhost\r\n\r\n", 400),
    "bare LF": (b"GET /login HTTP/1.1\nHost: localhost\n\n", CLOSED),
    "bare LF in a header": (get("/login", "X-Word: one\nX-Evil: two"), 400),
    "bare CR in a header": (get("/login", "X-Word: one\rX-Evil: two"), 400),
    "NUL in a header": (get("/login", "X-Word: \x00"), 400),
    "no colon": (get("/login", "X-Word"), 400),
    "blank before the colon": (get("/login", "Host : evil.example"), 400),
    "no name": (get("/login", ": word"), 400),
    "underscores": (get("/login", "X_Forwarded_Host: evil.example", "Content_Length: 9"), 200),
    "a range": (get("/login", "Range: bytes=0-0,0-0,0-0,5-2"), 200),
    "a range of a file": (get("/static/css/app.css", "Range: bytes=-1,0-,5-2"), (200, 206, 416)),
    "expects something": (get("/login", "Expect: 200-ok"), 200),
    "gzip": (post("Content-Encoding: gzip", FORM, "Content-Length: 10"), IN),
    # lengths
    "two equal lengths": (post("Content-Length: 10", "Content-Length: 10", FORM), 400),
    "two lengths": (post("Content-Length: 10", "Content-Length: 3", FORM), 400),
    "two lengths in one": (post("Content-Length: 10, 10", FORM), 400),
    "negative length": (post("Content-Length: -1", FORM), 400),
    "signed length": (post("Content-Length: +10", FORM), 400),
    "hexadecimal length": (post("Content-Length: 0xa", FORM), 400),
    "length with digits of elsewhere": (post("Content-Length: ²", FORM), 400),
    "huge length": (post("Content-Length: 99999999999999999999", FORM), 413),
    "length of thousands of digits": (post(f"Content-Length: {'9' * 5000}", FORM), 400),
    "no length": (post(FORM), IN),
    # chunks
    "chunks": (post(CHUNKED, FORM, body="a\r\ntheme=dark\r\n0\r\n\r\n"), IN),
    "chunks and a length": (post(CHUNKED, "Content-Length: 4", body="0\r\n\r\n"), 400),
    "a length and chunks": (post("Content-Length: 4", CHUNKED, body="0\r\n\r\n"), 400),
    "chunks in 1.0": (
        get("/theme", CHUNKED, method="POST", version="HTTP/1.0") + b"0\r\n\r\n",
        400,
    ),
    "bad chunk size": (post(CHUNKED, body="zz\r\ntheme=dark\r\n0\r\n\r\n"), 400),
    "negative chunk size": (post(CHUNKED, body="-1\r\n0\r\n\r\n"), 400),
    "chunk size with a prefix": (post(CHUNKED, body="0xa\r\ntheme=dark\r\n0\r\n\r\n"), 400),
    "chunk longer than it says": (post(CHUNKED, body="1\r\ntheme=dark\r\n0\r\n\r\n"), 400),
    "chunk with a bare LF": (post(CHUNKED, body="a\ntheme=dark\n0\n\n"), CLOSED),
    "chunk extension": (post(CHUNKED, FORM, body="a;x=y\r\ntheme=dark\r\n0\r\n\r\n"), IN),
    "trailer": (post(CHUNKED, FORM, body="0\r\nHost: evil.example\r\n\r\n"), IN),
    "chunked twice": (post(CHUNKED, CHUNKED, body="0\r\n\r\n"), 400),
    "chunked, chunked": (post("Transfer-Encoding: chunked, chunked", body="0\r\n\r\n"), 400),
    "xchunked": (post("Transfer-Encoding: xchunked", body="0\r\n\r\n"), 501),
    "chunked, identity": (post("Transfer-Encoding: chunked, identity", body="0\r\n\r\n"), 400),
    "chunked with a vertical tab": (post("Transfer-Encoding: \x0bchunked"), 400),
    # bodies
    "a body with a look": (get("/login", "Content-Length: 4") + b"abcd", 200),
    "half a multipart": (
        post("Content-Type: multipart/form-data; boundary=x", "Content-Length: 4", body="--x\r"),
        IN,
    ),
    "multipart without boundary": (
        post(
            "Content-Type: multipart/form-data", "Content-Length: 4", body="abcd", target="/login"
        ),
        400,
    ),
    "a type that is none": (post("Content-Type: \xff;;=", "Content-Length: 4", body="abcd"), IN),
}


@contextmanager
def serve(data_dir):
    """Run the command on *data_dir*; give its port and what it says."""
    environ = os.environ | {"DASHBOARD_DATA_DIR": str(data_dir), "DASHBOARD_PORT": "0"}
    said = data_dir / "said.txt"
    with said.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "app.py", "serve"],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        yield int(re.search(r":(\d+) ", process.stdout.readline())[1]), said
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The port of a running server with a unit, and the file that it complains into."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("oddities") / "data")
    open_installation(settings.data_dir, settings.database_url)
    with db.database.connection_context():
        factories.make_full_unit("daily", SECRET)
        factories.make_user("alice", daily=Role.ADMIN)
    with serve(settings.data_dir) as (port, said):
        yield port, said
    db.database.initialize(None)


def send(port, data):
    """Return everything that comes back for *data*, until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as link:
        link.sendall(data)
        link.shutdown(socket.SHUT_WR)
        parts = []
        try:
            while part := link.recv(1 << 16):
                parts.append(part)
        except ConnectionResetError:
            pass  # it has answered, and what it has not read is thrown away
        return b"".join(parts)


def answers(raw):
    """Split *raw* into the answers that it holds: status, headers, body."""
    found = []
    while raw:
        head, _, rest = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in lines)}
        end = int(headers.get("content-length", len(rest)))
        found.append((int(first.split(" ")[1]), headers, rest[:end]))
        raw = rest[end:]
    return found


def only(raw):
    """Return the one answer in *raw*."""
    (found,) = answers(raw)
    return found


@pytest.mark.parametrize("name", CASES)
def test_odd_bytes_get_nowhere(server, name):
    port, said = server
    data, wanted = CASES[name]
    raw = send(port, data)
    assert not STUMBLED.search(said.read_text())
    if wanted == CLOSED:
        assert raw == b""
        return
    status, headers, _ = answers(raw)[0]
    assert status in (wanted if isinstance(wanted, tuple) else (wanted,))
    if status != 200:
        assert len(answers(raw)) == 1 or data.startswith(b"HEAD")
    assert {name.lower() for name in security.HEADERS} <= headers.keys()
    assert headers["server"] == "dashboard"
    assert "x-evil" not in headers
    assert "evil.example" not in headers.get("location", "").partition("?")[0]
    for word in (SECRET, "Traceback", "echo-me", "root:", "waitress"):
        assert word.encode() not in raw


def test_there_are_as_many_cases_as_were_promised():
    assert len(CASES) >= 100


def test_one_request_is_answered_once(server):
    """What follows a refused request is thrown away: nobody can hide a second one in it."""
    port, _ = server
    hidden = get("/u/daily/") + get("/login")
    for name in (
        "two lengths",
        "chunks and a length",
        "bad chunk size",
        "chunks in 1.0",
        "bare LF",
    ):
        data, _ = CASES[name]
        assert only(send(port, data + hidden))[0] == 400, name
    assert send(port, CASES["bare LF"][0] + hidden).count(b"HTTP/1.") <= 1


def test_requests_in_a_row_are_answered_in_order(server):
    port, _ = server
    plain = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
    raw = send(port, plain % b"/u/daily/" + plain % b"/none" + get("/login"))
    assert [status for status, _, _ in answers(raw)] == [303, 404, 200]


def test_a_head_has_the_headers_and_no_body(server):
    port, _ = server
    for address in ("/login", "/none", "/static/css/app.css"):
        status, headers, body = only(send(port, get(address, method="HEAD")))
        assert (status, body) == (404 if address == "/none" else 200, b"")
        assert headers["content-security-policy"]


def test_all_that_left_no_trace(server):
    port, said = server
    with db.database.connection_context():
        users = [row.user_id for row in Session.select()]
        assert set(users) <= {None}
        assert AuditEvent.select().where(AuditEvent.action.startswith("login")).count() == 0
    assert only(send(port, get("/login")))[0] == 200
    assert not STUMBLED.search(said.read_text())
