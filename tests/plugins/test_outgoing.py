"""The guarded client: whom it asks, what it follows, how long it waits, how much it takes."""

import gzip
import itertools
import logging
import ssl
import threading
import time
import tracemalloc
import zlib

import pytest

from dashboard import __version__
from dashboard.plugins.addresses import Allowed, OutgoingProblem, Reason
from dashboard.plugins.outgoing import ALLOW_HINT, Client, Wanted, trusted_by_system
from tests.plugins.servers import CERTIFICATE, answer, client_for, serving

TEXT = Wanted(frozenset({"text/plain"}), 1 << 20)
HELLO = answer(b"hello", content_type="text/plain; charset=utf-8")


def refusal(client, address, wanted=TEXT):
    with pytest.raises(OutgoingProblem) as caught:
        client.fetch(address, wanted)
    return caught.value


def knows(*addresses):
    """Return a look-up that knows the same addresses for every name, and counts."""
    asked = []

    def look_up(host, port):
        asked.append(host)
        return list(addresses)

    return look_up, asked


def test_it_asks_and_tells_little_of_itself(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with serving(answer(b"hello", content_type="Text/Plain; charset=UTF-8", etag='"1"')) as server:
        got = client_for(server).fetch(f"{server.address}a?b", TEXT)
    assert (got.status, got.content, got.content_type) == (200, b"hello", "text/plain")
    assert (got.charset, got.etag) == ("utf-8", '"1"')
    [request] = server.requests
    assert request.path == "/a?b"
    assert request.headers == {
        "host": server.host,
        "user-agent": f"dashboard/{__version__}",
        "accept": "text/plain, */*;q=0.1",
        "accept-encoding": "gzip",
        "connection": "close",
    }


def test_no_cookie_comes_back():
    def redirect(request):
        if request.path == "/":
            return answer(status="302 Found", location="/next", set_cookie="a=b; Path=/")
        return HELLO

    with serving(redirect) as server:
        client_for(server).fetch(server.address, TEXT)
    assert [request.headers.get("cookie") for request in server.requests] == [None, None]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost.", "[::1]"])
def test_what_is_not_allowed_is_never_connected_to(host, monkeypatch):
    monkeypatch.setattr(Client, "_connect", lambda *given: pytest.fail("connected"))
    problem = refusal(Client(), f"http://{host}/")
    assert problem.reason is Reason.NOT_PUBLIC


@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["2606:4700::1", "::ffff:10.0.0.1"], [],
        ["169.254.169.254"], ["64:ff9b::a9fe:a9fe"], ["0.1.2.3"], ["fe80::1%eth0"],
    ],
)  # fmt: skip
def test_every_address_of_a_name_must_be_public(found, monkeypatch):
    monkeypatch.setattr(Client, "_connect", lambda *given: pytest.fail("connected"))
    look_up, asked = knows(*found)
    problem = refusal(Client(look_up=look_up), "https://news.example/")
    assert problem.reason is Reason.NOT_PUBLIC
    assert asked == ["news.example"]


def test_nobody_is_told_whether_a_private_name_exists(caplog):
    caplog.set_level(logging.INFO)

    def unknown(host, port):
        raise OSError("[Errno -2] Name or service not known at 10.9.9.9")

    problems = [
        refusal(Client(look_up=look_up), "https://wiki.corp.example/")
        for look_up in (unknown, knows("10.9.9.9")[0])
    ]
    assert {(str(problem), problem.hint) for problem in problems} == {
        ("No public address is known for wiki.corp.example.", ALLOW_HINT)
    }
    assert "wiki.corp.example is 10.9.9.9, refused" in caplog.text  # for the operator


@pytest.mark.parametrize("port", [22, 25, 8080, 6379])
def test_other_ports_are_only_for_hosts_that_are_allowed(port):
    look_up, asked = knows("8.8.8.8")
    problem = refusal(Client(look_up=look_up), f"http://news.example:{port}/")
    assert (problem.reason, asked) == (Reason.NOT_PUBLIC, [])
    assert f"Port {port} is not allowed" in str(problem)


def test_the_connection_goes_to_the_address_that_was_checked():
    """A name that is public when it is checked, and private when it is connected to."""
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    connected = []

    class Watched(Client):
        def _connection(self, target, ip, seconds):
            connected.append((target.host, str(ip)))
            raise OSError("not in a test")

    client = Watched(look_up=lambda host, port: next(answers))
    with pytest.raises(OSError, match="not in a test"):
        client.fetch("http://rebind.example/", TEXT)
    assert connected == [("rebind.example", "8.8.8.8")]
    assert next(answers) == ["127.0.0.1"]  # it was never asked for


def test_a_name_is_asked_at_its_address_but_by_its_name():
    look_up, asked = knows("127.0.0.1")
    with serving(HELLO) as server:
        allowed = Allowed.read([f"feed.example:{server.port}"])
        client = Client(allowed, look_up=look_up)
        client.fetch(f"http://feed.example:{server.port}/", TEXT)
    assert server.requests[0].headers["host"] == f"feed.example:{server.port}"
    assert asked == ["feed.example"]


