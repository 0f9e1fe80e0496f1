"""Unit and backup side by side: what an import would add, remove and change, without holding rows.

Both come sorted by the same keys, so comparing them is a merge of two streams. What is equal for
many rows in a row is passed over at once, which is nearly everything between two near days. What
is written as the line of a checked row of the unit is not even decoded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import compress, count, islice
from operator import itemgetter, ne
from typing import Any

from ..archive import Row, Section
from ..models import Unit, revision_of
from .sections import TABLES
from .tables import Table
from .unit_rows import UnitRows

NAMES = 1_000  # of each kind in each section; the rest is counted


class Kind(StrEnum):
    """What an import does to a row."""

    GONE = "gone"  # only in the unit: will be lost
    COME = "come"  # only in the backup
    CHANGE = "change"  # in both, with other values


@dataclass(frozen=True, slots=True)
class NameChange:
    """One row that will not be what it is: its key, and what people call it."""

    kind: Kind
    key: tuple[str | int, ...]
    name: str


@dataclass(frozen=True, slots=True)
class SectionChange:
    """What an import does to one section; *names* has losses first, and *more* were not named."""

    section: str
    now: int
    then: int
    come: int
    gone: int
    change: int
    names: tuple[NameChange, ...]
    more: int

    @property
    def same(self) -> int:
        """Return how many rows stay as they are."""
        return self.now - self.gone - self.change


@dataclass(frozen=True, slots=True)
class Comparison:
    """What an import does to a unit that is at *unit_revision*."""

    sections: tuple[SectionChange, ...]
    unit_revision: int

    @property
    def gone(self) -> int:
        """Return how many rows will be lost."""
        return sum(section.gone for section in self.sections)

    @property
    def changed(self) -> int:
        """Return how many rows will stay with other values."""
        return sum(section.change for section in self.sections)

    @property
    def is_same(self) -> bool:
        """Return whether the unit holds exactly what the backup holds."""
        return not any(at.come or at.gone or at.change for at in self.sections)


class Comparer:
    """Takes the rows of a backup in the order of the file, beside those of *unit*.

    Use it within one `db.read_snapshot`. It keeps at most *names* names of a kind and section.
    """

    def __init__(self, unit: Unit, *, names: int = NAMES) -> None:
        self._revision = revision_of(unit)
        self._called: dict[str, str] = {}  # id of a workspace or profile -> its name
        self._coming = (_Merge(table, unit, names, self._called) for table in TABLES)
        self._merge: _Merge | None = None
        self._done: list[SectionChange] = []

    def add(self, section: Section, rows: Sequence[Row]) -> None:
        """Take the next *rows* of the backup."""
        self._merge_of(section).add(rows)

    def proven(self, section: Section, lines: Sequence[bytes]) -> Sequence[Row | None]:
        """Return those of the next rows that the unit has, too, checked and as the same *lines*."""
        return self._merge_of(section).now.proven(lines)

    def _merge_of(self, section: Section) -> "_Merge":
        while self._merge is None or self._merge.section is not section:
            self._end_section()
            self._merge = next(self._coming)
        return self._merge

    def finish(self) -> Comparison:
        """Return the result: the backup has no more rows."""
        self._end_section()
        for merge in self._coming:
            self._merge = merge
            self._end_section()
        return Comparison(tuple(self._done), self._revision)

    def _end_section(self) -> None:
        if self._merge is not None:
            self._done.append(self._merge.finish())


class _Merge:
    """The rows of one section, from both sides."""

    def __init__(self, table: Table, unit: Unit, names: int, called: dict[str, str]) -> None:
        self.section = table.section
        self._key = itemgetter(*self.section.key_at)
        self.now = UnitRows(table, unit)
        self._same = 0
        self._counts = dict.fromkeys(Kind, 0)
        self._most = names
        self._names: dict[Kind, list[NameChange]] = {kind: [] for kind in Kind}
        self._called = called

    def add(self, then: Sequence[Row]) -> None:
        self._learn(then)
        at = 0
        while at < len(then):
            if not self._has_now():
                self._note(Kind.COME, then[at:])
                return
            at += self._pass_aligned(then[at:]) or self._pass_one(then[at])

    def finish(self) -> SectionChange:
        while self._has_now():
            self._note(Kind.GONE, self.now.rows[self.now.at :])
            self.now.at = len(self.now.rows)
        count = self._counts
        names = tuple(name for kind in Kind for name in self._names[kind])
        return SectionChange(
            self.section.name,
            now=self._same + count[Kind.GONE] + count[Kind.CHANGE],
            then=self._same + count[Kind.COME] + count[Kind.CHANGE],
            come=count[Kind.COME],
            gone=count[Kind.GONE],
            change=count[Kind.CHANGE],
            names=names,
            more=sum(count.values()) - len(names),
        )

    def _has_now(self) -> bool:
        """Return whether the unit has another row, and have it at hand."""
        if self.now.at < len(self.now.rows):
            return True
        found = self.now.more()
        self._learn(self.now.rows)
        return found

    def _pass_aligned(self, then: Sequence[Row]) -> int:
        """Merge the beginning of *then* that has the keys of now; return how many rows it is."""
        now = self.now.rows[self.now.at : self.now.at + len(then)]
        size, changed = len(now), 0
        for at in compress(count(), map(ne, now, then)):
            old, new = now[at], then[at]
            if self._key(old) != self._key(new):
                size = at
                break
            if self.now.row(old) != new:  # not only spelled differently
                self._note(Kind.CHANGE, (new,))
                changed += 1
        self._same += size - changed
        self.now.at += size
        return size

    def _pass_one(self, new: Row) -> int:
        """Pass over the first row of now or *new*, which is alone; return how many of *new*."""
        old = self.now.rows[self.now.at]
        if self._key(new) < self._key(old):
            self._note(Kind.COME, (new,))
            return 1
        self._note(Kind.GONE, (old,))
        self.now.at += 1
        return 0

    def _note(self, kind: Kind, rows: Sequence[Row]) -> None:
        self._counts[kind] += len(rows)
        names = self._names[kind]
        for row in islice(rows, self._most - len(names)):
            key = tuple(row[at] for at in self.section.key_at)
            words = self.now.row(row) if kind is Kind.GONE else row
            names.append(NameChange(kind, key, name_of(self.section, words, self._called)))

    def _learn(self, rows: Sequence[Row]) -> None:
        if self.section.name in ("workspaces", "profiles"):
            for uid, name, *_ in rows:
                self._called.setdefault(uid, name)


_WORDS = {
    "plugins": "{name} ({bundle})",
    "plugin_permissions": "{bundle}: {key} for {role}",
    "plugin_mappings": "{bundle}: {kind} {requirement}",
    "assets": "{sha256:.12} ({mime})",
    "workspaces": "{name}",
    "applications": "{title} in {workspace}",
    "profiles": "{name}",
    "profile_workspaces": "{profile}, place {position}: {workspace}",
    "profile_roles": "{profile} for {role}",
    "toolbar": "place {position}: {bundle}",
    "config_keys": "{name}",
}


def name_of(section: Section, row: Row, called: dict[str, str]) -> str:
    """Return what people call *row*; *called* has the names of workspaces and profiles."""
    words: dict[str, Any] = dict(zip(section.columns, row, strict=True))
    for column in ("workspace", "profile"):
        if column in words:
            words[column] = called.get(words[column], words[column])
    if section.name == "applications":
        words["title"] = words["title"] or words["bundle"]
    return _WORDS[section.name].format_map(words)
