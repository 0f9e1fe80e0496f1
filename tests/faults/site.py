"""The small site that faults are tried on, and the judge of what a fault has left.

    site = make_site(folder)                  once per test session
    data = site.copy(folder, "import")        for each run: the data directory before that act
    judge(data, *site.ends(act), acknowledged=done).verdict

A verdict is BEFORE or AFTER, or it is a bug.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import apsw

from dashboard import backup, db
from dashboard.archive import KdfCost
from dashboard.backup import processes, runs
from dashboard.backup.export import content_digest
from dashboard.backup.verbs import validate_with_password
from dashboard.installation import InstallationUnusable, open_installation
from dashboard.models import (
    UNIT_STATE,
    AuditEvent,
    BackupRun,
    ConfigKey,
    Role,
    RunKind,
    RunState,
    SafetyCopy,
    Unit,
    User,
    Workspace,
)
from tests import factories

UNIT, WITNESSES = "daily", ("weekly", "monthly")
ADMIN = "alice@harbour.example"  # an admin of all three; her password is factories.PASSWORD
PASSWORD = "four words, one file"
CHEAP = KdfCost(1, 8 << 20)  # the lowest that the format accepts
ACTS = ("validate", "import", "undo")


@dataclass(frozen=True)
class Snapshot:
    """What the judge compares: each unit's content digest, and the audit log."""

    digests: dict[str, str]
    audit: tuple[tuple[object, ...], ...] = ()


@dataclass(frozen=True)
class Site:
    """Data directories to copy from, and a backup of another state of the unit."""

    root: Path
    backup: Path  # of another state of `UNIT`, under `PASSWORD`
    plain: Snapshot
    imported: Snapshot

    def copy(self, to: Path, act: str = "import") -> Path:
        """Copy the data directory that *act* begins with to *to*, which must not be there."""
        name = {"undo": "imported", "start": "crashed"}.get(act, "plain")
        return Path(shutil.copytree(self.root / name, to))

    def ends(self, act: str) -> tuple[Snapshot, Snapshot]:
        """Return the only two states that *act* may leave: before it and after it."""
        if act == "import":
            return self.plain, self.imported
        if act == "undo":
            return self.imported, self.plain
        return self.plain, self.plain


def make_site(root: Path) -> Site:
    """Make both data directories and the backup below *root*."""
    plain, file = root / "plain", root / "other-state.dbk"
    with opened(plain) as context:
        daily = factories.make_full_unit(UNIT, "Harbour Daily", keys=12)
        for keys, slug in enumerate(WITNESSES, 5):
            factories.make_full_unit(slug, f"Coast {slug.title()}", keys=keys)
        factories.make_user("alice", **dict.fromkeys((UNIT, *WITNESSES), Role.ADMIN))
        Workspace.update(name="Another name").where(Workspace.unit == daily).execute()
        backup.export_to_file(daily, file, PASSWORD, "test", context)
        for model in reversed(UNIT_STATE):
            model.delete().where(model.unit == daily).execute()
        factories.fill(daily, keys=30)
        ConfigKey.create(unit=daily, name="BULK", type="string", value="x" * 40_000)
    imported = Path(shutil.copytree(plain, root / "imported"))
    with opened(imported) as context:
        bring_in(Unit.get(Unit.slug == UNIT), file, context)
    with opened(Path(shutil.copytree(plain, root / "crashed"))) as context:
        _crash(Unit.get(Unit.slug == UNIT), context)
    return Site(root, file, look(plain), look(imported))


def _crash(unit: Unit, context: backup.Context) -> None:
    """Leave what a program leaves that was killed in an import, and in an upload before it."""
    upload = runs.begin_upload(unit, User.get(User.email == ADMIN))
    stopped = runs.begin(unit, RunKind.IMPORT, "test")
    boot, namespace, *_ = processes.this_process().split()
    BackupRun.update(process=f"{boot} {namespace} 1 0").execute()  # process 1 began later than that
    (context.folders.uploads / f"{upload.uid}.part").write_bytes(b"half of it")
    for ending in (".part", ".dbk"):
        (context.folders.safety / f"{stopped.uid}{ending}").write_bytes(b"half of it")


@contextmanager
def opened(data_dir: Path) -> Iterator[backup.Context]:
    """Open the installation at *data_dir* in this process, with a fresh connection."""
    folders = open_installation(data_dir)
    with db.database.connection_context():
        yield backup.Context(folders, "Dashboard test", CHEAP, 4)


def bring_in(unit: Unit, file: Path, context: backup.Context) -> BackupRun:
    """Validate and import *file*, as the command does."""
    with file.open("rb") as source:
        found = backup.preview(validate_with_password(source, PASSWORD), unit)
        return backup.import_file(unit, source, found, "test", context)


