"""R1 and R4: bodies that are too large, odd or unwanted, and fifty who validate at once.

Against the command `serve` in a process of its own, whose memory and files are watched: what is
refused is refused at once, and nothing of it is kept, in memory, on disk or in the database.
"""

import hashlib
import http.client
import io
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from dashboard import backup, db
from dashboard.archive import KdfCost
from dashboard.backup import gate, quotas
from dashboard.backup.store import make_folders
from dashboard.cli import connections, wire
from dashboard.config import Settings
from dashboard.installation import open_installation
from dashboard.jobs import runner
from dashboard.models import BackupRun, Role, Session, User
from dashboard.web import backup_jobs, bodies
from tests import factories
from tests.faults import tally
from tests.faults.server import BACKUP_PASSWORD, Person, backup_page

ROOT = Path(__file__).parents[2]
MIB = 1 << 20
MAX_UPLOAD = 8 * MIB
SECONDS = 20
FORM = "application/x-www-form-urlencoded"


@dataclass
class Server:
    """The running command: its port, its process, its files."""

    port: int
    process: int
    data: Path
    temporary: Path
    file: bytes  # a backup of a small unit
    alice: Person
    rita: Person

    def memory(self):
        """Return what it has in memory, in bytes."""
        status = Path(f"/proc/{self.process}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) << 10

    def spooled(self):
        """Return how many bytes are in its temporary files, which have no names."""
        total = 0
        for link in Path(f"/proc/{self.process}/fd").iterdir():
            try:
                target, size = str(link.readlink()), link.stat().st_size
            except FileNotFoundError:
                continue
            if target.startswith(str(self.temporary)):
                total += size
        return total

    def kept(self):
        """Return what waits on its disk, and how many things there are."""
        with db.database.connection_context():
            signed_in = Session.select().where(Session.user.is_null(False)).count()
            counts = BackupRun.select().count(), signed_in, User.select().count()
        return sorted((self.data / "uploads").iterdir()), counts

    def link(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    settings = Settings(data_dir=tmp_path_factory.mktemp("resources") / "data")
    temporary = tmp_path_factory.mktemp("temporary")
    open_installation(settings.data_dir, settings.database_url)
    with db.database.connection_context():
        factories.make_unit("daily", "Harbour Daily")
        people = [
            factories.make_user("alice", daily=Role.ADMIN),
            factories.make_user("rita", daily=Role.READONLY),
        ]
        file = _backup_of("daily", settings.data_dir, temporary, KdfCost(1, 8 << 20))
    environ = os.environ | {
        "DASHBOARD_DATA_DIR": str(settings.data_dir),
        "DASHBOARD_PORT": "0",
        "DASHBOARD_MAX_UPLOAD_BYTES": str(MAX_UPLOAD),
        "TMPDIR": str(temporary),
    }
    process = subprocess.Popen(
        [sys.executable, "app.py", "serve"],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        port = int(re.search(r":(\d+) ", process.stdout.readline())[1])
        alice, rita = (Person(port, user).appear() for user in people)
        yield Server(port, process.pid, settings.data_dir, temporary, file, alice, rita)
        alice.close()
        rita.close()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        db.database.initialize(None)


def _backup_of(slug, data_dir, folder, cost):
    engine = backup.Context(make_folders(data_dir), "Dashboard test", cost, 4)
    path = folder / f"{slug}.dbk"
    unit = factories.Unit.get(factories.Unit.slug == slug)
    backup.export_to_file(unit, path, BACKUP_PASSWORD, "test", engine)
    data = path.read_bytes()
    path.unlink()
    return data


def head(server, path, length, cookie="", *lines, kind=FORM):
    """Return the headers of a POST whose body has *length* bytes (None: chunks)."""
    of_body = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    cookies = [f"Cookie: {cookie}"] if cookie else []
    first = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", f"Content-Type: {kind}"]
    return "\r\n".join([*first, of_body, *cookies, *lines, "", ""]).encode()


def answer_of(link):
    """Return status and text of the next answer, whether or not more could be sent before it."""
    with http.client.HTTPResponse(link) as response:
        response.begin()
        return response.status, response.headers, response.read().decode()


def refused_early(server, path, length, cookie="", *lines, kind=FORM):
    """Send headers alone: the answer comes without the body. Then send some, which is not kept."""
    before, kept = server.memory(), server.kept()
    with server.link() as link:
        link.sendall(head(server, path, length, cookie, *lines, kind=kind))
        answer = answer_of(link)
        for _ in range(32):
            try:
                link.sendall(b"x" * MIB)
            except ConnectionError:
                break
            assert server.spooled() < MIB
    assert server.memory() - before < 20 * MIB
    assert server.kept() == kept
    return answer


VALIDATE = f"{backup_page('daily')}/validate"
MULTIPART = "multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    ("path", "status"), [("/login", 413), (VALIDATE, 303), ("/theme", 303), ("/none", 413)]
)
@pytest.mark.parametrize("cookie", ["", "dashboard_session=made-up"])
def test_nobody_has_a_large_body_kept(server, path, status, cookie):
    """The answer is that of any request of theirs; an unknown address first has a limit."""
    found, headers, _ = refused_early(server, path, 7 * MIB, cookie, kind=MULTIPART)
    assert found in (status, 404)
    assert headers["Connection"] == "close"


def test_a_client_that_waits_to_be_asked_is_not_asked(server):
    status, *_ = refused_early(server, VALIDATE, 7 * MIB, "", "Expect: 100-continue")
    assert status == 303


def test_who_may_not_upload_has_no_upload_kept(server):
    status, _, text = refused_early(server, VALIDATE, 7 * MIB, server.rita.cookie, kind=MULTIPART)
    assert status == 403
    assert "Your role in this unit does not allow this" in text


def test_who_logged_in_long_ago_is_asked_for_the_password_first(server):
    with Person(server.port, server.alice.user).appear() as stale:
        with db.database.connection_context():
            Session.update(fresh_at=0).where(Session.token_hash == _hash(stale.cookie)).execute()
        status, headers, _ = refused_early(server, VALIDATE, 7 * MIB, stale.cookie)
        assert status == 303
        assert headers["Location"].startswith("/confirm")
        status, headers, _ = refused_early(
            server, VALIDATE, 7 * MIB, stale.cookie, "HX-Request: true"
        )
        assert status == 401
        assert headers["HX-Redirect"].startswith("/confirm")


def _hash(cookie):
    return hashlib.sha256(cookie.partition("=")[2].encode()).hexdigest()


@pytest.mark.parametrize(
    ("path", "length"),
    [
        ("/theme", bodies.MAX_BODY_BYTES + 1),
        (VALIDATE, MAX_UPLOAD + bodies.AROUND_FILE_BYTES + 1),
        ("/u/daily/workspaces/import", bodies.MAX_FORM_BYTES + 1),
    ],
)
def test_a_member_sends_no_more_than_a_form_may_have(server, path, length):
    status, _, text = refused_early(server, path, length, server.alice.cookie)
    assert status == 413
    assert "This is larger than the server accepts. Nothing was saved." in text


def test_a_large_form_to_nowhere_is_no_mistake(server):
    for path in ("/u/daily/none", "/u/daily/w/none/settings", "/none"):
        assert refused_early(server, path, 7 * MIB, server.alice.cookie)[0] in (404, 413)


def chunks(link, total, size=64 << 10):
    """Send *total* bytes in chunks, as far as they are taken."""
    piece = b"%x\r\n%s\r\n" % (size, b"x" * size)
    for _ in range(total // size):
        link.sendall(piece)


@pytest.mark.parametrize("path", ["/login", VALIDATE])
def test_chunks_without_a_length_end_at_the_same_limits(server, path):
    for cookie, most in (("", bodies.MAX_PUBLIC_BYTES), (server.alice.cookie, None)):
        before, kept = server.memory(), server.kept()
        with server.link() as link:
            link.sendall(head(server, path, None, cookie, kind=MULTIPART))
            with suppress(ConnectionError):
                chunks(link, 2 * MAX_UPLOAD)
            assert server.spooled() <= (0 if most else MAX_UPLOAD + 2 * MIB)
            assert answer_of(link)[0] == 413
        assert server.memory() - before < 20 * MIB
        assert server.kept() == kept


def test_a_line_between_chunks_has_an_end(server):
    for line in (b"a;" + b"x" * 2 * wire.MAX_CHUNK_LINE_BYTES, b"0\r\n" + b"x" * 5000):
        with server.link() as link:
            link.sendall(head(server, "/login", None) + line)
            assert answer_of(link)[0] == 400


def test_a_length_that_is_too_long_leaves_nothing(server):
    kept = server.kept()
    body, kind = server.alice.upload_body(server.file, BACKUP_PASSWORD)
    request = head(server, VALIDATE, len(body) + 1, server.alice.cookie, kind=kind)
    with server.link() as link:
        link.sendall(request + body)
    assert server.alice.get("/").status in (200, 303)
    assert server.kept() == kept


def test_a_length_that_is_too_short_cuts_the_file(server):
    body, kind = server.alice.upload_body(server.file, BACKUP_PASSWORD)
    request = head(server, VALIDATE, len(body) - 200, server.alice.cookie, kind=kind)
    before = server.kept()[0]
    with server.link() as link:
        link.sendall(request + body)
        assert answer_of(link)[0] in (400, 422)
    assert server.kept()[0] == before


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_the_limit_of_an_upload(server, over):
    """A file of the limit is looked at (and is no backup), one byte more is not taken in."""
    file = b"x" * (MAX_UPLOAD + over)
    around = len(server.alice.upload_body(b"", "x")[0])
    body, kind = server.alice.upload_body(file + b"x" * (MIB - around) * (over > 0), "x")
    with server.link() as link:
        link.sendall(head(server, VALIDATE, len(body), server.alice.cookie, kind=kind))
        try:
            link.sendall(body)
        except ConnectionError:
            assert over > 0
        assert answer_of(link)[0] == (413 if over > 0 else 422)
    assert server.kept()[0] == []


def parts(number):
    one = '--x\r\nContent-Disposition: form-data; name="a{}"\r\n\r\n1\r\n'
    return ("".join(map(one.format, range(number))) + "--x--\r\n").encode()


ODD_FORMS = {
    "1,001 parts": (MULTIPART, parts(1001), (400, 413)),
    "a field of 600 kB": (FORM, b"theme=" + b"x" * 600_000, (422,)),
    "10,000 fields": (FORM, b"&".join(b"f%d=1" % n for n in range(10_000)), (413, 422)),
    "a million ampersands": (FORM, b"&" * 1_000_000, (413, 422)),
    "a part without an end": (MULTIPART, b"--x\r\n" + b"y" * 1_000_000, (400, 413, 422)),
    "a huge boundary": (f"multipart/form-data; boundary={'x' * 10_000}", b"x", (400, 413, 422)),
    "many nested names": (FORM, b"theme" + b"[a]" * 100_000 + b"=1", (422,)),
}


@pytest.mark.parametrize("name", ODD_FORMS)
def test_odd_forms_are_refused_and_forgotten(server, name):
    kind, body, statuses = ODD_FORMS[name]
    before, kept, begun = server.memory(), server.kept(), time.monotonic()
    token = f"X-CSRFToken: {server.alice.csrf}"
    with server.link() as link:
        link.sendall(
            head(server, "/theme", len(body), server.alice.cookie, token, kind=kind) + body
        )
        assert answer_of(link)[0] in statuses
    assert time.monotonic() - begun < 5
    assert server.memory() - before < 20 * MIB
    assert server.kept() == kept


def test_ten_thousand_cookies_are_too_many_headers(server):
    cookies = "; ".join(f"c{n}=1" for n in range(10_000))
    with server.link() as link:
        link.sendall(head(server, "/login", 0, cookies))
        assert answer_of(link)[0] == 431
    with server.link() as link:
        fewer = "; ".join(f"c{n}=1" for n in range(5_000))
        link.sendall(head(server, "/login", 0, fewer))
        assert answer_of(link)[0] == 400  # no CSRF token


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "9" * 900_000, "1e999999"])
def test_deep_and_huge_json_is_refused_in_its_form(server, text):
    alice, begun = server.alice, time.monotonic()
    form = {"name": "K1", "type": "json", "value": text, "revision": "0"}
    answer = alice.post("/u/daily/admin/keys/-/new", **form)
    assert answer.status in (409, 422)
    assert time.monotonic() - begun < 5


@pytest.mark.slow
@pytest.mark.parametrize("page", ["9" * 5000, "-1", "1e9", "٣", "0x10", "9223372036854775808"])
def test_huge_numbers_in_the_address_are_no_mistake(server, page):
    for path in ("/u/daily/admin/audit", "/u/daily/admin/keys", "/u/daily/admin/workspaces"):
        for name in ("page", "after", "before"):
            answer = server.alice.get(f"{path}?{name}={quote(page)}")
            assert answer.status in (200, 303, 400, 404, 422), path


def test_an_upload_has_no_place_before_it_is_sent(server):
    """What waits already is counted when the headers are there."""
    alice = server.alice
    user = alice.user
    engine = backup.Context(make_folders(server.data), "Dashboard test", KdfCost(1, 8 << 20), 4)
    with db.database.connection_context():
        unit = factories.Unit.get(factories.Unit.slug == "daily")
        for _ in range(quotas.UPLOADS_OF_USER):
            backup.keep_upload(unit, user, io.BytesIO(b"x"), engine)
    try:
        before = server.kept()[0]
        with server.link() as link:
            link.sendall(head(server, VALIDATE, 7 * MIB, alice.cookie, kind=MULTIPART))
            status, headers, text = answer_of(link)
        assert status == 429
        assert "8 uploads of yours wait on the server already" in text
        assert 0 < int(headers["Retry-After"]) <= 1801
        assert server.kept()[0] == before
        small = alice.validate("daily", server.file)
        assert small.status == 429
    finally:
        for path in (server.data / "uploads").iterdir():
            path.unlink()


def test_bodies_that_come_in_at_the_same_time_are_bounded(server):
    links = []
    try:
        for _ in range(bodies.ARRIVING_OF_USER):
            links.append(server.link())
            links[-1].sendall(head(server, "/theme", 2 * MIB, server.alice.cookie) + b"x" * 1000)
        deadline = time.monotonic() + SECONDS
        status = 0
        while status != 429 and time.monotonic() < deadline:
            with server.link() as link:
                link.sendall(head(server, "/theme", 2 * MIB, server.alice.cookie))
                link.settimeout(0.5)
                with suppress(TimeoutError):
                    status = answer_of(link)[0]
        assert status == 429
        assert server.rita.post("/theme", theme="x" * 100_000).status == 422
    finally:
        for link in links:
            link.close()
    with server.link() as link:  # who went away leaves the place
        body = f"csrf_token={server.alice.csrf}&theme=".encode() + b"x" * 100_000
        link.sendall(head(server, "/theme", len(body), server.alice.cookie) + body)
        assert answer_of(link)[0] == 422


def test_what_is_sent_ahead_waits(server):
    """A hundred requests in one packet are answered one after the other, and hold no files open."""
    request = f"GET /static/vendor/none HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
    with server.link() as link:
        link.sendall(request * 100)
        reader = link.makefile("rb")
        for _ in range(100):
            assert reader.readline().startswith(b"HTTP/1.1 404")
            length = 0
            while (line := reader.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            reader.read(length)


@pytest.mark.slow
def test_fifty_who_validate_at_once(server):
    """R4: memory for two derivations, a short queue, 429 for the rest, and pages all the while."""
    number = 50
    with db.database.connection_context():
        people = []
        for n in range(number):
            factories.make_unit(f"u{n}", f"Unit {n}")
            people.append(factories.make_user(f"admin{n}", **{f"u{n}": Role.ADMIN}))
        file = _backup_of("u0", server.data, server.temporary, KdfCost(3, 256 * MIB))
    admins = [Person(server.port, user).appear() for user in people]
    look = Look(server)
    alone = [look.once() for _ in range(20)]
    base = server.memory()

    def validate(n):
        body, kind = admins[n].upload_body(file, "wrong")
        path = f"{backup_page(f'u{n}')}/validate"
        answer = admins[n]._ask("POST", path, body, {"Content-Type": kind})
        return answer, admins[n].settled(answer)

    try:
        with look, ThreadPoolExecutor(number) as pool:
            answers = list(pool.map(validate, range(number)))
    finally:
        for admin in admins:
            admin.close()
    refused = [answer for answer, _ in answers if answer.status == 429]
    ends = [end.status for answer, end in answers if answer.status != 429]
    assert set(ends) == {422}  # the password is wrong: each of them was derived
    assert gate.AT_ONCE <= len(ends) <= runner.WORKERS + runner.WAITING + backup_jobs.INTAKE_AT_ONCE
    assert all("Retry-After" in answer.headers for answer in refused)
    assert look.most - base < gate.AT_ONCE * 256 * MIB + 128 * MIB
    found, before = (statistics.quantiles(some, n=20)[-1] for some in (look.seconds, alone))
    tally.ROWS.append(
        f"50 validate at once: {len(ends)} derived, pages p95 {found * 1000:.0f} ms "
        f"({before * 1000:.0f} ms alone), {(look.most - base) >> 20} MiB more"
    )
    assert found < 1 + 5 * before  # other tests may have the processors


class Look(threading.Thread):
    """Somebody who looks at a page all the while, and at the memory of the server."""

    def __init__(self, server):
        super().__init__()
        self.server, self.over = server, threading.Event()
        self.seconds, self.most = [], 0

    def once(self):
        begun = time.monotonic()
        assert self.server.rita.get("/u/daily/").status == 200
        self.most = max(self.most, self.server.memory())
        return time.monotonic() - begun

    def run(self):
        while not self.over.is_set():
            self.seconds.append(self.once())

    def __enter__(self):
        self.start()

    def __exit__(self, *_):
        self.over.set()
        self.join()


def test_the_numbers_of_the_server_fit_together():
    assert connections.CROWDED < connections.CONNECTIONS
    assert bodies.MAX_PUBLIC_BYTES < bodies.MAX_BODY_BYTES < bodies.MAX_FORM_BYTES
