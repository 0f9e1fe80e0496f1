"""Who refers to which config key, remembered for as long as the unit is what it was.

To know it, every config of the unit is read. Whatever changes one raises the revision, so what
was found at a revision is right for ever; the next change makes the next question read again.
"""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from ..db import read_snapshot
from ..models import Unit, revision_of
from . import references
from .references import Use

KEPT_UNITS = 8
KEPT_PLACES_MAX = 200_000  # about 60 MB; a unit that refers to keys more often is read every time


@dataclass(frozen=True, slots=True)
class Usage:
    """The names that configs of a unit refer to, with the places, and those that no key has."""

    places: dict[str, list[Use]]
    missing: list[str]

    def of(self, name: str) -> list[Use]:
        """Return the places that refer to *name*."""
        return self.places.get(name, [])


_kept: OrderedDict[tuple[str, int], Usage] = OrderedDict()
_lock = Lock()


def usage(unit: Unit) -> Usage:
    """Return who refers to the keys of *unit* now."""
    with read_snapshot():  # the revision must be that of what is read
        revision = revision_of(unit)
        with _lock:
            known = _kept.get((unit.uid, revision))
        if known is not None:
            return known
        found = _read(unit)
    _keep(unit, revision, found)
    return found


def _read(unit: Unit) -> Usage:
    places = dict(references.uses(unit))
    missing = sorted(set(places) - references.existing(unit, places))
    return Usage(places, missing)


def _keep(unit: Unit, revision: int, found: Usage) -> None:
    if sum(map(len, found.places.values())) > KEPT_PLACES_MAX:
        return
    with _lock:
        for uid, other in list(_kept):
            if uid == unit.uid and other <= revision:
                del _kept[uid, other]
        _kept[unit.uid, revision] = found
        while len(_kept) > KEPT_UNITS:
            _kept.popitem(last=False)
