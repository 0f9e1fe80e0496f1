"""How unit state is changed: one transaction, one new revision, one audit event."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import peewee

from ..db import BUSY_TIMEOUT_SECONDS, DatabaseBusy, write_transaction
from . import chain
from .accounts import Unit, User
from .enums import RunKind, RunState
from .operations import AuditEvent, BackupRun

# The acts that replace the whole state of a unit. Every other event with a revision is one change.
RESTORES = ("backup.import", "backup.undo")
EVENTS_SEARCHED = 1000
# Long enough for any change of another unit to be through, short enough not to seem broken.
LOOK_SECONDS = 1
# Of the server's 16 threads: people who only look must not queue behind those who wait, and those
# of one unit must not take the places of all others.
WAITING_MAX, WAITING_OF_UNIT = 12, 6


class StaleRevision(Exception):
    """The unit has changed since the page that asks for a change was made at *revision*."""

    def __init__(self, unit: Unit | None = None, revision: int | None = None) -> None:
        super().__init__()
        self.unit, self.revision = unit, revision


class UnitBeingRestored(Exception):
    """An import into the unit has begun to replace its state: nobody else may change it now."""


@dataclass(frozen=True, slots=True)
class UnitChange:
    """What raised a unit's revision, as the audit log has it."""

    at: int  # seconds since 1970
    by: str
    action: str
    subject: str
    revision: int  # of the unit, from this change on

    @property
    def is_restore(self) -> bool:
        """Return whether the whole state was replaced by a backup."""
        return self.action in RESTORES


def audit(
    action: str,
    *,
    by: User | str,
    unit: Unit | None = None,
    subject: str = "",
    outcome: str = "done",
    at: int | None = None,
    **detail: object,
) -> None:
    """Add one event to the audit log, inside the caller's transaction if there is one.

    Of *detail* only what says something is kept. It must never hold a secret. *at* is now, unless
    the event could not be written when it happened. Whoever acts by an access token is written down
    with it.
    """
    if isinstance(by, User) and by.via:
        detail["token"] = by.via
    said = {name: value for name, value in detail.items() if value not in (None, "", {})}
    chain.append(
        at=int(time.time()) if at is None else at,
        unit_uid=unit.uid if unit else "",
        unit_name=unit.name if unit else "",
        user_email=by if isinstance(by, str) else by.email,
        action=action,
        subject=subject[:254],
        outcome=outcome,
        detail=json.dumps(said, sort_keys=True),
    )


def revision_of(unit: Unit) -> int:
    """Return the unit's revision as the database has it now; *unit* may be of earlier."""
    return int(Unit.select(Unit.revision).where(Unit.id == unit.id).scalar())


@contextmanager
def changing(
    unit: Unit,
    action: str,
    *,
    by: User | str,
    revision: int | None = None,
    subject: str = "",
    **detail: Any,
) -> Iterator[dict[str, Any]]:
    """Run the block as one change of *unit*: all of it is committed, or nothing.

    Raise `StaleRevision` before the block when *revision* (what the page was made from) is not
    the unit's revision any more, and `UnitBeingRestored` when an import is replacing it. Raises
    the revision and writes the audit event `action`, with *detail* and what the block puts into the
    dictionary that it is given.
    """
    with ExitStack() as stack:
        _take_turn(stack, unit)
        current = revision_of(unit)
        if revision is not None and revision != current:
            raise StaleRevision(unit, revision)
        facts = dict(detail)
        yield facts
        Unit.update(revision=Unit.revision + 1).where(Unit.id == unit.id).execute()
        audit(action, by=by, unit=unit, subject=subject, revision=current + 1, **facts)
    unit.revision = current + 1


def _take_turn(stack: ExitStack, unit: Unit) -> None:
    """Take the write lock for *stack*; wait for the imports of other units, not for one's own.

    An import of this unit that has not the lock yet keeps nobody from changing it: the plan of
    that import goes stale.
    """
    if not _queue.enter(unit):
        if being_restored(unit).exists():
            raise UnitBeingRestored
        raise DatabaseBusy("the database is locked, and enough wait for it already")
    try:
        for _ in range(BUSY_TIMEOUT_SECONDS // LOOK_SECONDS):
            try:
                stack.enter_context(write_transaction(wait_seconds=LOOK_SECONDS))
            except DatabaseBusy:
                if being_restored(unit).exists():
                    raise UnitBeingRestored from None
            else:
                return
        raise DatabaseBusy("the database is locked by another unit")
    finally:
        _queue.leave(unit)


class _Queue:
    """Who waits for the write lock, counted by unit."""

    def __init__(self) -> None:
        self._waiting: Counter[int] = Counter()
        self._lock = threading.Lock()

    def enter(self, unit: Unit) -> bool:
        """Take a place; False if there is none."""
        with self._lock:
            if self._waiting[unit.id] >= WAITING_OF_UNIT or self._waiting.total() >= WAITING_MAX:
                return False
            self._waiting[unit.id] += 1
            return True

    def leave(self, unit: Unit) -> None:
        """Give the place back."""
        with self._lock:
            self._waiting[unit.id] -= 1


_queue = _Queue()


def being_restored(unit: Unit | None = None) -> "peewee.ModelSelect[BackupRun]":
    """Return the imports and undos that are under way: in *unit*, or in any."""
    kinds = BackupRun.kind.in_([RunKind.IMPORT, RunKind.UNDO])
    found = BackupRun.select().where(kinds & (BackupRun.state == RunState.RUNNING))
    return found if unit is None else found.where(BackupRun.unit == unit)


def changes_since(unit: Unit, revision: int) -> list[UnitChange]:
    """Return what changed *unit* after *revision*, the newest first.

    Every change is in the audit log with the revision it made; the last 1,000 events are looked at.
    """
    events = (
        AuditEvent.select()
        .where((AuditEvent.unit_uid == unit.uid) & (AuditEvent.outcome == "done"))
        .order_by(AuditEvent.id.desc())
        .limit(EVENTS_SEARCHED)
    )
    found = []
    for event in events.iterator():
        made = json.loads(event.detail).get("revision")
        if made is None:
            continue  # it changed no state: an export, a look at a secret
        if made <= revision:
            break
        found.append(UnitChange(event.at, event.user_email, event.action, event.subject, made))
    return found


def restored_since(unit: Unit, revision: int) -> bool:
    """Return whether a backup replaced the state of *unit* after *revision*."""
    return any(change.is_restore for change in changes_since(unit, revision))
