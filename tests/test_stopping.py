"""How `serve` ends: running requests finish, jobs too, and a second signal does not wait."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import pytest
from waitress import create_server

from dashboard.cli.stopping import end_loop
from tests import factories
from tests.program import PATIENCE_SECONDS, free_port

pytestmark = pytest.mark.slow
# A page that takes seconds, so that a signal can come in the middle of it.
SLOW_PAGE = """
import os, sys, time
import dashboard.web
auth = sys.modules["dashboard.web.auth"]
page = auth._log_in_page
def slow(form):
    print("asked", flush=True)
    time.sleep(float(os.environ["SECONDS"]))
    return page(form)
auth._log_in_page = slow
from dashboard.cli import main
main()
"""

# A Ctrl-C at the very moment at which it is said how to stop the server.
AT_ONCE = """
import signal, sys
from dashboard.cli import main
serve = sys.modules["dashboard.cli.serve"]
announce = serve._announce
def at_once(*where):
    announce(*where)
    signal.raise_signal(signal.SIGINT)
serve._announce = at_once
main()
"""
# A host name that stands for two addresses, as `localhost` does in most places.
TWO_ADDRESSES = """
import socket
from dashboard.cli import main
found = socket.getaddrinfo
def two(host, *more, **words):
    if host == "both.example":
        return found("127.0.0.1", *more, **words) + found("127.0.0.2", *more, **words)
    return found(host, *more, **words)
socket.getaddrinfo = two
main()
"""


@pytest.fixture
def seconds():
    return 2


@pytest.fixture
def start(folders, settings):
    """Start a program that serves; it is ended with the test."""
    begun = []

    def run(script, *words, **more):
        process = subprocess.Popen(
            [sys.executable, "-c", script, "serve", *(words or ("--port", "0"))],
            env=os.environ | {"DASHBOARD_DATA_DIR": str(settings.data_dir)} | more,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        begun.append(process)
        return process

    factories.make_unit("daily", "Harbour Daily")
    yield run
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def server(start, seconds):
    return start(SLOW_PAGE, SECONDS=str(seconds))


def ask(server):
    """Ask for the slow page; return the connection once the server is at work on it."""
    for line in server.stdout:
        if found := re.match(r"Dashboard runs at http://127\.0\.0\.1:(\d+)", line):
            break
    link = socket.create_connection(("127.0.0.1", int(found[1])), timeout=PATIENCE_SECONDS)
    link.sendall(f"GET /login HTTP/1.1\r\nHost: 127.0.0.1:{found[1]}\r\n\r\n".encode())
    assert server.stdout.readline() == "asked\n"
    return link


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("times", [1, 2])
def test_what_was_asked_is_answered_before_it_ends(server, number, times):
    with ask(server) as link:
        for _ in range(times):  # a Ctrl-C in a terminal reaches the single binary twice
            os.killpg(server.pid, number)
        assert link.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")
    assert server.wait(PATIENCE_SECONDS) == 0


@pytest.mark.parametrize("seconds", [12])
def test_a_second_press_does_not_wait(server):
    with ask(server) as link:
        server.send_signal(signal.SIGINT)
        time.sleep(1)  # longer than one press lasts
        server.send_signal(signal.SIGINT)
        server.wait(PATIENCE_SECONDS)
        assert not link.recv(1 << 16)


def is_let_in(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS).close()
    except ConnectionError:  # refused; or cut off, where the socket closes at this very moment
        return False
    return True


@pytest.mark.parametrize("seconds", [8])
def test_nobody_new_is_let_in_while_it_ends(server):
    with ask(server) as link:
        port = link.getpeername()[1]
        assert is_let_in(port)
        server.send_signal(signal.SIGTERM)
        while is_let_in(port):
            time.sleep(0.1)
        link.setblocking(False)
        with pytest.raises(BlockingIOError):  # it is still at work for whoever came before
            link.recv(1)
        link.settimeout(PATIENCE_SECONDS)
        assert link.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")


def test_it_can_be_stopped_as_soon_as_it_says_how(start):
    assert start(AT_ONCE).wait(PATIENCE_SECONDS) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_host_of_two_addresses_is_served_at_both_and_ends(start, number):
    port = free_port()
    server = start(TWO_ADDRESSES, "--host", "both.example", "--port", str(port))
    assert server.stdout.readline().startswith(f"Dashboard runs at http://both.example:{port} ")
    for address in ("127.0.0.1", "127.0.0.2"):
        with socket.create_connection((address, port), timeout=PATIENCE_SECONDS) as link:
            link.sendall(f"GET /healthz HTTP/1.0\r\nHost: {address}:{port}\r\n\r\n".encode())
            assert link.recv(1 << 16).startswith(b"HTTP/1.0 200 OK")
    server.send_signal(number)
    assert server.wait(PATIENCE_SECONDS) == 0


def test_whoever_wakes_the_loop_as_it_ends_writes_into_no_file(tmp_path):
    """He writes to a number, which is another file's once the loop closed what had it."""
    server = create_server(lambda *_: [], host="127.0.0.1", port=0, threads=1)
    loop = threading.Thread(target=server.run)
    loop.start()
    pull = server.trigger._physical_pull
    with ExitStack() as files:

        def pull_late():
            pull()  # as a request does that ends just now
            loop.join(PATIENCE_SECONDS)
            for number in range(20):
                files.enter_context((tmp_path / str(number)).open("wb", buffering=0))
            pull()

        server.trigger._physical_pull = pull_late
        end_loop(server, server._map)
    assert not loop.is_alive()
    assert len(list(tmp_path.iterdir())) == 20
    assert all(file.read_bytes() == b"" for file in tmp_path.iterdir())
    server.task_dispatcher.shutdown()
    server.trigger.close()
