"""Export, import, export, again and again, with random edits between: right, and nothing grows.

The server is a process of its own, so that what it holds can be read from /proc.
"""

import os
import random
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from dashboard.backup import store
from dashboard.backup.export import content_digest
from dashboard.models import (
    AuditEvent,
    BackupRun,
    ConfigKey,
    ImportTicket,
    Role,
    RunKind,
    SafetyCopy,
    Unit,
    Workspace,
)
from tests import factories
from tests.faults.conftest import LONG
from tests.faults.server import Person, backup_page, has_imported, said

CYCLES = 1_000 if LONG else 60
WARM_UP = 4  # until every page was seen and every thread is there
CONTROL_CYCLES = 16
ROOT = Path(__file__).parents[2]
# What a server remembers of ended jobs for 15 minutes would hide, in as many cycles, what it leaks.
START = """
from dashboard import cli
from dashboard.jobs import runner as jobs
from tests.faults import runner, test_cycles
cli.load = runner.cheap
jobs.KEPT_SECONDS = 1
getattr(test_cycles, {!r})()
cli.main()
"""
# Each cycle adds its lines to the audit log and to the record of runs, which are kept for good.
LOG_BYTES = 6 << 10
MEMORY_BYTES = 8 << 20
WAL_BYTES = 4 << 20


def nothing() -> None:
    """Leave the program as it is."""


def leak() -> None:
    """Break the build: each upload stays open."""
    honest = store.copy_in

    def careless(source, sink):
        os.dup(sink.fileno())
        return honest(source, sink)

    store.copy_in = careless


def hoard() -> None:
    """Break the build: nothing is ever swept."""
    from dashboard.web import backup_page as page

    page._sweep = lambda response: response


