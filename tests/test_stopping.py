"""How `serve` ends: running requests finish, jobs too, and a second signal does not wait."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests import factories
from tests.program import PATIENCE_SECONDS

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


@pytest.fixture
def seconds():
    return 2


@pytest.fixture
def server(folders, settings, seconds):
    factories.make_unit("daily", "Harbour Daily")
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_PAGE, "serve", "--port", "0"],
        env=os.environ | {"DASHBOARD_DATA_DIR": str(settings.data_dir), "SECONDS": str(seconds)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()
    process.stdout.close()


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


def test_nobody_new_is_let_in_while_it_ends(server):
    with ask(server) as link:
        port = link.getpeername()[1]
        server.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
        assert link.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")
