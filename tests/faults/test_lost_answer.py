"""The answer that never arrives: the connection breaks after Import, in an upload, in a download.

What was asked for goes on or never began. The Backup page says which, the same ticket shows the one
result, and what nobody comes back for is swept away.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dashboard import backup
from dashboard.backup import tickets
from dashboard.models import Asset, BackupRun, ImportTicket, RunKind, RunState, SafetyCopy
from dashboard.web import backup_page as page_of_backups
from dashboard.web import build_app
from tests.faults import history, site
from tests.faults.crowd import NAMES, Town, import_, town_at
from tests.faults.server import BACKUP_PASSWORD, backup_page, has_imported, reset, said

ROUNDS = 30
LAST_MOMENT_SECONDS = 0.3  # a small import is done by then, most of the time
PATIENCE_SECONDS = 60
PAGE = backup_page("daily")
NEWEST = re.compile(r"(?s)<h2 id=\"history-title\">.*?<tbody>\s*<tr>(.*?)</tr>")


@pytest.fixture
def town(settings, folders, tmp_path) -> Iterator[Town]:
    engine = backup.Context(folders, "Dashboard test", site.CHEAP, 4)
    with town_at(build_app(settings, folders), engine, tmp_path) as town:
        yield town


def wait_for(what: Callable[[], bool]) -> None:
    """Look again and again until *what* is so; it is an error if it never is."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def imports() -> list[BackupRun]:
    """Return the imports that were begun, in order."""
    return list(BackupRun.select().where(BackupRun.kind == RunKind.IMPORT).order_by(BackupRun.id))


def tells_the_truth(page: str, generation: int) -> bool:
    """Return whether the newest line of the history is about the state that the page shows."""
    newest = NEWEST.search(page)[1]
    is_done = "Import" in newest and ">done<" in newest
    return is_done is (history.generation_on(page) == generation)


def lose_answer(town: Town, seconds: float) -> list[str]:
    """Break the connection *seconds* after Import was sent; return what is wrong then."""
    ticket, slots = town.ticket(town.alice, "daily")
    revision, known = town.revision("daily"), len(imports())
    form = {"ticket": ticket, "unit_name": NAMES["daily"]}
    with reset(town.port) as link:
        link.sendall(town.alice.form_bytes(f"{PAGE}/import", **form))
        time.sleep(seconds)  # any moment will do
    faults = []
    page = town.alice.get(PAGE)
    if not tells_the_truth(page.text, town.generation):
        faults.append("the page does not tell what the unit holds")
    again = import_(town.alice, "daily", ticket)
    if not has_imported("daily", again):
        faults.append(f"the second press was answered with {again.status}: {said(again)}")
    if town.slots("daily") != slots or town.revision("daily") != revision + 1:
        faults.append(f"the unit is at {town.revision('daily')} and holds {town.slots('daily')}")
    states = [run.state for run in imports()[known:]]
    if states != [RunState.DONE] or SafetyCopy.select().count() != known + 1:
        faults.append(f"the imports ended {states}")
    if not tells_the_truth(town.alice.get(PAGE).text, town.generation):
        faults.append("the page does not tell what the unit holds at the end")
    return faults


def test_an_answer_that_is_lost_is_found_by_pressing_import_again(town):
    for number in range(ROUNDS):
        assert lose_answer(town, LAST_MOMENT_SECONDS * number / ROUNDS) == []


def test_a_ticket_that_is_not_used_up_is_noticed(town, monkeypatch):
    monkeypatch.setattr(tickets, "use_up", lambda *_: None)
    assert any(lose_answer(town, LAST_MOMENT_SECONDS) for _ in range(5))


# --- somebody goes away


def files(town: Town) -> list[Path]:
    """Return the files that were taken in or made for a download."""
    folders = town.engine.folders
    return [*folders.uploads.iterdir(), *folders.exports.iterdir()]


def descriptors() -> int:
    """Return how many files and connections this process holds open.

    Not those of the database: SQLite keeps some of closed connections for the next ones, while
    another connection holds a lock (after a hundred uploads it was one).
    """
    count = 0
    for link in list(Path("/proc/self/fd").iterdir()):
        with suppress(FileNotFoundError):  # closed meanwhile
            count += link.readlink().name != "dashboard.db"
    return count


def an_hour_later(town: Town) -> None:
    """Let everything be older, and look at the Backup page, which sweeps."""
    for path in files(town):
        os.utime(path, (0, 0))
    ImportTicket.update(expires_at=1).execute()
    BackupRun.update(finished_at=1).where(BackupRun.finished_at.is_null(False)).execute()
    assert town.alice.get(PAGE).status == 200


# Waitress leaves the temporary file of such a body to the garbage collector, which closes it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("abrupt", [True, False])
def test_an_upload_that_breaks_off_leaves_nothing(town, abrupt):
    body, kind = town.alice.upload_body(os.urandom(1 << 20), BACKUP_PASSWORD)
    sent = town.alice.request_bytes(f"{PAGE}/validate", body, kind)
    runs, open_before = BackupRun.select().count(), descriptors()
    for part in range(1, 11):
        with reset(town.port) as link:
            link.sendall(sent[: len(sent) * part // 11])
            if not abrupt:
                link.shutdown(1)
                link.recv(1 << 16)
    wait_for(lambda: descriptors() <= open_before)
    assert files(town) == []
    assert BackupRun.select().count() == runs
    data, _ = town.next_backup()
    assert town.alice.validate("daily", data).status == 200


def upload_and_leave(town: Town) -> None:
    """Send a whole backup, and do not wait for the preview."""
    data, _ = town.next_backup()
    body, kind = town.alice.upload_body(data, BACKUP_PASSWORD)
    known = ImportTicket.select().count()
    with reset(town.port) as link:
        link.sendall(town.alice.request_bytes(f"{PAGE}/validate", body, kind))
        wait_for(lambda: ImportTicket.select().count() > known)


def test_an_upload_that_nobody_comes_back_for_is_swept(town):
    for _ in range(5):
        upload_and_leave(town)
    wait_for(lambda: BackupRun.running(town.units["daily"]) is None)
    assert len(files(town)) == 5
    an_hour_later(town)
    assert files(town) == []
    assert ImportTicket.select().count() == 0


def test_an_upload_that_nothing_sweeps_is_noticed(town, monkeypatch):
    monkeypatch.setattr(page_of_backups, "_sweep", lambda response: response)
    with pytest.raises(AssertionError):
        test_an_upload_that_nobody_comes_back_for_is_swept(town)


def test_a_download_that_breaks_off_leaves_nothing_open(town):
    unit = town.units["daily"]
    for _ in range(12):  # more than the sockets between the two hold
        content = b"\x89PNG\r\n\x1a\n" + os.urandom(250_000)
        digest = hashlib.sha256(content).hexdigest()
        Asset.create(unit=unit, sha256=digest, mime="image/png", content=content)
    made = town.alice.settled(town.alice.post(f"{PAGE}/export", password=BACKUP_PASSWORD))
    whole, open_before = town.alice.get(made.location), descriptors()
    for _ in range(10):
        with reset(town.port) as link:
            lines = (
                f"GET {made.location} HTTP/1.1",
                f"Host: 127.0.0.1:{town.port}",
                f"Cookie: {town.alice.cookie}",
            )
            link.sendall("\r\n".join((*lines, "", "")).encode())
            assert link.recv(1_000).startswith(b"HTTP/1.1 200 ")
    wait_for(lambda: descriptors() <= open_before)
    assert town.alice.get(made.location).body == whole.body
    an_hour_later(town)
    assert files(town) == []
    assert town.alice.get(made.location).status == 404
