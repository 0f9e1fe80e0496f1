"""A setting that is a list of small objects: a table to edit, one object in a row.

It works without JavaScript. A row that is left empty is no object; `Add a row` and the button that
takes a row out post the form, and get it back reshaped and unsaved.
"""

import re
from typing import Any

from flask import request
from markupsafe import Markup
from wtforms import Field
from wtforms.utils import unset_value

from ..plugins.jsontext import JsonProblem, check_text
from ..plugins.references import is_reference
from ..plugins.schema import Field as Setting
from ..plugins.schema import Kind
from .settings_values import MAX_ROWS, read_value, shown

ADD, DROP = "add-row", "drop-row"  # the names of the two buttons
Row = dict[str, str]  # column -> the text of its cell; a ticked box is "true"


def is_reshaping() -> bool:
    """Return whether one of the buttons was pressed that only reshape a table."""
    return ADD in request.form or DROP in request.form


class TableField(Field):
    """The rows of a table, as text; `value` is what they mean."""

    def __init__(self, label: str, checks: Any, setting: Setting, **kwargs: Any) -> None:
        super().__init__(label, checks, **kwargs)
        self.setting = setting
        self.bad: set[tuple[int, str]] = set()  # (row, column) of what is wrong
        self.is_grown = False  # a row was added just now: its first cell gets the focus

    def __call__(self, **_kwargs: object) -> Markup:
        """Draw nothing: the template draws the rows."""
        return Markup("")

    @property
    def rows_shown(self) -> list[Row]:
        """Return the rows, and one more to fill in."""
        rows: list[Row] = self.data
        if len(rows) < MAX_ROWS and (not rows or not _is_empty(self.setting, rows[-1])):
            return [*rows, _new_row(self.setting)]
        return rows

    def process(self, formdata: Any, data: Any = unset_value, extra_filters: Any = None) -> None:
        """Read the rows that were sent, else those that are stored."""
        self.process_errors: list[str] = []
        stored = [] if data is unset_value or data is None else data
        self.object_data = stored
        if not formdata or f"{self.name}-rows" not in formdata:
            self.data = [_texts(self.setting, row) for row in stored]
            return
        count = formdata.get(f"{self.name}-rows", "")
        count = min(int(count), MAX_ROWS) if re.fullmatch(r"[0-9]{1,4}", count) else 0
        self.data = [self._sent(formdata, number) for number in range(count)]
        self._reshape(formdata)

    def _sent(self, formdata: Any, number: int) -> Row:
        names = {
            column.key: f"{self.name}-{number}-{column.key}" for column in self.setting.columns
        }
        return {key: str(formdata.get(name, "")) for key, name in names.items()}

    def _reshape(self, formdata: Any) -> None:
        dropped = re.fullmatch(r"(.+)/([0-9]{1,4})", formdata.get(DROP, ""))
        if dropped and dropped[1] == self.setting.key and int(dropped[2]) < len(self.data):
            del self.data[int(dropped[2])]
        if formdata.get(ADD) == self.setting.key:
            self.data = [row for row in self.data if not _is_empty(self.setting, row)]
            self.is_grown = True

    def value(self) -> list[dict[str, Any]]:
        """Return the objects that the rows mean; raise `JsonProblem` at the first bad cell."""
        found: list[dict[str, Any]] = []
        for number, row in enumerate(self.data):
            if not _is_empty(self.setting, row):
                found.append(self._object(number, len(found), row))
        return found

    def _object(self, number: int, place: int, row: Row) -> dict[str, Any]:
        stored = self.object_data[number] if number < len(self.object_data) else None
        if stored is not None and _texts(self.setting, stored) == row:
            return dict(stored)  # as it is, empty cells too: looking at it changes nothing
        values: dict[str, Any] = {}
        for column in self.setting.columns:
            text = row.get(column.key, "")
            try:
                check_text(text)
                value = _cell_value(column, text)
            except JsonProblem as error:
                self.bad.add((number, column.key))
                raise JsonProblem(f"{place + 1} › {column.title}: {error}") from None
            if value is not None:
                values[column.key] = value
        return values

    def mark(self, path: tuple[str | int, ...]) -> None:
        """Mark the cell that *path* leads to, (number of the object, column)."""
        filled = [at for at, row in enumerate(self.data) if not _is_empty(self.setting, row)]
        if len(path) >= 2 and isinstance(path[0], int) and path[0] < len(filled):
            self.bad.add((filled[path[0]], str(path[1])))


def _cell_value(column: Setting, text: str) -> Any:
    if column.kind is Kind.SWITCH:
        return text == "true"
    if not text:
        return None
    return text if is_reference(text.strip()) else read_value(column, text)


def _texts(setting: Setting, row: dict[str, Any]) -> Row:
    return {column.key: shown(column, row.get(column.key)) for column in setting.columns}


def _new_row(setting: Setting) -> Row:
    return {
        column.key: "true" if column.kind is Kind.SWITCH and column.default is True else ""
        for column in setting.columns
    }


def _is_empty(setting: Setting, row: Row) -> bool:
    boxes = {column.key for column in setting.columns if column.kind is Kind.SWITCH}
    texts = [text for key, text in row.items() if key not in boxes]
    ticked = [key for key in boxes if row.get(key) == "true" and not _is_ticked(setting, key)]
    return not any(text.strip() for text in texts) and not ticked


def _is_ticked(setting: Setting, key: str) -> bool:
    return _new_row(setting)[key] == "true"
