"""No secret is left where it has no place: logs, files, database, addresses, headers, processes."""

import hashlib
import html
import json
import re
import socket
import time
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

import pytest

from dashboard.cli.serve import IN_MEMORY_BYTES
from tests import sqlite
from tests.faults.server import PATIENCE_SECONDS, Answer, backup_page
from tests.residue.acts import UNIT, Visitor, Walk, commands, upload_body
from tests.residue.canaries import Canaries, leaks
from tests.residue.program import Home, serving

pytestmark = pytest.mark.slow

KINDS = {
    "set-up token", "login password", "mistyped login password", "session cookie", "CSRF token",
    "key-store secret", "plugin secret", "part-file password", "part-file key", "file key",
    "backup password", "mistyped backup password", "ticket", "invite token", "second factor",
    "recovery code", "access token",
}  # fmt: skip
# The first start prints its link, which is how the operator gets it.
PLACES = {"serve-1.out": {"set-up token"}}
# What the operator wrote into a file, and asked to have decrypted into one.
OWN_FILES = {"password": {"backup password"}, "x.ndjson": {"key-store secret", "plugin secret"}}


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """A server on which everything was done, then stopped; and what was seen meanwhile."""
    home, marks, seen = Home(tmp_path_factory.mktemp("residue")), Canaries(), []
    with serving(home) as server:
        with closing(Walk(home, server, marks)) as walk:
            for _ in walk.acts():
                seen.append(marks.found_in(server.shown_of_processes()))
        live = leaks(marks, [home.data, home.tmp, home.home, home.log], PLACES)
    commands(home, marks, walk.backup)
    return home, marks, walk, seen, live


def test_every_kind_of_secret_was_at_work(walked):
    assert walked[1].kinds == KINDS


def test_no_answer_says_a_secret_back(walked):
    assert walked[2].problems == []


def test_no_process_shows_a_secret(walked):
    assert not set().union(*walked[3])


def test_nothing_is_left_while_the_server_runs(walked):
    assert walked[4] == {}


def test_nothing_is_left_after_the_server_and_commands(walked):
    home, marks, *_ = walked
    assert leaks(marks, [home.root], PLACES | OWN_FILES) == {}


def test_errors_are_in_the_log_with_their_traces(walked):
    """So the search looked at what matters: in a view, in a job, before the application."""
    text = (walked[0].log / "serve-1.err").read_text()
    traces = [line for line in map(json.loads, text.splitlines()) if "trace" in line]
    assert all(line["trace"].endswith("RuntimeError: made for a test") for line in traces)
    words = sorted(re.sub("[0-9a-f]{8}", "ID", line["message"]) for line in traces)
    assert words == [
        "Exception while serving a request",
        "incident ID: POST keystore.edit",
        "incident ID: job validate",
        "incident ID: job validate",
    ]


def test_a_careless_program_is_found_out(tmp_path):
    """The negative control: logs, temporary file, home, database, each in another writing."""
    home, marks = Home(tmp_path, leaky=True), Canaries()
    with serving(home) as server, closing(Walk(home, server, marks)) as walk:
        walk.set_up()
        walk.log_in()
        walk.keys()
    found = {Path(name).name: kinds for name, kinds in leaks(marks, [home.root], PLACES).items()}
    files = ("serve-1.err", "key-store.tmp", ".history", "dashboard.db")
    assert found.keys() == set(files)
    assert all("key-store secret" in kinds for kinds in found.values())


def test_a_careless_answer_is_found_out():
    marks = Canaries()
    person = Visitor(0, marks, "maja@harbour.example")
    secret = marks.make("login password")
    careless, good = EmailMessage(), EmailMessage()
    careless["Location"] = f"/?p={quote(secret)}"
    page = f'<input value="{html.escape(secret)}">'.encode()
    person.look_at("GET /", Answer(303, careless, page))
    person.look_at(f"GET /?p={quote(secret)}", Answer(200, good, b""))
    places = [problem.rpartition(" in ")[2] for problem in person.problems]
    assert places == ["headers", "page", "address"]


def test_an_upload_too_large_for_memory_waits_sealed(tmp_path):
    """The form around it holds a password, and a file without a name is on the disk, too."""
    home, marks = Home(tmp_path), Canaries()
    with serving(home) as server, closing(Walk(home, server, marks)) as walk:
        walk.set_up()
        walk.log_in()
        fields = {"csrf_token": walk.admin.csrf, "password": walk.backup}
        # Once more at the beginning: the end of a body is in memory still.
        file = walk.backup.encode() + bytes(range(256)) * (IN_MEMORY_BYTES // 256)
        body, kind = upload_body(file, fields)
        whole = walk.admin.request_bytes(f"{backup_page(UNIT)}/validate", body, kind)
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS) as link:
            link.sendall(whole[:-1])
            spooled = wait_for_spool(server)
            assert marks.found_in(spooled) == set()
            link.sendall(whole[-1:])
            assert link.recv(12) == b"HTTP/1.1 422"  # no backup
    noted = [run["file_sha256"] for run in sqlite.everything(home.data)["backup_run"]]
    assert noted == [hashlib.sha256(file).hexdigest()]


def wait_for_spool(server):
    """Return what is in the unnamed files, once the whole body is."""
    end = time.monotonic() + PATIENCE_SECONDS
    while sum(map(len, found := list(server.unnamed_files()))) < IN_MEMORY_BYTES:
        assert time.monotonic() < end, "the body does not arrive in a file"
        time.sleep(0.05)
    return b"".join(found)


def test_a_server_leaves_no_core_dump(tmp_path):
    with serving(Home(tmp_path)) as server:
        limits = Path(f"/proc/{server.process.pid}/limits").read_text()
    assert re.search(r"Max core file size +0 +0 ", limits)
