"""One row of the unit beside the same row of a backup: found on both sides, then compared."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import partial
from typing import BinaryIO

from ..archive import (
    SECTION_BY_NAME,
    SECTIONS,
    ArchiveReader,
    Row,
    Section,
    decode_rows,
    with_file_key,
)
from ..archive.keys import Opener
from ..archive.limits import MAX_POSITION
from ..db import read_snapshot
from ..models import Unit, User, revision_of
from . import tickets
from .errors import TicketUnusable, UnitChanged
from .fields import FieldChange, fields_of
from .sections import TABLE_OF
from .store import Folders

Key = Sequence[str | int]  # as somebody asks for it
RowKey = tuple[str | int, ...]
Place = tuple[str, RowKey]  # section and key


def details_of_ticket(
    unit: Unit, user: User, token: str, folders: Folders, section: str, key: Key
) -> tuple[FieldChange, ...]:
    """Return what an import of the validated file would change in one row.

    Raise `TicketUnusable` or `UnitChanged` where the import itself would, and `KeyError` for a
    section that there is not.
    """
    claim = tickets.peek(token, tickets.find(token, unit, user), folders)
    try:
        source = claim.path.open("rb")
    except FileNotFoundError:
        raise TicketUnusable from None
    opener = with_file_key(claim.plan.file_key)
    with source:
        try:
            [found] = details(source, opener, unit, [(section, key)], claim.plan.unit_revision)
        except UnitChanged as error:
            error.token = token
            raise
    return found


def details(
    source: BinaryIO,
    opener: Opener,
    unit: Unit,
    wanted: Sequence[tuple[str, Key]],
    unit_revision: int,
) -> list[tuple[FieldChange, ...]]:
    """Return, for each section and key *wanted*, what differs between *unit* and a validated file.

    Nothing for a key that is on neither side, or that is not one. The file is read once. Raise
    `UnitChanged` if the unit is not at *unit_revision*.
    """
    sections = [TABLE_OF[name].section for name, _ in wanted]
    keys = [
        tuple(key) if _is_key(section, key) else None
        for section, (_, key) in zip(sections, wanted, strict=True)
    ]
    asked = {(at.name, key) for at, key in zip(sections, keys, strict=True) if key is not None}
    then = _find(source, opener, asked)
    with read_snapshot():
        if revision_of(unit) != unit_revision:
            raise UnitChanged(unit_revision)
        now = {(name, key): TABLE_OF[name].find(unit, key) for name, key in asked}
    return [
        () if key is None else _compare(section, now[section.name, key], then, key)
        for section, key in zip(sections, keys, strict=True)
    ]


def _compare(
    section: Section, now: Row | None, then: Mapping[Place, Row], key: RowKey
) -> tuple[FieldChange, ...]:
    row = then.get((section.name, key))
    return () if now is row is None else tuple(fields_of(section, now, row))


def _is_key(section: Section, key: Key) -> bool:
    return len(key) == len(section.key) and all(
        isinstance(part, int) and 0 <= part <= MAX_POSITION
        if column == "position"
        else isinstance(part, str)
        for column, part in zip(section.key, key, strict=True)
    )


def _find(source: BinaryIO, opener: Opener, asked: set[Place]) -> dict[Place, Row]:
    """Return the rows of the file that are *asked* for, in one reading, no longer than needed.

    The file and what is asked for are gone through side by side, both once.
    """
    source.seek(0)
    found: dict[Place, Row] = {}
    ahead: dict[str, list[RowKey]] = {}  # section -> keys that the file has not come to; next last
    for name, key in asked:
        ahead.setdefault(name, []).append(key)
    for keys in ahead.values():
        keys.sort(reverse=True)
    last_section = max((SECTIONS.index(SECTION_BY_NAME[name]) for name in ahead), default=-1)

    def skip(section: Section, lines: bytes) -> bool:
        if SECTIONS.index(section) > last_section:
            return False  # no more is asked for: the loop below ends
        keys = ahead.get(section.name)
        if not keys:
            return True
        # Rows are sorted: when the last one of many comes before the next that is asked for...
        last = decode_rows(section, lines[lines.rfind(b"\n", 0, -1) + 1 :], 0)[0]
        return _key_of(section, last) < keys[-1]

    for batch in ArchiveReader(source, opener).batches(known=True, skip=skip):
        section, rows = batch.section, batch.rows
        if SECTIONS.index(section) > last_section:
            break
        keys = ahead[section.name]
        key_of = partial(_key_of, section)
        end = key_of(rows[-1])
        while keys and keys[-1] <= end:
            key = keys.pop()
            row = rows[bisect_left(rows, key, key=key_of)]
            if key_of(row) == key:
                found[section.name, key] = row
        if not any(ahead.values()):
            break
    return found


def _key_of(section: Section, row: Row) -> RowKey:
    return tuple(row[at] for at in section.key_at)