def test_the_next_address_is_tried_when_one_does_not_answer():
    look_up, _ = knows("127.0.0.2", "::1", "127.0.0.1")
    with serving(HELLO) as server:
        client = Client(Allowed.read([f"feed.example:{server.port}"]), look_up=look_up)
        assert client.fetch(f"http://feed.example:{server.port}/", TEXT).content == b"hello"


# --- redirects ---


@pytest.mark.parametrize(
    "location",
    ["http://10.0.0.1/", "http://127.0.0.1:1/", "http://[::1]/", "//169.254.169.254/latest/x",
     "http://2130706433/", "ftp://news.example/", "file:///etc/passwd", "http://u:p@news.example/"],
)  # fmt: skip
def test_a_redirect_is_checked_like_any_address(location):
    with serving(answer(status="302 Found", location=location)) as server:
        problem = refusal(client_for(server), server.address)
    assert problem.reason in (Reason.NOT_PUBLIC, Reason.ADDRESS)
    assert len(server.requests) == 1


def test_the_host_of_a_redirect_is_looked_up_and_checked_too():
    look_up, asked = knows("192.168.1.1")
    away = answer(status="301 Moved", location="http://evil.example/")
    with serving(away) as server:
        problem = refusal(client_for(server, look_up=look_up), server.address)
    assert (problem.reason, asked) == (Reason.NOT_PUBLIC, ["evil.example"])


def test_a_chain_of_redirects_ends():
    def further(request):
        at = int(request.path[1:] or 0)
        return answer(status="307 Temporary", location=f"/{at + 1}") if at < 5 else HELLO

    with serving(further) as server:
        client = client_for(server)
        assert client.fetch(server.address, TEXT).content == b"hello"
        problem = refusal(client, f"{server.address}-1")
    assert problem.reason is Reason.REDIRECTS


def test_a_redirect_in_circles_ends():
    with serving(answer(status="302 Found", location="/")) as server:
        problem = refusal(client_for(server), server.address)
        assert problem.reason is Reason.REDIRECTS
        assert len(server.requests) == 6


def test_https_never_becomes_http():
    trusting = ssl.create_default_context(cafile=CERTIFICATE)
    look_up, _ = knows("127.0.0.1")
    with (
        serving(HELLO) as plain,
        serving(answer(status="302 Found", location=plain.address), tls=True) as server,
    ):
        allowed = Allowed.read([f"feed.example:{server.port}", plain.host])
        client = Client(allowed, look_up=look_up, certificates=trusting)
        problem = refusal(client, f"https://feed.example:{server.port}/")
        assert (problem.reason, plain.requests) == (Reason.REDIRECTS, [])


# --- certificates ---


@pytest.mark.parametrize(("name", "is_fine"), [("feed.example", True), ("other.example", False)])
def test_the_certificate_has_to_be_for_the_name(name, is_fine):
    trusting = ssl.create_default_context(cafile=CERTIFICATE)
    look_up, _ = knows("127.0.0.1")
    with serving(HELLO, tls=True) as server:
        allowed = Allowed.read([f"{name}:{server.port}"])
        client = Client(allowed, look_up=look_up, certificates=trusting)
        address = f"https://{name}:{server.port}/"
        if is_fine:
            assert client.fetch(address, TEXT).content == b"hello"
        else:
            assert refusal(client, address).reason is Reason.CERTIFICATE
            assert server.requests == []


def test_the_certificate_has_to_be_by_somebody_who_is_trusted():
    look_up, _ = knows("127.0.0.1")
    with serving(HELLO, tls=True) as server:
        client = Client(Allowed.read([f"feed.example:{server.port}"]), look_up=look_up)
        problem = refusal(client, f"https://feed.example:{server.port}/")
    assert problem.reason is Reason.CERTIFICATE


# --- time ---


def drip_headers(server):
    yield b"HTTP/1.1 200 OK\r\n"
    for number in itertools.count():
        if server.stopped.wait(0.05):
            return
        yield f"X-{number}: y\r\n".encode()


def drip_body(server):
    yield b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    while not server.stopped.wait(0.05):
        yield b"x"


def say_nothing(server):
    yield server.hang()


@pytest.mark.parametrize("how", [drip_headers, drip_body, say_nothing])
def test_a_server_that_never_ends_is_left_in_time(how):
    with serving(lambda request: how(server)) as server:
        begun = time.monotonic()
        problem = refusal(client_for(server, deadline=0.6), server.address)
        assert problem.reason is Reason.TOO_SLOW
        assert time.monotonic() - begun < 3


