"""The command `serve` in a process of its own, whose memory and files are watched."""

import http.client
import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from dashboard import backup, db
from dashboard.archive import KdfCost
from dashboard.backup.store import make_folders
from dashboard.config import Settings
from dashboard.installation import open_installation
from dashboard.models import BackupRun, Role, Session, User
from tests import factories
from tests.faults.server import BACKUP_PASSWORD, Person

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
            if target.startswith((str(self.data / "uploads"), str(self.temporary))):
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
        file = backup_of("daily", settings.data_dir, temporary, KdfCost(1, 8 << 20))
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


def backup_of(slug, data_dir, folder, cost):
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
