"""Strict JSON: what is read from people and rows, and the one way it is written."""

import json
import math
import re
from typing import Any, NoReturn

from ..archive.limits import MAX_JSON_DEPTH, MAX_NUMBER_CHARS, MAX_VALUE_BYTES

# What a backup refuses must not be taken in: its limits are ours.
MAX_TEXT_BYTES = MAX_VALUE_BYTES  # a config or a key's value
MAX_DEPTH = MAX_JSON_DEPTH
# A config is a column of a row, and the row itself is a level in a backup.
MAX_CONFIG_DEPTH = MAX_DEPTH - 1


_BROKEN = re.compile(r"[\x00\ud800-\udfff]")


class JsonProblem(ValueError):
    """A text is not JSON that we take; the message says what and, where known, line and column."""


def to_json(value: object) -> str:
    """Return *value* as canonical text: keys sorted, no spaces, so that equal is also the same."""
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    )


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
        raise JsonProblem(
            f"This is not valid JSON: line {error.lineno}, column {error.colno}: {error.msg}."
        ) from None
    except RecursionError:
        raise JsonProblem(_deep(depth)) from None
    _check(value, depth, depth)
    return value


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
