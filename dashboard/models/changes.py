"""How unit state is changed: one transaction, one new revision, one audit event."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..db import write_transaction
from .accounts import Unit, User
from .operations import AuditEvent

# The acts that replace the whole state of a unit. Every other event with a revision is one change.
RESTORES = ("backup.import", "backup.undo")
EVENTS_SEARCHED = 1000


class StaleRevision(Exception):
    """The unit has changed since the page that asks for a change was made."""


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
    **detail: object,
) -> None:
    """Add one event to the audit log, inside the caller's transaction if there is one.

    What is None in *detail* is left out.
    """
    AuditEvent.create(
        at=int(time.time()),
        unit=unit,
        unit_name=unit.name if unit else "",
        user_email=by if isinstance(by, str) else by.email,
        action=action,
        subject=subject[:254],
        outcome=outcome,
        detail=json.dumps({k: v for k, v in detail.items() if v is not None}, sort_keys=True),
    )


@contextmanager
def changing(
    unit: Unit, action: str, *, by: User | str, revision: int | None = None, subject: str = ""
) -> Iterator[None]:
    """Run the block as one change of *unit*: all of it is committed, or nothing.

    Raise `StaleRevision` before the block when *revision* (what the page was made from) is not
    the unit's revision any more. Raises the revision and writes the audit event `action`.
    """
    with write_transaction():
        current = Unit.select(Unit.revision).where(Unit.id == unit.id).scalar()
        if revision is not None and revision != current:
            raise StaleRevision
        yield
        Unit.update(revision=Unit.revision + 1).where(Unit.id == unit.id).execute()
        audit(action, by=by, unit=unit, subject=subject, revision=current + 1)
    unit.revision = current + 1


def changes_since(unit: Unit, revision: int) -> list[UnitChange]:
    """Return what changed *unit* after *revision*, the newest first.

    Every change is in the audit log with the revision it made; the last 1,000 events are looked at.
    """
    events = (
        AuditEvent.select()
        .where((AuditEvent.unit == unit) & (AuditEvent.outcome == "done"))
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
