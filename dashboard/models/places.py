"""The order of what has a place in its unit: workspaces in the bar, profiles in the menu."""

from typing import Any

import peewee

from .accounts import Unit
from .content import Profile, Workspace

POSITION_MAX = 2**31 - 1  # as in a backup
Placed = type[Workspace] | type[Profile]


def order_of(table: Placed) -> tuple[Any, ...]:
    """Return what rows of *table* are ordered by: equal positions stand by name."""
    return table.position, table.name, table.uid


def last_place(unit: Unit, table: Placed) -> int:
    """Return the position of a row that is to come after all others."""
    last = table.of(unit, peewee.fn.MAX(table.position)).scalar()
    return 0 if last is None else min(last + 1, POSITION_MAX)


def place_of(unit: Unit, table: Placed, uid: str) -> int | None:
    """Return how many rows come before *uid*; None if there is no such row."""
    uids = [found for found, _ in _in_order(unit, table)]
    return uids.index(uid) if uid in uids else None


def move_to(unit: Unit, table: Placed, uid: str, place: int) -> None:
    """Make *uid* the row with *place* others before it. Inside the caller's change.

    Positions become 0, 1 and so on, if they were not; a place after the end is the end.
    """
    rows = _in_order(unit, table)
    for number, (other, position) in enumerate(rows):
        if position != number:
            _set(unit, table, other, number)
    before = next((number for number, (other, _) in enumerate(rows) if other == uid), None)
    if before is None:
        return
    place = min(max(place, 0), len(rows) - 1)
    low, high, step = (before + 1, place, -1) if place > before else (place, before - 1, 1)
    between = (table.unit == unit) & table.position.between(low, high)
    table.update(position=table.position + step).where(between).execute()
    _set(unit, table, uid, place)


def _in_order(unit: Unit, table: Placed) -> list[tuple[str, int]]:
    query: Any = table.of(unit, table.uid, table.position).order_by(*order_of(table))
    return list(query.tuples())


def _set(unit: Unit, table: Placed, uid: str, position: int) -> None:
    table.update(position=position).where((table.unit == unit) & (table.uid == uid)).execute()
