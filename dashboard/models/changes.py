"""How unit state is changed: one transaction, one new revision, one audit event."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..db import write_transaction
from . import chain
from .accounts import Unit, User


class StaleRevision(Exception):
    """The unit has changed since the page that asks for a change was made."""


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
    the event could not be written when it happened.
    """
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
        audit(action, by=by, unit=unit, subject=subject)
    unit.revision = current + 1