def digests(data_dir: Path) -> dict[str, str]:
    """Return {slug: content digest} of every unit, seen through a fresh connection."""
    return look(data_dir).digests


def look(data_dir: Path) -> Snapshot:
    """Take a snapshot of *data_dir* through a fresh connection."""
    with opened(data_dir):
        return _look()


def _look() -> Snapshot:
    events = AuditEvent.select().order_by(AuditEvent.id).tuples()
    return Snapshot({unit.slug: content_digest(unit) for unit in Unit.select()}, tuple(events))


class Verdict(StrEnum):
    """What a fault has left."""

    BEFORE = "before"  # good
    AFTER = "after"  # good
    MIX = "mix"  # neither, or a witness has changed
    LOST = "lost"  # "done" was shown, but it is the state before
    BROKEN = "broken"  # it cannot go on: damaged, leftovers, no export, no import


@dataclass(frozen=True)
class Judgement:
    """A verdict, and why, if it is a bad one."""

    verdict: Verdict
    reason: str = ""

    @property
    def is_good(self) -> bool:
        """Return whether this is allowed."""
        return self.verdict in (Verdict.BEFORE, Verdict.AFTER)


def judge(
    data_dir: Path, before: Snapshot, after: Snapshot, *, acknowledged: bool, alive: bool = True
) -> Judgement:
    """Say what is left at *data_dir*, start there as the server does, and use it.

    *acknowledged*: "done" was shown, so only the state after will do. *alive*=False leaves out the
    export and import at the end and the look after them, which cost most of the time.
    """
    try:
        with opened(data_dir) as context:
            found = _look()
            verdict = _compare(found, before, after, acknowledged=acknowledged)
            if not verdict.is_good:
                return verdict
            wrong = _is_damaged() or _is_untidy(context) or (alive and _is_dead(context))
            if wrong:
                return Judgement(Verdict.BROKEN, wrong)
            if alive and _look().digests != found.digests:
                return Judgement(Verdict.BROKEN, "the start has changed a unit")
            return verdict
    except (InstallationUnusable, db.DatabaseError, apsw.Error, OSError) as error:
        return Judgement(Verdict.BROKEN, f"{type(error).__name__}: {error}")
    except (backup.BackupError, backup.ArchiveError) as error:
        return Judgement(Verdict.BROKEN, f"the engine refuses: {type(error).__name__}: {error}")


def _compare(
    found: Snapshot, before: Snapshot, after: Snapshot, *, acknowledged: bool
) -> Judgement:
    changed = [slug for slug in before.digests if found.digests.get(slug) != before.digests[slug]]
    if found.audit[: len(before.audit)] != before.audit:
        return Judgement(Verdict.BROKEN, "rows of the audit log have changed")
    if found.digests == after.digests and (acknowledged or after.digests != before.digests):
        return Judgement(Verdict.AFTER)
    if found.digests == before.digests:
        if acknowledged:
            return Judgement(Verdict.LOST, '"done" was shown')
        return Judgement(Verdict.BEFORE)
    return Judgement(Verdict.MIX, f"neither before nor after: {', '.join(changed)}")


def _is_damaged() -> str:
    found = [row[0] for row in db.database.execute_sql("PRAGMA integrity_check").fetchall()]
    return "" if found == ["ok"] and not db.broken_references() else f"damaged: {found}"


def _is_untidy(context: backup.Context) -> str:
    """Start as the server does; return what is left over after that."""
    backup.mark_interrupted()
    backup.sweep(context.folders, 7)
    running = BackupRun.select().where(BackupRun.state == RunState.RUNNING).count()
    folders = (context.folders.uploads, context.folders.exports, context.folders.safety)
    parts = [path.name for folder in folders for path in folder.glob("*.part")]
    copies = {path.stem for path in context.folders.safety.iterdir()}
    recorded = {copy.uid for copy in SafetyCopy.select()}
    if running or parts:
        return f"left over: {running} running, {parts}"
    return "" if copies == recorded else f"safety copies: {copies} kept, {recorded} recorded"


def _is_dead(context: backup.Context) -> str:
    """Export every unit and import the file again; return what does not work."""
    User.get(User.email == ADMIN)
    for unit in Unit.select():
        file = context.folders.data / f"{unit.slug}.dbk"
        was = content_digest(unit)
        try:
            backup.export_to_file(unit, file, PASSWORD, "test", context)
            bring_in(unit, file, context)
        finally:
            file.unlink(missing_ok=True)
        if content_digest(unit) != was:
            return f"export and import have changed {unit.slug}"
    return ""
