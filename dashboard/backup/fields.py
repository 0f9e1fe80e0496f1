"""Two rows side by side, field by field, JSON objects key by key.

A secret is only ever told as the same, different, new or gone: neither its text nor a digest of
it, which would let anybody try guesses.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from enum import StrEnum
from typing import Any

from ..archive import Row, Section

LONGEST = 2_000  # characters of a text that is shown
BEFORE_DIFFERENCE = 200  # of which this many stand before the first difference
_PLAIN_NAME = re.compile(r"[\w-]+")


class State(StrEnum):
    """How a field stands before and after."""

    SAME = "same"  # told of secrets alone
    DIFFERENT = "different"
    NEW = "new"
    GONE = "gone"
    RESPELLED = "respelled"  # the same content, spelled differently


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field, or one place inside a JSON object; a secret has no texts."""

    field: str
    state: State
    before: str | None = None
    after: str | None = None
    secret: bool = False


def fields_of(section: Section, now: Row | None, then: Row | None) -> Iterator[FieldChange]:
    """Yield what differs between two rows of one key, either of which may be missing."""
    rows = [dict(zip(section.columns, row, strict=True)) for row in (now, then) if row is not None]
    hidden, trees = {"secrets"}, {"manifest", "config"}
    if section.name == "config_keys":
        types = {row["type"] for row in rows}
        if "secret" in types:
            hidden.add("value")
        elif types == {"json"}:
            trees.add("value")
    for at, column in enumerate(section.columns):
        old = _MISSING if now is None else now[at]
        new = _MISSING if then is None else then[at]
        if column == "secrets":
            yield from _secrets(old, new)
        elif column in hidden:
            yield FieldChange(column, _state(old, new), secret=True)
        elif column in trees:
            yield from _json(column, old, new)
        elif old != new:
            yield _change(column, old, new)


def _secrets(old: Any, new: Any) -> Iterator[FieldChange]:
    before, after = ({} if text is _MISSING else _parse(text) for text in (old, new))
    for name in sorted(before.keys() | after.keys()):
        state = _state(before.get(name, _MISSING), after.get(name, _MISSING))
        yield FieldChange(_path("secrets", name), state, secret=True)
    if _MISSING not in (old, new) and old != new and _equal(before, after):
        yield FieldChange("secrets", State.RESPELLED, secret=True)


def _json(column: str, old: Any, new: Any) -> Iterator[FieldChange]:
    if old == new:
        return
    before, after = (_MISSING if text is _MISSING else _parse(text) for text in (old, new))
    if _equal(before, after):
        yield FieldChange(column, State.RESPELLED, *_excerpts(old, new))
        return
    if isinstance(after, dict) and before is _MISSING:
        before = {}
    if isinstance(before, dict) and after is _MISSING:
        after = {}
    yield from _tree(column, before, after)


def _tree(path: str, old: Any, new: Any) -> Iterator[FieldChange]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            yield from _tree(_path(path, name), old.get(name, _MISSING), new.get(name, _MISSING))
    elif not _equal(old, new):
        old, new = (at if at is _MISSING else _spell(at) for at in (old, new))
        yield _change(path, old, new)


def _change(field: str, old: Any, new: Any) -> FieldChange:
    return FieldChange(field, _state(old, new), *_excerpts(_shown(old), _shown(new)))


def _state(old: Any, new: Any) -> State:
    if old is _MISSING:
        return State.NEW
    if new is _MISSING:
        return State.GONE
    return State.SAME if _equal(old, new) else State.DIFFERENT


def _path(path: str, name: str) -> str:
    plain = _PLAIN_NAME.fullmatch(name)
    return f"{path}.{name if plain else json.dumps(name, ensure_ascii=False)}"


def _shown(value: Any) -> str | None:
    if value is _MISSING:
        return None
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return str(value)


def _excerpts(old: str | None, new: str | None) -> tuple[str | None, str | None]:
    """Shorten long texts so that the first difference is in what is left."""
    start = 0
    if old is not None and new is not None and max(len(old), len(new)) > LONGEST:
        pairs = enumerate(zip(old, new, strict=False))
        first = next((at for at, (left, right) in pairs if left != right), LONGEST)
        start = max(0, first - BEFORE_DIFFERENCE)
    return _excerpt(old, start), _excerpt(new, start)


def _excerpt(text: str | None, start: int) -> str | None:
    if text is None or len(text) <= LONGEST:
        return text
    some = text[start : start + LONGEST]
    left = "… " if start else ""
    right = " …" if start + LONGEST < len(text) else ""
    return f"{left}{some}{right} ({len(text):,} characters)"


class _Missing:
    """Stands for what is not there; None is a value."""


_MISSING = _Missing()


class _Number(str):
    """A number of JSON, as it is spelled."""


def _parse(text: str) -> Any:
    return json.loads(text, parse_int=_Number, parse_float=_Number)


def _equal(old: Any, new: Any) -> bool:
    """Return whether two values of JSON are the same: 1 is 1.0, but neither is true or "1"."""
    if type(old) is not type(new):
        return False
    if isinstance(old, dict):
        return old.keys() == new.keys() and all(_equal(old[name], new[name]) for name in old)
    if isinstance(old, list):
        return len(old) == len(new) and all(map(_equal, old, new))
    if isinstance(old, _Number):
        try:
            return Decimal(old) == Decimal(new)
        except DecimalException:
            return str(old) == str(new)
    return bool(old == new)


def _spell(value: Any) -> str:
    """Return *value* as JSON text, numbers as they were spelled."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        inside = (f"{json.dumps(at, ensure_ascii=False)}: {_spell(value[at])}" for at in value)
        return "{" + ", ".join(inside) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_spell, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
