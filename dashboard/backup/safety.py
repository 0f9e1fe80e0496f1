"""Safety copies that stand: what can still be undone, for how long, and away with one by hand."""

from dataclasses import dataclass

from ..db import write_transaction
from ..models import ImportTicket, SafetyCopy, Unit, User, audit
from . import runs, store
from .context import Context
from .errors import NothingToUndo


@dataclass(frozen=True, slots=True)
class StandingCopy:
    """The state from before one import."""

    uid: str
    made_at: int
    by: str
    kind: str  # what it was made before: import or undo
    source: str  # what that import brought
    file_bytes: int
    kept_until: int  # the newest stays longer: until another import
    is_newest: bool  # what an undo brings back


def standing_copies(unit: Unit, days: int) -> list[StandingCopy]:
    """Return the safety copies of *unit*, the newest first; *days* is how long each is kept."""
    rows = SafetyCopy.select().where(SafetyCopy.unit == unit).order_by(SafetyCopy.id.desc())
    return [_standing(row, days, is_newest=not place) for place, row in enumerate(rows)]


def _standing(row: SafetyCopy, days: int, *, is_newest: bool) -> StandingCopy:
    run = row.run
    return StandingCopy(
        uid=row.uid,
        made_at=row.created_at,
        by=run.user_email if run is not None else "",
        kind=run.kind if run is not None else "",
        source=run.source if run is not None else "",
        file_bytes=row.file_bytes,
        kept_until=row.created_at + days * runs.DAY_SECONDS,
        is_newest=is_newest,
    )


def delete_copy(unit: Unit, uid: str, by: User, context: Context) -> None:
    """Delete a safety copy of *unit* for good; the import that it was made before stays.

    Raise `NothingToUndo` if there is none of this id, and `UnitBusy` while one may be in use. The
    row goes first: a crash leaves a file that the next start sweeps, never a row without one.
    """
    runs.require_free(unit)
    with write_transaction():
        copy = SafetyCopy.get_or_none((SafetyCopy.uid == uid) & (SafetyCopy.unit == unit))
        if copy is None:
            raise NothingToUndo
        ImportTicket.delete().where(ImportTicket.upload == uid).execute()
        copy.delete_instance()
        source = copy.run.source if copy.run is not None else ""
        audit("safety_copy.delete", by=by, unit=unit, subject=source, file_sha256=copy.file_sha256)
    store.remove(context.folders.safety, uid)
