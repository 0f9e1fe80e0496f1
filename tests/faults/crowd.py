"""A town of units on one server, and a crowd in one of them: readers, writers, one who acts.

Nothing here waits for a time to pass: an import is held inside its transaction until every reader
has seen a page, an export until some writers were answered.
"""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from dashboard import backup
from dashboard.backup import imports, quotas
from dashboard.backup.progress import Stage
from dashboard.jobs import Job
from dashboard.models import Role, User
from tests import factories
from tests.faults import history, server
from tests.faults.conftest import LONG
from tests.faults.history import Change, History, Look
from tests.faults.server import Answer, Person

NAMES = {"daily": "Harbour Daily", "weekly": "Coast Weekly", "mould": "Mould"}
READERS, WRITERS = 16, 8
LOOKS, WRITES = (6 if LONG else 3), 2  # of each reader and writer in a round, at least
PATIENCE_SECONDS = 60
PAGES = (
    "admin/keys", "w/w0?plain=1", "admin/keys/K2", "admin/workspaces", "w/w1/settings", "profiles",
    "admin/profiles",
)  # fmt: skip


class Town:
    """A server, two units and a mould in which backups of every generation are made."""

    def __init__(self, port: int, engine: backup.Context, folder: Path) -> None:
        self.port, self.engine, self.folder = port, engine, folder
        self.units = {slug: factories.make_unit(slug, name) for slug, name in NAMES.items()}
        for unit in self.units.values():
            history.make_generation(unit, 0)
        self.people: list[Person] = []
        roles = dict.fromkeys(("daily", "weekly"), Role.ADMIN)
        self.alice, self.bob = (
            self.person(factories.make_user(name, **roles)) for name in ("alice", "bob")
        )
        self.generation = 0
        self.lock = threading.Lock()

    def person(self, user: User) -> Person:
        """Return a browser in which *user* is logged in."""
        self.people.append(Person(self.port, user).appear())
        return self.people[-1]

    def slots(self, slug: str) -> history.Slots:
        """Return what the unit *slug* holds."""
        return history.slots_of(self.units[slug])

    def revision(self, slug: str) -> int:
        """Return the revision of the unit *slug*."""
        return history.revision_of(self.units[slug])

    def next_backup(self) -> tuple[bytes, history.Slots]:
        """Return a backup of the next generation, and what it holds."""
        self.generation += 1
        slots = history.make_generation(self.units["mould"], self.generation)
        path = self.folder / "mould.dbk"
        unit = self.units["mould"]
        backup.export_to_file(unit, path, server.BACKUP_PASSWORD, "test", self.engine)
        data = path.read_bytes()
        path.unlink()
        return data, slots

    def ticket(self, person: Person, slug: str) -> tuple[str, history.Slots]:
        """Have *person* validate the next generation for the unit *slug*; return its slots too."""
        data, slots = self.next_backup()
        return person.validate(slug, data).ticket, slots


@contextmanager
def town_at(app: Flask, engine: backup.Context, folder: Path) -> Iterator[Town]:
    """Serve *app*, whose installation is empty, as a town."""
    with pytest.MonkeyPatch.context() as patch, server.running(app) as port:
        # Few people validate here for a whole day, and leave most of it.
        for name in ("UPLOADS_OF_USER", "UPLOADS_OF_ALL"):
            patch.setattr(quotas, name, 10_000)
        town = Town(port, engine, folder)
        try:
            yield town
        finally:
            for person in town.people:
                person.close()


def import_(person: Person, slug: str, ticket: str) -> Answer:
    """Press Import for a backup of the mould."""
    return person.press_import(slug, ticket, NAMES[slug])


def together(*acts: Callable[[], Any]) -> list[Any]:
    """Do all *acts* at the same moment, and return what each returned."""
    barrier = threading.Barrier(len(acts))

    def do(act: Callable[[], Any]) -> Any:
        barrier.wait(PATIENCE_SECONDS)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result() for future in [pool.submit(do, act) for act in acts]]


