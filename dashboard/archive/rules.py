"""What rows mean together: order, references to earlier sections, texts inside texts."""

import hashlib
import math
import re
from collections.abc import Sequence
from itertools import compress, islice, repeat
from operator import eq, lt
from typing import Any

from . import strict_json
from .errors import InvalidContent, LimitExceeded
from .limits import (
    MAX_ICON_BYTES,
    MAX_JSON_DEPTH,
    MAX_NUMBER_CHARS,
    MAX_VALUE_BYTES,
)
from .rows import Row, Section

_NUMBER_WORD = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_NUMBER = re.compile(_NUMBER_WORD)
_NUMBERS = re.compile(rf"(?:{_NUMBER_WORD}\n)*")
_KEY_NAMES = re.compile(r"(?:[A-Za-z][A-Za-z0-9_.-]{0,127}\n)*")
KEY_KINDS = frozenset(("string", "number", "boolean", "json", "secret"))
_SIGNATURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}

# section -> ((column, section it refers to), ...): the referred row must have come before.
REFERENCES = {
    "plugin_permissions": (("bundle", "plugins"),),
    "plugin_mappings": (("bundle", "plugins"),),
    "workspaces": (("icon_asset", "assets"),),
    "applications": (("workspace", "workspaces"),),
    "profile_workspaces": (("profile", "profiles"), ("workspace", "workspaces")),
    "profile_roles": (("profile", "profiles"),),
}
_REFERRED = {target for pairs in REFERENCES.values() for _, target in pairs}


def stands_alone(section: Section) -> bool:
    """Return whether rows of *section* mean the same whatever the other rows of the file are."""
    return section.name not in _REFERRED and section.name not in REFERENCES


