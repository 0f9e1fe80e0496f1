"""Wrong rows, made by the hundred from the table of sections.

Each generated file has one row that differs from a right one in one value (or in its number of
values).
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dashboard.archive import SECTIONS
from tests.archive import second_content
from tests.archive.cases.state import around, full, with_cell
from tests.archive.sealed import MIB, REFUSED, both, sealed
from tests.archive.second_writer import (
    compact,
    payload,
    text,
)

# Every column, every wrong value

# A value as it is written, so that what a Python value cannot say is there too.
TOKENS: dict[str, bytes] = {
    "null": b"null",
    "true": b"true",
    "false": b"false",
    "0": b"0",
    "-0": b"-0",
    "-1": b"-1",
    "7": b"7",
    "1.0": b"1.0",
    "2.5": b"2.5",
    "1e2": b"1e2",
    "-0.0": b"-0.0",
    "2^31": b"2147483648",
    "2^53+1": b"9007199254740993",
    "2^63": b"9223372036854775808",
    "2^64": b"18446744073709551616",
    "64 digits": b"9" * 64,
    "65 digits": b"9" * 65,
    "4301 digits": b"9" * 4301,
    "1e999": b"1e999",
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "01": b"01",
    "+1": b"+1",
    "hex": b"0x10",
    "NaN text": b'"NaN"',
    "empty": b'""',
    "space": b'" "',
    "x": b'"x"',
    "digits": b'"7"',
    "NUL": b'"a.b\\u0000"',
    "raw NUL": b'"a\0b"',
    "LF": b'"a.b\\n"',
    "inner LF": b'"A\\nB"',
    "CR": b'"A\\rB"',
    "DEL": b'"A\\u007fB"',
    "tab": b'"A\\tB"',
    "raw tab": b'"A\tB"',
    "NEL": b'"A\xc2\x85B"',
    "line separator": b'"A\xe2\x80\xa8B"',
    "half a pair": b'"\\ud83d"',
    "half a pair first": b'"\\ude00\\ud83d"',
    "a pair": b'"\\ud83d\\ude00"',
    "not UTF-8": b'"\xff"',
    "overlong": b'"\xc1\xb8"',
    "surrogate in UTF-8": b'"\xed\xa0\x80"',
    "unknown escape": b'"\\x41"',
    "Arabic digits": '"\u0661\u0662"'.encode(),
    "fullwidth": '"\uff21.\uff22"'.encode(),
    "path": b'"../../etc/passwd"',
    "long": b'"' + b"A" * 5_000 + b'"',
    "too long": b'"' + b"A" * (MIB + 1) + b'"',
    "list": b"[]",
    "list of one": b"[1]",
    "object": b"{}",
    "object of one": b'{"a":1}',
    "key twice": b'{"a":1,"a":2}',
    "key twice, escaped": b'{"a":1,"\\u0061":2}',
    "deep": b'{"a":' + b"[" * 31 + b"]" * 31 + b"}",
    "text in text": b'"{}"',
    "unquoted": b"abc",
    "nothing": b"",
    "two values": b"1,2",
    "single quotes": b"'a'",
}
CELLS = [(section.name, column) for section in SECTIONS for column in section.columns]


def row_with(section: str, column: str, token: bytes) -> bytes:
    """Return the line of the section's spare row with *token* in the place of one value."""
    row = with_cell(section, column, "@@")[section][0]
    line = b"[" + b",".join(b"@@" if cell == "@@" else compact(cell) for cell in row) + b"]\n"
    return line.replace(b"@@", token, 1)


def wrong_values(section: str, column: str) -> Iterator[tuple[str, bytes]]:
    """Yield (name, file) for every token that can stand in a column."""
    rows = with_cell(section, column, None)
    for name, token in TOKENS.items():
        rows[section] = [row_with(section, column, token)]
        yield name, sealed(payload(text(rows)))


# The tokens that a column takes; every other one must be refused.
TEXTS = {
    "NaN text",
    "space",
    "x",
    "digits",
    "NEL",
    "line separator",
    "a pair",
    "Arabic digits",
    "fullwidth",
    "path",
    "text in text",
}
ANY_TEXT = {*TEXTS, "empty", "LF", "inner LF", "CR", "DEL", "tab"}
TAKEN_BY_NAME = {
    "active": {"true", "false"},
    "auto": {"true", "false"},
    "shared": {"true", "false"},
    "visible": {"true", "false"},
    "position": {"0", "-0", "7"},
    "manifest": {"object", "object of one"},
    "config": {"object", "object of one"},
    "secrets": {"object", "object of one"},
    "name": TEXTS,
    "version": TEXTS,
    "source": TEXTS,
    "uid": {"NaN text", "x", "digits"},
    "key": {"NaN text", "x"},
    "requirement": {"NaN text", "x"},
    "icon_text": TEXTS - {"path"},
    "icon_asset": {"null"},
    "owner_email": {"null"},
    "column": {"0", "-0"},
    "title": {*TEXTS, "empty"},
    "value": {*ANY_TEXT, "long"},
    "description": ANY_TEXT,
}
TAKEN = {(s, c): TAKEN_BY_NAME.get(c, set()) for s, c in CELLS} | {
    ("config_keys", "name"): {"NaN text", "x"},
    ("plugin_mappings", "target"): TEXTS,
}