@dataclass(frozen=True, slots=True)
class Form:
    """A form as somebody has it open: where it goes, what is typed, what it would change."""

    path: str
    fields: dict[str, str]
    change: Change


class Crowd:
    """Who reads and writes in the unit daily while alice does something to it."""

    def __init__(self, town: Town, patch: pytest.MonkeyPatch) -> None:
        self.town = town
        self.readers = [town.person(town.alice.user) for _ in range(READERS)]
        self.writers = [town.person(town.alice.user) for _ in range(WRITERS)]
        self.neighbour = town.person(town.bob.user)
        self.pool = ThreadPoolExecutor(READERS + WRITERS + 1)
        self.random = random.Random(1)
        self.begin, self.over = threading.Event(), threading.Event()
        self.seen, self.wrote = threading.Semaphore(0), threading.Semaphore(0)
        self.texts = self.looks = self.changes = self.imports = self.refused = 0
        self._hold_imports(patch)
        self._hold_exports(patch)

    def _hold_imports(self, patch: pytest.MonkeyPatch) -> None:
        """Let an import wait before its commit: writers begin, every reader sees a page."""
        honest = imports.restore

        def held(*args: Any, **kwargs: Any) -> Any:
            restored = honest(*args, **kwargs)
            self._wait_for(self.seen, READERS)
            return restored

        patch.setattr(imports, "restore", held)

    def _hold_exports(self, patch: pytest.MonkeyPatch) -> None:
        """Let an export wait after the workspaces, before the keys: some writers succeed."""
        honest = Job.tell

        def tell(job: Job, stage: Stage, done: int, total: int) -> None:
            honest(job, stage, done, total)
            if stage is Stage.WRITE and done > history.WORKSPACES and not self.begin.is_set():
                self._wait_for(self.wrote, WRITERS // 2)

        patch.setattr(Job, "tell", tell)

    def _wait_for(self, answers: threading.Semaphore, count: int) -> None:
        while answers.acquire(blocking=False):
            pass  # those of before do not count
        self.begin.set()
        for _ in range(count):
            assert answers.acquire(timeout=PATIENCE_SECONDS)

    def import_round(self, *, race: bool) -> list[str]:
        """Import among them once; with *race* the writers begin with it, else inside it."""
        ticket, slots = self.town.ticket(self.town.alice, "daily")

        def act(record: History) -> None:
            status = import_(self.town.alice, "daily", ticket).status
            record.note(Change(record.first, status, becomes=slots))
            self.imports += status == history.DONE

        return self._round(act, race=race)

    def export_round(self) -> list[str]:
        """Export among them once, and look at what the file holds."""

        def act(record: History) -> None:
            least, file = record.answered, self.town.alice.export("daily")
            shown = {}
            if file.status == 200:
                lines = backup.decrypt_with_password(BytesIO(file.body), server.BACKUP_PASSWORD)
                shown = history.shown_on(b"".join(lines).decode())
            record.see(Look("the backup", file.status, least, shown))

        return self._round(act, race=False, readers=0)

    def _round(
        self, act: Callable[[History], None], *, race: bool, readers: int = READERS
    ) -> list[str]:
        """Have *act* done among everybody; return what cannot be explained."""
        record = History(self.town.revision("daily"), self.town.slots("daily"))
        self.over.clear()
        self.begin.clear()
        everybody = threading.Barrier(readers + WRITERS + 2)
        if race:
            self.begin.set()
        working = [
            *(
                self.pool.submit(self._write, who, record, number, everybody)
                for number, who in enumerate(self.writers)
            ),
            self.pool.submit(self._write_next_door, everybody),
            *(
                self.pool.submit(self._read, who, record, number, everybody)
                for number, who in enumerate(self.readers[:readers])
            ),
        ]
        everybody.wait(PATIENCE_SECONDS)
        try:
            act(record)
        finally:
            self.over.set()
            self.begin.set()
        next_door = [fault for future in working for fault in future.result() or ()]
        self.looks += len(record.looks)
        self.changes += sum(change.status == history.DONE for change in record.changes)
        self.refused += sum(change.status != history.DONE for change in record.changes)
        return next_door + record.faults(self.town.revision("daily"), self.town.slots("daily"))

    def _read(
        self, who: Person, record: History, number: int, everybody: threading.Barrier
    ) -> None:
        everybody.wait(PATIENCE_SECONDS)
        at = number
        while not self.over.is_set() or at < number + LOOKS:
            path, least = f"/u/daily/{PAGES[at % len(PAGES)]}", record.answered
            page = who.get(path)
            has_form = page.status == 200 and 'name="revision"' in page.text
            revision = page.revision if has_form else None
            record.see(Look(path, page.status, least, history.shown_on(page.text), revision))
            self.seen.release()
            at += 1

    def _write(
        self, who: Person, record: History, number: int, everybody: threading.Barrier
    ) -> None:
        form, tries = self._open_form(who, number), 0
        everybody.wait(PATIENCE_SECONDS)
        assert self.begin.wait(PATIENCE_SECONDS)
        while not self.over.is_set() or tries < WRITES:
            answer = who.post(form.path, revision=str(form.change.revision), **form.fields)
            record.note(replace(form.change, status=answer.status))
            if answer.status == history.DONE:
                self.wrote.release()
            form, tries = self._open_form(who, number), tries + 1

    def _open_form(self, who: Person, writer: int) -> Form:
        """Open the form of some key or workspace, or to add or to delete a key of one's own."""
        kind, number = self.random.choice("KKKWWN"), self.random.randrange(history.WORKSPACES)
        if kind == "N":
            number = writer
        slot = f"{kind}{number}"
        if kind == "W":
            path = f"/u/daily/w/w{number}/settings"
            fields = {"layout": "1", "icon_color": "#2a6fdb", "icon_text": "W", "shared": "y"}
            return self._filled(who, path, slot, "name", fields | {"position": str(number)})
        if kind == "K":
            path = f"/u/daily/admin/keys/{slot}"
            return self._filled(who, path, slot, "value", {"type": "string"})
        page = who.get(f"/u/daily/admin/keys/{slot}/delete")
        if page.status == 200:
            change = Change(page.revision, 0, slot=slot)
            return Form(f"/u/daily/admin/keys/{slot}/delete", {}, change)
        fields = {"name": slot, "type": "string"}
        return self._filled(who, "/u/daily/admin/keys/-/new", slot, "value", fields)

    def _filled(
        self, who: Person, path: str, slot: str, field: str, fields: dict[str, str]
    ) -> Form:
        """Return the form at *path* with a new text for *slot* typed into *field*."""
        page = who.get(path)
        assert page.status == 200, (path, page.status, server.said(page))
        with self.town.lock:
            self.texts += 1
            text = history.mark(history.generation_on(page.text), slot, f"n{self.texts}")
        return Form(path, fields | {field: text}, Change(page.revision, 0, slot=slot, text=text))

    def _write_next_door(self, everybody: threading.Barrier) -> list[str]:
        """Change a key of the other unit, where nobody else is: that always succeeds."""
        path, tries, faults = "/u/weekly/admin/keys/K0", 0, []
        everybody.wait(PATIENCE_SECONDS)
        while not self.over.is_set() or tries < WRITES:
            form, tries = (
                self._filled(self.neighbour, path, "K0", "value", {"type": "string"}),
                tries + 1,
            )
            answer = self.neighbour.post(path, revision=str(form.change.revision), **form.fields)
            if answer.status != history.DONE:
                faults.append(f"the write next door was answered with {answer.status}")
            if self.town.slots("weekly")["K0"] != form.fields["value"]:
                faults.append("the write next door was lost")
        return faults