@pytest.mark.slow
def test_a_server_that_never_ends_is_left_in_time_with_tls_too():
    trusting = ssl.create_default_context(cafile=CERTIFICATE)
    look_up, _ = knows("127.0.0.1")
    with serving(lambda request: drip_body(server), tls=True) as server:
        allowed = Allowed.read([f"feed.example:{server.port}"])
        client = Client(allowed, look_up=look_up, certificates=trusting, deadline=0.8)
        begun = time.monotonic()
        problem = refusal(client, f"https://feed.example:{server.port}/")
        assert problem.reason is Reason.TOO_SLOW
        assert time.monotonic() - begun < 3


def test_redirects_share_one_deadline():
    def slowly(request):
        server.stopped.wait(0.3)
        return answer(status="302 Found", location="/")

    with serving(slowly) as server:
        problem = refusal(client_for(server, deadline=0.7), server.address)
        assert problem.reason is Reason.TOO_SLOW
        assert len(server.requests) < 5


@pytest.mark.slow
def test_a_look_up_that_hangs_is_left_in_time_and_they_are_counted(monkeypatch):
    go, asked = threading.Event(), []

    def hang(host, port):
        asked.append(host)
        go.wait(30)
        return ["8.8.8.8"]

    monkeypatch.setattr("dashboard.plugins.outgoing.MAX_WAITING_LOOK_UPS", 2)
    client = Client(look_up=hang, deadline=0.2)
    try:
        reasons = {refusal(client, f"http://n{number}.example/").reason for number in range(4)}
        assert (reasons, len(asked)) == ({Reason.TOO_SLOW}, 2)
    finally:
        go.set()


# --- size and kind ---


def test_what_is_too_large_is_not_taken():
    def endless(request):
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
        while not server.stopped.is_set():
            yield b"x" * 65536

    with serving(endless) as server:
        problem = refusal(client_for(server), server.address)
    assert problem.reason is Reason.TOO_LARGE
    assert "1 MiB" in str(problem)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_is_too_large_when_unpacked_is_not_taken_nor_unpacked(encoding):
    raw = b"\0" * (200 << 20)
    packed = gzip.compress(raw, 9) if encoding == "gzip" else zlib.compress(raw, 9)
    assert len(packed) < 1 << 20
    del raw
    bomb = answer(packed, content_type="text/plain", content_encoding=encoding)
    with serving(bomb) as server:
        client = client_for(server)
        tracemalloc.start()
        problem = refusal(client, server.address)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert problem.reason is Reason.TOO_LARGE
    assert peak < 16 << 20


def test_what_is_packed_is_unpacked():
    packed = answer(gzip.compress(b"hello"), content_type="text/plain", content_encoding="gzip")
    with serving(packed) as server:
        assert client_for(server).fetch(server.address, TEXT).content == b"hello"


@pytest.mark.parametrize(
    "headers",
    [{"content_type": "text/html"}, {"content_type": "text/plainer"}, {},
     {"content_type": "text/plain", "content_encoding": "gzip, gzip"},
     {"content_type": "text/plain", "content_encoding": "br"}],
)  # fmt: skip
def test_only_the_kind_that_was_asked_for_is_taken(headers):
    with serving(answer(b"hello", **headers)) as server:
        assert refusal(client_for(server), server.address).reason is Reason.KIND


@pytest.mark.parametrize(
    "said",
    [b"", b"\x16\x03\x01 no http\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n"
     b"Content-Type: text/plain\r\n\r\nshort", b"HTTP/1.1 200 OK\r\n" + b"x" * 70000,
     answer(b"no gzip", content_type="text/plain", content_encoding="gzip"),
     b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
)  # fmt: skip
def test_an_answer_that_is_none_is_said_so(said):
    with serving(said) as server:
        problem = refusal(client_for(server), server.address)
    assert problem.reason is Reason.NO_ANSWER
    assert str(problem) == "127.0.0.1 did not answer as a web server does."


def test_nobody_there():
    with serving(HELLO) as server:
        pass
    problem = refusal(client_for(server), server.address)
    assert (problem.reason, str(problem)) == (Reason.NO_ANSWER, "127.0.0.1 does not answer.")


@pytest.mark.parametrize("status", ["404 Not Found", "503 Unavailable", "204 No Content"])
def test_other_answers_bring_their_status_and_no_content(status):
    with serving(answer(b"x" * 100, status, content_type="text/plain")) as server:
        got = client_for(server).fetch(server.address, TEXT)
    assert (got.status, got.content) == (int(status[:3]), b"")


def test_a_check_reads_no_content():
    def endless(request):
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        yield server.hang()

    with serving(endless) as server:
        got = client_for(server).fetch(server.address, Wanted())
        assert got.status == 200
        assert 0 < got.seconds < 5


def test_no_old_tls_is_spoken_whatever_the_system_allows(monkeypatch):
    made = ssl.create_default_context()
    made.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    monkeypatch.setattr(ssl, "create_default_context", lambda: made)
    context = trusted_by_system()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