@pytest.mark.parametrize(("section", "column"), CELLS)
def test_both_readers_agree_on_every_wrong_value(section, column):
    found = {name: both(data) for name, data in wrong_values(section, column)}
    assert len(found) == len(TOKENS) >= 50
    assert {name: pair for name, pair in found.items() if pair[0] != pair[1]} == {}
    assert {ours for ours, _ in found.values()} <= {"ok", *REFUSED}
    assert {name for name, (ours, _) in found.items() if ours == "ok"} == TAKEN[section, column]


def test_there_are_enough_wrong_values():
    assert len(CELLS) == sum(len(shape.columns) for shape in second_content.SECTIONS.values()) == 52
    assert len(CELLS) * len(TOKENS) >= 3_000


# Rows of a wrong shape

SHAPES: dict[str, Callable[[list[Any]], list[Any]]] = {
    "no value": lambda row: [[]],
    "the first is missing": lambda row: [row[1:]],
    "the last is missing": lambda row: [row[:-1]],
    "one null more": lambda row: [[*row, None]],
    "one copy more": lambda row: [[*row, row[-1]]],
    "twice the values": lambda row: [row + row],
    "a thousand more": lambda row: [row + [None] * 1_000],
    "backwards": lambda row: [row[::-1]],
    "in an array": lambda row: [[row]],
    "an object": lambda row: [{str(at): cell for at, cell in enumerate(row)}],
    "text": lambda row: [compact(row).decode()],
    "a number": lambda row: [7],
    "null": lambda row: [None],
    "two rows on a line": lambda row: [compact(row) + b" " + compact(row) + b"\n"],
    "a row over two lines": lambda row: [compact(row).replace(b",", b",\n", 1) + b"\n"],
    "a row over two counted lines": lambda row: [
        part + b"\n" for part in compact(row).split(b",", 1)
    ],
    "a comma at the end": lambda row: [compact(row)[:-1] + b",]\n"],
    "a comma at the start": lambda row: [b"[," + compact(row)[1:] + b"\n"],
    "no comma": lambda row: [compact(row).replace(b",", b" ", 1) + b"\n"],
    "not closed": lambda row: [compact(row)[:-1] + b"\n"],
    "closed twice": lambda row: [compact(row) + b"]\n"],
    "a line of spaces behind": lambda row: [row, b"  \n"],
    "a blank line behind": lambda row: [row, b"\n"],
    "CR LF": lambda row: [compact(row) + b"\r\n"],
    "a CR between values": lambda row: [compact(row).replace(b",", b",\r", 1) + b"\n"],
    "a CR alone": lambda row: [row, b"\r\n"],
    "twice": lambda row: [row, row],
}


@pytest.mark.parametrize("section", [section.name for section in SECTIONS])
def test_both_readers_agree_on_rows_of_a_wrong_shape(section):
    spare = full()[section][-1]
    for name, change in SHAPES.items():
        rows = around(section)
        rows[section][-1:] = change(spare)
        ours, theirs = both(sealed(payload(text(rows))))
        assert (ours, theirs) == ("invalid_content", "invalid_content"), name


@pytest.mark.parametrize("section", [section.name for section in SECTIONS])
def test_as_many_rows_as_lines_are_not_enough(section):
    """Two rows share a line, and something that is no row makes up the number."""
    first, second = (compact(row) for row in full()[section][-2:])
    broken = first.replace(b",", b",\n", 1)
    for lines in (
        [first + b" " + second + b"\n", b"\n"],
        [first + second + b"\n", b" \n"],
        [b"\n", first + b"\t" + second + b"\n"],
        [broken.split(b"\n")[0] + b"\n", broken.split(b"\n")[1] + second + b"\n"],
        [first[:-1] + b"\n", b"]" + second + b"\n"],
    ):
        rows = around(section)
        rows[section][-2:] = lines
        data = sealed(payload(text(rows)))
        assert both(data) == ("invalid_content", "invalid_content"), lines


# Negative control: with a rule taken away, the questions above get two answers.


def test_a_reader_without_a_rule_is_caught(monkeypatch):
    columns = second_content.SECTIONS["profiles"].columns
    monkeypatch.setitem(columns, "position", lambda value, raw: None)
    pairs = {name: both(data) for name, data in wrong_values("profiles", "position")}
    assert sum(ours != theirs for ours, theirs in pairs.values()) > 20
