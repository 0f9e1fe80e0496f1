"""What there is to count of backups, for whoever watches the server."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from peewee import fn

from .accounts import Unit
from .enums import RunKind, RunState
from .operations import BackupRun, SafetyCopy


@dataclass(frozen=True, slots=True)
class Runs:
    """How many runs of one kind ended in one way, in one unit; what they took and wrote."""

    unit: str
    kind: str
    state: str
    number: int
    seconds: int
    file_bytes: int

    @property
    def is_under_way(self) -> bool:
        """Return whether these are not yet over."""
        return self.state in (RunState.RUNNING, RunState.UPLOADED)


@dataclass(frozen=True, slots=True)
class LastBackup:
    """The newest export of a unit that was written and read back."""

    unit: str
    at: int  # seconds since 1970
    file_bytes: int


def runs() -> list[Runs]:
    """Return the sums of all runs since the installation began."""
    took = BackupRun.finished_at - BackupRun.started_at
    found: Any = (
        BackupRun.select(
            Unit.slug,
            BackupRun.kind,
            BackupRun.state,
            fn.COUNT(BackupRun.id),
            fn.COALESCE(fn.SUM(took), 0),
            fn.COALESCE(fn.SUM(BackupRun.file_bytes), 0),
        )
        .join(Unit)
        .group_by(Unit.slug, BackupRun.kind, BackupRun.state)
        .order_by(Unit.slug, BackupRun.kind, BackupRun.state)
    )
    return [Runs(*row) for row in found.tuples()]


def last_backups() -> Iterator[LastBackup]:
    """Yield the newest good export of each unit that has one."""
    good = (BackupRun.kind == RunKind.EXPORT) & (BackupRun.state == RunState.DONE)
    newest = BackupRun.select(fn.MAX(BackupRun.id)).where(good).group_by(BackupRun.unit)
    found = BackupRun.select(BackupRun, Unit).join(Unit).where(BackupRun.id.in_(newest))
    for run in found.order_by(Unit.slug):
        yield LastBackup(run.unit.slug, run.finished_at or run.started_at, run.file_bytes or 0)


def last_backup(unit: Unit) -> BackupRun | None:
    """Return the newest good export of *unit*, or None."""
    mine = BackupRun.select().where(BackupRun.unit == unit, BackupRun.kind == RunKind.EXPORT)
    done = mine.where(BackupRun.state == RunState.DONE)
    found: BackupRun | None = done.order_by(BackupRun.id.desc()).first()
    return found


def safety_copies() -> list[tuple[str, int, int]]:
    """Return (unit, number, bytes) of the safety copies of each unit that has some."""
    sums = (fn.COUNT(SafetyCopy.id), fn.SUM(SafetyCopy.file_bytes))
    found: Any = SafetyCopy.select(Unit.slug, *sums).join(Unit).group_by(Unit.slug)
    return list(found.order_by(Unit.slug).tuples())
