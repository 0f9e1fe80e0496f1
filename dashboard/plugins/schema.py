"""The part of JSON Schema that settings forms are made from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MAX_FIELDS = 200
MAX_CHOICES = 500
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
    return Field(
        key=key,
        title=str(rules.get("title") or key)[:120],
        kind=_kind(rules, bool(choices)),
        description=str(rules.get("description") or "")[:500],
        default=rules.get("default"),
        required=required,
        choices=tuple(choices[:MAX_CHOICES]),
        minimum=_bound(rules.get("minimum")),
        maximum=_bound(rules.get("maximum")),
        json_type=str(rules.get("type", "")),
    )


def _kind(rules: Mapping[str, Any], has_choices: bool) -> Kind:
    widget, kind = rules.get("x-widget"), rules.get("type")
    if rules.get("format") == "password" or widget == "password":
        return Kind.PASSWORD
    if has_choices:
        return Kind.SELECT
    if widget == "json-editor" or kind in ("object", "array"):
        return Kind.JSON
    if kind == "string":
        return {"textarea": Kind.LINES, "color": Kind.COLOR}.get(str(widget), Kind.TEXT)
    plain = {"boolean": Kind.SWITCH, "integer": Kind.INTEGER, "number": Kind.NUMBER}
    return plain.get(str(kind), Kind.JSON)


def _bound(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