@contextmanager
def serving(data_dir: Path, broken: str) -> Iterator[tuple[int, int]]:
    """Run the server on *data_dir*, after *broken* was called in it; give its pid and port."""
    command = [sys.executable, "-c", START.format(broken), "serve", "--port", "0"]
    environ = os.environ | {"DASHBOARD_DATA_DIR": str(data_dir)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process.pid, int(re.search(r":(\d+) ", process.stdout.readline())[1])
        finally:
            process.kill()


@dataclass
class Meter:
    """What the server and its data directory hold, after each cycle."""

    pid: int
    data: Path
    seen: dict[str, list[int]] = field(default_factory=dict)

    def read(self) -> None:
        """Note what there is now."""
        proc = Path(f"/proc/{self.pid}")
        memory = re.search(r"VmRSS:\s+(\d+) kB", (proc / "status").read_text())[1]
        found = {
            "descriptors": len(list((proc / "fd").iterdir())),
            "threads": len(list((proc / "task").iterdir())),
            "memory": int(memory) << 10,
            "files": sum(path.is_file() for path in self.data.rglob("*")),
            "database": (self.data / "dashboard.db").stat().st_size,
            "log": (self.data / "dashboard.db-wal").stat().st_size,
        }
        for name, value in found.items():
            self.seen.setdefault(name, []).append(value)

    def growth(self, name: str) -> float:
        """Return by how much something grew from the beginning to the end, after the warm-up."""
        values = self.seen[name][WARM_UP:]
        third = len(values) // 3
        return statistics.median(values[-third:]) - statistics.median(values[:third])

    def faults(self) -> list[str]:
        """Return what has grown and should not."""
        cycles = len(self.seen["memory"]) - WARM_UP
        allowed = {
            "descriptors": 0,
            "threads": 0,
            "files": 0,
            "memory": MEMORY_BYTES,
            "database": cycles * LOG_BYTES,
        }
        grown = {name: self.growth(name) for name in allowed}
        strange = [
            f"{name}: {grown[name]:+}" for name, most in allowed.items() if grown[name] > most
        ]
        if max(self.seen["log"]) > WAL_BYTES:
            strange.append(f"the write-ahead log had {max(self.seen['log'])} bytes")
        print(f"{cycles} cycles: {grown}, log at most {max(self.seen['log'])}")
        return strange


class Editor:
    """An admin who changes something in the unit through its pages, from a fixed seed."""

    def __init__(self, person: Person, unit: Unit) -> None:
        self.person, self.unit, self.random = person, unit, random.Random(4)
        self.count = 0

    def edit(self) -> None:
        """Do one to three changes."""
        for _ in range(self.random.randint(1, 3)):
            self.count += 1
            act = self.random.choice([self._change_key, self._add_or_delete_key, self._workspace])
            act(self.random.randrange(5))

    def _send(self, path: str, **fields: str) -> None:
        page = self.person.get(path)
        answer = self.person.post(path, revision=str(page.revision), **fields)
        assert answer.status == 303, (path, answer.status, said(answer))

    def _value(self) -> str:
        return self.random.choice(["é – 二", "", "x" * 3_000, "a\nb"]) + str(self.count)

    def _change_key(self, number: int) -> None:
        name = f"K{6 * (number % 2):04d}"  # these two are strings
        path = f"/u/daily/admin/keys/{name}"
        self._send(path, type="string", value=self._value(), description=f"edit {self.count}")

    def _add_or_delete_key(self, number: int) -> None:
        name = f"EXTRA{number}"
        if ConfigKey.of(self.unit).where(ConfigKey.name == name).exists():
            self._send(f"/u/daily/admin/keys/{name}/delete")
        else:
            kind = self.random.choice(["string", "secret"])
            self._send("/u/daily/admin/keys/-/new", name=name, type=kind, value=f"v{self.count}")

    def _workspace(self, number: int) -> None:
        made = list(Workspace.of(self.unit).where(Workspace.uid.startswith("ws-")))
        others = [row for row in made if row.uid not in ("ws-one", "ws-two")]
        if len(others) > 3:
            self._send(f"/u/daily/w/{others[number % len(others)].uid}/delete")
        else:
            self._send("/u/daily/workspaces/new", name=f"Made {self.count}", layout="1", shared="y")


def grow_old() -> None:
    """Let everything be older than it is kept, so that the next look at the page sweeps it."""
    week = 8 * 86_400
    SafetyCopy.update(created_at=SafetyCopy.created_at - week).execute()
    ImportTicket.update(expires_at=1).execute()
    BackupRun.update(finished_at=1).where(BackupRun.finished_at.is_null(False)).execute()


def cycles(settings, folders, unit: Unit, count: int, *, broken: str = "nothing") -> list[str]:
    """Go through *count* cycles; return what has grown."""
    with serving(settings.data_dir, broken) as (pid, port):
        person = Person(port, SimpleNamespace(email="alice@harbour.example"))
        person.sign_in(factories.PASSWORD)
        editor, meter = Editor(person, unit), Meter(pid, settings.data_dir)
        for _ in range(count):
            one_cycle(person, editor, unit)
            grow_old()
            for folder in (folders.uploads, folders.exports, folders.safety):
                for path in folder.iterdir():
                    os.utime(path, (0, 0))
            assert person.get(backup_page("daily")).status == 200
            meter.read()
        person.close()
    return meter.faults()


def one_cycle(person: Person, editor: Editor, unit: Unit) -> None:
    """Edit, export, edit, import, export: the digests must be those of the state."""
    editor.edit()
    wanted = content_digest(unit)
    file = person.export("daily")
    assert file.status == 200
    editor.edit()
    preview = person.validate("daily", file.body)
    assert has_imported("daily", person.press_import("daily", preview.ticket))
    assert content_digest(unit) == wanted
    assert person.export("daily").status == 200
    exports = BackupRun.select().where(BackupRun.kind == RunKind.EXPORT)
    newest = exports.order_by(BackupRun.id.desc()).limit(2)
    assert [run.content for run in newest] == [wanted, wanted]


@pytest.fixture
def unit(folders) -> Unit:
    unit = factories.make_full_unit("daily", "Harbour Daily")
    factories.make_full_unit("weekly", "Coast Weekly", keys=5)
    factories.make_user("alice", daily=Role.ADMIN)
    return unit


def test_cycles_of_export_and_import_are_faithful_and_nothing_grows(settings, folders, unit):
    other = content_digest(Unit.get(Unit.slug == "weekly"))
    assert cycles(settings, folders, unit, CYCLES) == []
    assert content_digest(Unit.get(Unit.slug == "weekly")) == other
    done = AuditEvent.select().where(AuditEvent.action == "backup.import")
    assert done.count() == CYCLES


@pytest.mark.parametrize(("broken", "grown"), [("leak", "descriptors"), ("hoard", "files")])
def test_what_grows_is_noticed(settings, folders, unit, broken, grown):
    found = cycles(settings, folders, unit, CONTROL_CYCLES, broken=broken)
    assert any(fault.startswith(grown) for fault in found), found
