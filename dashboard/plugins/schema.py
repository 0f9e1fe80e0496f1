"""The part of JSON Schema that settings forms are made from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MAX_FIELDS = 200
MAX_CHOICES = 500
MAX_COLUMNS = 8
# Keys that can be part of an HTML id. Others are kept as they are and not shown.
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")


class Kind(StrEnum):
    """How a setting is entered."""

    TEXT = "text"
    LINES = "lines"
    NUMBER = "number"
    INTEGER = "integer"
    SWITCH = "switch"
    SELECT = "select"
    COLOR = "color"
    PASSWORD = "password"  # noqa: S105 - the name of a kind of field
    LIST = "list"  # texts, one in a line
    TABLE = "table"  # objects with the same few simple properties, one in a row
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: its key in the config, what it is called, and what it may be."""

    key: str
    title: str
    kind: Kind
    description: str = ""
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    json_type: str = ""
    columns: tuple["Field", ...] = ()  # of a table


def read_fields(schema: object) -> tuple[Field, ...]:
    """Return the fields of a settings *schema*, in its order; skip what no form can show."""
    if not isinstance(schema, Mapping) or not isinstance(schema.get("properties"), Mapping):
        return ()
    required = schema.get("required")
    wanted = set(map(str, required)) if isinstance(required, list) else set()
    properties = list(schema["properties"].items())[:MAX_FIELDS]
    return tuple(
        _field(key, rules, key in wanted)
        for key, rules in properties
        if isinstance(key, str) and _KEY.fullmatch(key) and isinstance(rules, Mapping)
    )


def _field(key: str, rules: Mapping[str, Any], required: bool) -> Field:
    enum = rules.get("enum")
    choices = enum if isinstance(enum, list) and all(isinstance(c, str) for c in enum) else []
    kind = _kind(rules, bool(choices))
    return Field(
        key=key,
        title=str(rules.get("title") or key)[:120],
        kind=kind,
        description=str(rules.get("description") or "")[:500],
        default=rules.get("default"),
        required=required,
        choices=tuple(choices[:MAX_CHOICES]),
        minimum=_bound(rules.get("minimum")),
        maximum=_bound(rules.get("maximum")),
        json_type=_type(rules),
        columns=read_fields(rules["items"]) if kind is Kind.TABLE else (),
    )


def _type(rules: Mapping[str, Any]) -> str:
    """Return the one type of a value, beside null; '' if it may have several."""
    found = rules.get("type")
    names = [name for name in found if name != "null"] if isinstance(found, list) else [found]
    return str(names[0]) if len(names) == 1 and isinstance(names[0], str) else ""


def _kind(rules: Mapping[str, Any], has_choices: bool) -> Kind:
    widget, kind = rules.get("x-widget"), _type(rules)
    if rules.get("format") == "password" or widget == "password":
        return Kind.PASSWORD
    if has_choices:
        return Kind.SELECT
    if kind == "array" and isinstance(items := rules.get("items"), Mapping):
        return _kind_of_items(items)
    if widget == "json-editor" or kind in ("object", "array"):
        return Kind.JSON
    if kind == "string":
        return {"textarea": Kind.LINES, "color": Kind.COLOR}.get(str(widget), Kind.TEXT)
    plain = {"boolean": Kind.SWITCH, "integer": Kind.INTEGER, "number": Kind.NUMBER}
    return plain.get(kind, Kind.JSON)


_SIMPLE = frozenset((Kind.TEXT, Kind.NUMBER, Kind.INTEGER, Kind.SWITCH, Kind.SELECT, Kind.COLOR))


def _kind_of_items(items: Mapping[str, Any]) -> Kind:
    if _type(items) == "string" and items.get("format") != "password":
        return Kind.LIST
    columns = read_fields(items)
    is_whole = len(columns) == len(items.get("properties") or ())
    if _type(items) != "object" or not is_whole or not 0 < len(columns) <= MAX_COLUMNS:
        return Kind.JSON
    kinds = {column.kind for column in columns}
    return Kind.TABLE if kinds <= _SIMPLE and kinds != {Kind.SWITCH} else Kind.JSON


def _bound(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
