"""One row of the unit beside the same row of a backup: found on both sides, then compared."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, BinaryIO

from ..archive import SECTIONS, ArchiveReader, Row, Section, with_file_key
from ..archive.keys import Opener
from ..archive.limits import MAX_POSITION
from ..db import read_snapshot
from ..models import Unit, User
from . import tickets
from .errors import TicketUnusable, UnitChanged
from .fields import FieldChange, fields_of
from .sections import TABLE_OF
from .store import Folders

Key = Sequence[str | int]


def details_of_ticket(
    unit: Unit, user: User, token: str, folders: Folders, section: str, key: Key
) -> tuple[FieldChange, ...]:
    """Return what an import of the validated file would change in one row.

    Raise `TicketUnusable` or `UnitChanged` where the import itself would.
    """
    claim = tickets.peek(token, tickets.find(token, unit, user), folders)
    try:
        source = claim.path.open("rb")
    except FileNotFoundError:
        raise TicketUnusable from None
    with source, read_snapshot():
        revision = Unit.select(Unit.revision).where(Unit.id == unit.id).scalar()
        if revision != claim.plan.unit_revision:
            raise UnitChanged
        return details(source, with_file_key(claim.plan.file_key), unit, section, key)


def details(
    source: BinaryIO, opener: Opener, unit: Unit, section: str, key: Key
) -> tuple[FieldChange, ...]:
    """Return what differs in the row of *key* between *unit* and a validated file.

    Nothing for a key that is in neither, or that is not one. Raise `KeyError` for no section.
    """
    table = TABLE_OF[section]
    if not _is_key(table.section, key):
        return ()
    now, then = table.find(unit, key), _find(source, opener, table.section, key)
    if now is None and then is None:
        return ()
    return tuple(fields_of(table.section, now, then))


def _is_key(section: Section, key: Key) -> bool:
    return len(key) == len(section.key) and all(
        isinstance(part, int) and 0 <= part <= MAX_POSITION
        if column == "position"
        else isinstance(part, str)
        for column, part in zip(section.key, key, strict=True)
    )


def _find(source: BinaryIO, opener: Opener, section: Section, key: Key) -> Row | None:
    source.seek(0)
    wanted: Any = key[0] if len(key) == 1 else tuple(key)
    behind = SECTIONS[SECTIONS.index(section) + 1 :]
    for batch in ArchiveReader(source, opener).batches(known=True):
        if batch.section in behind:
            break
        if batch.section is not section:
            continue
        keys = section.keys_of(batch.rows)
        if wanted <= keys[-1]:
            at = bisect_left(keys, wanted)
            return batch.rows[at] if keys[at] == wanted else None
    return None