class RowChecker:
    """Checks the rows of one file, section after section, in batches of any size."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {name: set() for name in _REFERRED}
        self._section: Section | None = None
        self._last: Any = None
        self._placed: set[str] = set()  # workspaces of the profile at hand
        self._profile = ""

    def check(self, section: Section, rows: Sequence[Row], first: int, lines: bytes) -> None:
        """Check *rows*, which are *lines* in the file; *first* is the number of the first row.

        Raise `InvalidContent` or `LimitExceeded`, naming the row.
        """
        self.check_order(section, section.keys_of(rows), first)
        self.check_rules(section, rows, first, lines)

    def check_rules(self, section: Section, rows: Sequence[Row], first: int, lines: bytes) -> None:
        """Check *rows* like `check`, but for their order."""
        if strict_json.spells_nul(lines):
            self._check_nul(section, rows, first)
        if section.name == "config_keys":
            _check_keys(section, rows, first, len(lines))
            return
        for number, row in enumerate(rows, first):
            try:
                self._check_row(section, row)
            except ValueError as error:
                raise InvalidContent(str(error), section.name, number) from None
            except LimitExceeded as error:
                raise LimitExceeded(error.what, section.name, number) from None

    def check_order(self, section: Section, keys: Sequence[Any], first: int) -> None:
        """Check that rows sorted by *keys* follow on each other; raise `InvalidContent`."""
        if section is not self._section:
            self._section, self._last = section, None
        last = self._last
        self._last = keys[-1]
        if (last is None or last < keys[0]) and all(map(lt, keys, islice(keys, 1, None))):
            return
        for number, key in enumerate(keys, first):
            if last is not None and key <= last:
                what = "it comes twice" if key == last else "it comes out of order"
                raise InvalidContent(what, section.name, number)
            last = key

    def _check_nul(self, section: Section, rows: Sequence[Row], first: int) -> None:
        for number, row in enumerate(rows, first):
            if any(isinstance(value, str) and "\x00" in value for value in row):
                raise InvalidContent("it holds a NUL character", section.name, number)

    def _check_row(self, section: Section, row: Row) -> None:
        for at in section.json_at:
            _check_object(section.columns[at], row[at])
        for column, target in REFERENCES.get(section.name, ()):
            value = row[section.columns.index(column)]
            if value is not None and value not in self._names[target]:
                raise ValueError(f"{column} refers to something that is not in the backup")
        if section.name == "assets":
            _check_asset(*row)
        elif section.name == "profile_workspaces":
            self._check_placed(row)
        if section.name in self._names:
            self._names[section.name].add(row[0])

    def _check_placed(self, row: Row) -> None:
        profile, _, workspace = row
        if profile != self._profile:
            self._profile, self._placed = profile, set()
        if workspace in self._placed:
            raise ValueError("a workspace twice in one profile")
        self._placed.add(workspace)


def _check_object(column: str, text: str) -> None:
    if not text.startswith("{"):
        raise ValueError(f"{column} is not a JSON object")
    if len(text.encode()) > MAX_VALUE_BYTES:
        raise LimitExceeded(f"{column} of more than 1 MiB")
    try:
        # The row itself is one level.
        strict_json.parse(text, depth=MAX_JSON_DEPTH - 1)
    except ValueError as error:
        raise ValueError(f"{column} is {error}") from None


def _check_asset(sha256: str, mime: str, content: bytes) -> None:
    if len(content) > MAX_ICON_BYTES:
        raise LimitExceeded("an icon of more than 256 KiB")
    if not content.startswith(_SIGNATURES[mime]):
        raise ValueError(f"content is not {mime}")
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError("content does not have the digest it is named by")


def _check_keys(section: Section, rows: Sequence[Row], first: int, line_bytes: int) -> None:
    """Check many config keys at once, for there may be millions; look for the bad one only then.

    *line_bytes*: how long their lines are together. No value in them is longer.
    """
    names, kinds, values, _ = zip(*rows, strict=True)
    if (
        line_bytes <= MAX_VALUE_BYTES
        and _are_lines(names, _KEY_NAMES)
        and _are_values(kinds, values)
    ):
        return
    for number, (name, kind, value, _) in enumerate(rows, first):
        if not is_key_name(name):
            raise InvalidContent("not a name of a config key", section.name, number)
        if len(value.encode()) > MAX_VALUE_BYTES:
            raise LimitExceeded("a value of more than 1 MiB", section.name, number)
        try:
            check_value(kind, value)
        except ValueError as error:
            raise InvalidContent(str(error), section.name, number) from None


def _are_values(kinds: Sequence[str], values: Sequence[str]) -> bool:
    """Return whether every value is proven to be of its kind by a look at all of a kind."""
    present = set(kinds)
    if not present <= KEY_KINDS:
        return False

    def of(kind: str) -> list[str]:
        return list(compress(values, map(eq, kinds, repeat(kind)))) if kind in present else []

    numbers, texts = of("number"), of("json")
    return (
        set(of("boolean")) <= {"true", "false"}
        and (not texts or strict_json.are_plain(texts))
        and (not numbers or _are_numbers(numbers))
    )


def _are_lines(texts: Sequence[str], pattern: re.Pattern[str]) -> bool:
    """Return whether *texts*, each a line without a break in it, match *pattern* together."""
    joined = "\n".join(texts) + "\n"
    return joined.count("\n") == len(texts) and pattern.fullmatch(joined) is not None


def _are_numbers(texts: Sequence[str]) -> bool:
    return (
        max(map(len, texts)) <= MAX_NUMBER_CHARS
        and _are_lines(texts, _NUMBERS)
        and all(map(math.isfinite, map(float, texts)))
    )


def is_key_name(name: str) -> bool:
    """Return whether *name* can be the name of a config key."""
    return "\n" not in name and _KEY_NAMES.fullmatch(name + "\n") is not None


def check_value(kind: str, value: str) -> None:
    """Raise `ValueError` unless *value* reads as a config key of type *kind*."""
    if kind == "boolean":
        if value not in ("true", "false"):
            raise ValueError("a boolean is true or false")
    elif kind == "number":
        if len(value) > MAX_NUMBER_CHARS or not _NUMBER.fullmatch(value):
            raise ValueError("not a number")
        if not math.isfinite(float(value)):
            raise ValueError("a number too large")
    elif kind == "json":
        strict_json.parse(value)
    elif kind not in KEY_KINDS:
        raise ValueError("not a type of config keys")
