"""A setting's value and the text that stands for it in a form."""

import json
import re
from typing import Any

from ..archive.limits import MAX_NUMBER_CHARS
from ..plugins.jsontext import JsonProblem, read_json, to_json
from ..plugins.references import holds_reference, is_reference
from ..plugins.schema import Field as Setting
from ..plugins.schema import Kind
from .forms_content import COLOR

MAX_LINES = 2_000
MAX_ROWS = 200


def shown(setting: Setting, value: Any) -> str:
    """Return the text that stands in the form for a stored *value*."""
    if value is None:
        return ""
    if setting.kind is Kind.LIST and isinstance(value, list):
        return "\n".join(value)
    if setting.kind is Kind.JSON and not (isinstance(value, str) and is_reference(value)):
        return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    return value if isinstance(value, str) else to_json(value)


def read_value(setting: Setting, text: str) -> Any:
    """Return what *text* means for the setting; raise `JsonProblem` if it means nothing."""
    if setting.kind is Kind.LIST:
        return [line.strip() for line in text.split("\n") if line.strip()]
    if is_reference(text.strip()):
        return text.strip()
    match setting.kind:
        case Kind.JSON:
            return read_json(text) if text.strip() else None
        case Kind.NUMBER | Kind.INTEGER:
            return _number(text.strip(), whole=setting.kind is Kind.INTEGER)
        case Kind.SWITCH:
            if text.strip() not in ("true", "false", ""):
                raise JsonProblem("Write true, false or a reference.")
            return text.strip() == "true"
        case Kind.SELECT if text not in setting.choices and (text or setting.required):
            raise JsonProblem("Choose one of the offered values.")
        case Kind.COLOR if text and not (COLOR.match(text) or holds_reference(text)):
            raise JsonProblem("Write a colour like #2a6fdb.")
    return text


def _number(text: str, *, whole: bool) -> int | float | None:
    if text == "":
        return None
    if whole:
        if not re.fullmatch(rf"-?[0-9]{{1,{MAX_NUMBER_CHARS - 1}}}", text):
            raise JsonProblem("Write a whole number.")
        return int(text)
    try:
        value = read_json(text)
    except JsonProblem:
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise JsonProblem("Write a number like 42 or 1.5.")
    return value


def is_checkbox(setting: Setting, value: object, as_text: bool) -> bool:
    """Return whether the setting is shown as a box to tick."""
    return setting.kind is Kind.SWITCH and not as_text and (value is None or value in (True, False))


def kind_shown(setting: Setting, value: Any, as_text: bool) -> Kind:
    """Return how *value* can be entered with nothing lost: a list or table may have to be JSON."""
    if setting.kind is Kind.LIST and (as_text or not _is_listed(value)):
        return Kind.JSON
    if setting.kind is Kind.TABLE and (as_text or not _is_tabular(setting, value)):
        return Kind.JSON
    return setting.kind


def _is_listed(value: Any) -> bool:
    return value is None or (
        isinstance(value, list)
        and len(value) <= MAX_LINES
        and all(
            isinstance(item, str)
            and item
            and item == item.strip()
            and not re.search(r"[\r\n]", item)
            for item in value
        )
    )


def _is_tabular(setting: Setting, value: Any) -> bool:
    if value is None:
        return True
    return (
        isinstance(value, list)
        and len(value) <= MAX_ROWS
        and all(isinstance(row, dict) and _is_row(setting, row) for row in value)
    )


def _is_row(setting: Setting, row: dict[str, Any]) -> bool:
    columns = {column.key: column for column in setting.columns}
    is_filled = any(not isinstance(value, bool) and value != "" for value in row.values())
    return is_filled and all(
        key in columns and _is_cell(columns[key], value) for key, value in row.items()
    )


def _is_cell(column: Setting, value: Any) -> bool:
    if column.kind is Kind.SWITCH:
        return isinstance(value, bool)
    if isinstance(value, str):
        return not re.search(r"[\r\n]", value)  # a line of input holds no line break
    return column.kind in (Kind.NUMBER, Kind.INTEGER) and isinstance(value, int | float)
