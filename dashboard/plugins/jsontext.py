"""Strict JSON: what is read from people and rows, and the one way it is written."""

import json
import math
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from ..archive.limits import MAX_JSON_DEPTH, MAX_NUMBER_CHARS, MAX_VALUE_BYTES

# What a backup refuses must not be taken in: its limits are ours.
MAX_TEXT_BYTES = MAX_VALUE_BYTES  # a config or a key's value
MAX_DEPTH = MAX_JSON_DEPTH
# A config is a column of a row, and the row itself is a level in a backup.
MAX_CONFIG_DEPTH = MAX_DEPTH - 1


_BROKEN = re.compile(r"[\x00\ud800-\udfff]")


class JsonProblem(ValueError):
    """A text is not JSON that we take; the message says what and, where known, line and column.

    *at* is where in the text that is, None if it is not one place.
    """

    def __init__(self, message: str, at: int | None = None) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The line of a text that something is wrong with: before the place, its character, after."""

    line: int
    before: str
    marked: str
    after: str


EXCERPT_CHARS = 60  # shown on either side


def to_json(value: object) -> str:
    """Return *value* as canonical text: keys sorted, no spaces, so that equal is also the same."""
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    )


def as_written(value: object) -> str:
    """Return *value* as short text in its own order: that of a manifest's settings is on screen."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def read_json(text: str, *, depth: int = MAX_DEPTH) -> Any:
    """Return the value of *text*; raise `JsonProblem` for anything that a backup would refuse.

    *depth* is how many lists and objects may stand inside each other.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise JsonProblem("Remove the characters that are not valid Unicode.") from None
    if size > MAX_TEXT_BYTES:
        raise JsonProblem("Shorten this to at most 1 MiB.")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_constant,
            parse_float=_finite,
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        place = f"Line {error.lineno}, column {error.colno}"
        raise JsonProblem(f"{place}: {_words(error.msg)}.", error.pos) from None
    except RecursionError:
        raise JsonProblem(_deep(depth)) from None
    _check(value, depth, depth)
    return value


# How Python's messages begin -> what is wrong, in our words.
_WORDS = {
    "Expecting value": "a value is missing here",
    "Expecting ',' delimiter": "a comma is missing here, or the end of the list or object",
    "Expecting ':' delimiter": "a colon is missing here",
    "Expecting property name": 'a name in "double quotes" belongs here',
    "Illegal trailing comma": "take out this last comma",
    "Unterminated string": 'this text has no closing "',
    "Invalid control character": "a line break or tab inside a text is written \\n or \\t",
    "Invalid \\escape": "this backslash means nothing; write \\\\ for one",
    "Invalid \\uXXXX escape": "\\u needs four hex digits",
    "Extra data": "the value ends before this; take out the rest",
    "Unexpected UTF-8 BOM": "take out the byte order mark",
}


def _words(message: str) -> str:
    return next((ours for start, ours in _WORDS.items() if message.startswith(start)), message)


def excerpt(text: str, at: int) -> Excerpt:
    """Return the line of *text* around the place *at*, shortened to what is near."""
    at = min(at, len(text))
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    end = len(text) if end == -1 else end
    return Excerpt(
        line=text.count("\n", 0, at) + 1,
        before=text[max(start, at - EXCERPT_CHARS) : at],
        marked=text[at : min(at + 1, end)],
        after=text[min(at + 1, end) : min(end, at + 1 + EXCERPT_CHARS)],
    )


def read_object(text: str) -> dict[str, Any]:
    """Return the object that *text* holds, like `read_json`; raise `JsonProblem` if it is none."""
    value = read_json(text)
    if not isinstance(value, dict):
        raise JsonProblem("Write a JSON object: { … }.")
    return value


def _deep(levels: int) -> str:
    return f"Nest less: at most {levels} levels of lists and objects."


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise JsonProblem(f"Write {twice[:60]!r} only once in an object.")
    return found


def _constant(word: str) -> NoReturn:
    raise JsonProblem(f"{word} is not a JSON value. Write a number, or null.")


def _integer(text: str) -> int:
    if len(text) > MAX_NUMBER_CHARS:
        raise JsonProblem("Shorten the numbers: one has too many digits.")
    return int(text)


def _finite(text: str) -> float:
    if len(text) > MAX_NUMBER_CHARS:
        raise JsonProblem("Shorten the numbers: one has too many digits.")
    number = float(text)
    if not math.isfinite(number):
        raise JsonProblem(f"{text[:40]} is too large for a number.")
    return number


def _check(value: object, levels: int, depth: int) -> None:
    if isinstance(value, str):
        check_text(value)
        return
    if not isinstance(value, dict | list):
        return
    if levels == 0:
        raise JsonProblem(_deep(depth))
    if isinstance(value, dict):
        for name in value:
            check_text(name)
    for item in value.values() if isinstance(value, dict) else value:
        _check(item, levels - 1, depth)


def check_text(text: str) -> None:
    """Raise `JsonProblem` when *text* holds a NUL or half of a surrogate pair."""
    if _BROKEN.search(text):
        raise JsonProblem("Remove the NUL or broken characters.")
