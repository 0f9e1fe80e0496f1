"""The config key store as a list: searched and paged in bounded time, whatever its size.

The names stand in the index of the table, in order. A page begins where the last one ended, so
the ten-thousandth costs what the first does. What the index cannot find (a part of a name, a type,
what nothing uses) is looked for along it, window by window, until the page is full or the time is
up; then the page says how far it came, and the search goes on from there.

Names that begin with what is looked for are found by the index, and come first: as it was typed,
then in capitals, then in small letters. After these *stretches* the rest is looked through.
"""

import re
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

import peewee

from ..db import by_code_point, stored_rows
from ..models import ConfigKey, KeyType, Unit
from .queries import tuples
from .references import existing

PAGE_KEYS = 50
COUNTED_MAX = 1_000
DELETED_MAX = 100_000  # at once: about 3 s, in which nobody else can change anything
# How many names a step looks through: about 5 ms by name, 10 ms by type. Where every name fits, or
# nearly, a step need not be longer than a page.
SIFTED_KEYS = 20_000
UNSIFTED_KEYS = 64
SEARCH_SECONDS = 0.4
PREVIEW_CHARACTERS = 120
_BATCH = 500
_NAME_PART = re.compile(r"[A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Search:
    """Which keys: all conditions hold together, an empty one always."""

    text: str = ""  # part of the name, capital or small
    type: KeyType | None = None
    used: Collection[str] | None = None  # these names are left out: the rest is used by nothing

    @property
    def is_narrow(self) -> bool:
        """Return whether not simply every key is looked for."""
        return bool(self.text or self.type or self.used is not None)

    @property
    def sifts(self) -> bool:
        """Return whether the database must look at every key to see which ones fit."""
        return bool(self.text or self.type)

    @property
    def beginnings(self) -> list[str]:
        """Return how the names begin that come first."""
        spellings = (self.text, self.text.upper(), self.text.lower())
        return list(dict.fromkeys(spellings)) if self.text else []


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the list: in which stretch, and next to which name."""

    stretch: int
    name: str

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the place that an address names, None if it names none."""
        found = re.fullmatch(r"([0-3])~([A-Za-z0-9_.-]{0,128})", text)
        return cls(int(found[1]), found[2]) if found else None

    def __str__(self) -> str:
        return f"{self.stretch}~{self.name}"


@dataclass(frozen=True, slots=True)
class Row:
    """A key as the list shows it: no secret is read, and of a long value only the beginning."""

    name: str
    type: str
    value: str
    description: str


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the list, and where it goes on. `stopped` is the name at which the time was up."""

    rows: list[Row]
    earlier: Cursor | None = None
    later: Cursor | None = None
    stopped: str = ""


@dataclass(slots=True)
class _Walk:
    """Names one by one from a place on, forwards or backwards, until the deadline."""

    unit: Unit
    search: Search
    backwards: bool = False
    deadline: float | None = None
    stopped: Cursor | None = None  # set when the time was up

    @property
    def size(self) -> int:
        """Return how many keys are looked through at a time."""
        is_page = self.deadline is not None
        return UNSIFTED_KEYS if is_page and not self.search.sifts else SIFTED_KEYS

    def names(self, start: Cursor | None) -> Iterator[Cursor]:
        """Yield the places of the keys that fit."""
        if not _NAME_PART.fullmatch(self.search.text):
            return
        stretches = range(len(self.search.beginnings) + 1)
        for stretch in reversed(stretches) if self.backwards else stretches:
            is_there = start is not None and stretch == start.stretch
            if start is None or is_there or (stretch > start.stretch) is not self.backwards:
                yield from self._stretch(stretch, start.name if start and is_there else "")
            if self.stopped is not None:
                return

    def _stretch(self, stretch: int, place: str) -> Iterator[Cursor]:
        beginnings = self.search.beginnings
        is_rest = stretch == len(beginnings)
        inside = self._beginning(beginnings[stretch]) if not is_rest else []
        others = tuple(beginnings if is_rest else beginnings[:stretch])
        while True:
            window = self._window(inside, place)
            rows = stored_rows(self._fitting(window))
            names = sorted((name for (name,) in rows), reverse=self.backwards)
            # Asked before anything is given out: who deletes what is found would shift it.
            end = self._end(window, names)
            for name in names:
                if not (name.startswith(others) or name in (self.search.used or ())):
                    yield Cursor(stretch, name)
            if end is None:
                return
            place = end
            if self.deadline is not None and time.monotonic() > self.deadline:
                self.stopped = Cursor(stretch, place)
                return

    def _end(self, window: Any, names: list[str]) -> str | None:
        """Return the last name of a full window, None of one that is not: nothing follows."""
        size = self.size
        if len(names) == size:
            return names[-1]
        found: str | None = window.offset(size - 1).limit(1).scalar() if self.search.sifts else None
        return found

    def _beginning(self, text: str) -> list[peewee.Expression]:
        name = by_code_point(ConfigKey.name)
        return [name >= text, name < text[:-1] + chr(ord(text[-1]) + 1)]

    def _window(self, inside: list[peewee.Expression], place: str) -> Any:
        name = by_code_point(ConfigKey.name)
        # The type is read only when it is asked for: it does not stand in the index.
        columns = (ConfigKey.name, ConfigKey.type) if self.search.type else (ConfigKey.name,)
        query = ConfigKey.of(self.unit, *columns)
        if inside:
            query = query.where(*inside)
        if place:
            query = query.where(name < place if self.backwards else name > place)
        return query.order_by(name.desc() if self.backwards else name).limit(self.size)

    def _fitting(self, window: Any) -> Any:
        rows = window.alias("k")
        query = peewee.Select([rows], [rows.c.name])
        if self.search.text:
            query = query.where(rows.c.name.contains(self.search.text))
        if self.search.type:
            query = query.where(rows.c.type == self.search.type.value)
        return query.bind(ConfigKey._meta.database)


def page(
    unit: Unit, search: Search, *, after: Cursor | None = None, before: Cursor | None = None
) -> Page:
    """Return a page of the keys that fit: the first, or the one next to a place."""
    walk = _Walk(unit, search, before is not None, time.monotonic() + SEARCH_SECONDS)
    found: list[Cursor] = []
    for cursor in walk.names(before or after):
        found.append(cursor)
        if len(found) > PAGE_KEYS:
            break
    has_more = len(found) > PAGE_KEYS or walk.stopped is not None
    if before is not None and not has_more and len(found) < PAGE_KEYS:
        return page(unit, search)  # too near the beginning for a page of its own
    del found[PAGE_KEYS:]
    further = (found[-1] if len(found) == PAGE_KEYS else walk.stopped) if has_more else None
    stopped = walk.stopped.name if walk.stopped and len(found) < PAGE_KEYS else ""
    if before is not None:
        rows = _rows(unit, found[::-1])
        return Page(rows, further, found[0] if found else before, stopped)
    start = found[0] if found else after
    return Page(_rows(unit, found), start if after else None, further, stopped)


def _rows(unit: Unit, found: list[Cursor]) -> list[Row]:
    value = peewee.fn.SUBSTR(ConfigKey.value, 1, PREVIEW_CHARACTERS + 1)
    columns = (ConfigKey.name, ConfigKey.type, value, ConfigKey.description)
    names = [cursor.name for cursor in found]
    rows = {row[0]: row for row in tuples(ConfigKey.of(unit, *columns).where(_named(names)))}
    return [_row(*rows[name]) for name in names if name in rows]


def _row(name: str, kind: str, text: str, description: str) -> Row:
    more = "…" if len(text) > PREVIEW_CHARACTERS else ""
    return Row(name, kind, text[:PREVIEW_CHARACTERS] + more, description)


def _named(names: Collection[str]) -> peewee.Expression:
    return ConfigKey.name.in_(list(names))


def counted(unit: Unit) -> int:
    """Return how many keys there are, `COUNTED_MAX` + 1 for all numbers above."""
    return int(ConfigKey.of(unit, ConfigKey.name).limit(COUNTED_MAX + 1).count())


def names_of(unit: Unit, search: Search, limit: int) -> list[str]:
    """Return the names of the first *limit* keys that fit, however long it takes."""
    found = _Walk(unit, search).names(None)
    return [cursor.name for cursor in islice(found, limit)]


def present(unit: Unit, names: Collection[str]) -> list[str]:
    """Return those of *names* that are keys of *unit*, in order."""
    return sorted(existing(unit, names))


def delete(unit: Unit, names: Sequence[str]) -> None:
    """Delete the keys of these names, inside the caller's change."""
    for start in range(0, len(names), _BATCH):
        batch = names[start : start + _BATCH]
        ConfigKey.delete().where((ConfigKey.unit == unit) & _named(batch)).execute()
