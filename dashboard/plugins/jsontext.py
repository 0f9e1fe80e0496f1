"""Strict JSON: what is read from people and rows, and the one way it is written."""

import json
import math
from typing import Any, NoReturn

MAX_TEXT_BYTES = 1 << 20  # a config or a key's value
MAX_DEPTH = 32


class JsonProblem(ValueError):
    """A text is not JSON that we take; the message says what and, where known, line and column."""


def to_json(value: object) -> str:
    """Return *value* as canonical text: keys sorted, no spaces, so that equal is also the same."""
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    )


def read_json(text: str) -> Any:
    """Return the value of *text*; raise `JsonProblem` for anything unusual, bounded in depth."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise JsonProblem("Remove the characters that are not valid Unicode.") from None
    if size > MAX_TEXT_BYTES:
        raise JsonProblem("Shorten this to at most 1 MiB.")
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_constant, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        raise JsonProblem(
            f"This is not valid JSON: line {error.lineno}, column {error.colno}: {error.msg}."
        ) from None
    except RecursionError:
        raise JsonProblem(_DEEP) from None
    except JsonProblem:
        raise
    except ValueError:  # Python refuses to read integers of more than 4,300 digits
        raise JsonProblem("Shorten the numbers: one has too many digits.") from None
    _check(value, 1)
    return value


def read_object(text: str) -> dict[str, Any]:
    """Return the object that *text* holds, like `read_json`; raise `JsonProblem` if it is none."""
    value = read_json(text)
    if not isinstance(value, dict):
        raise JsonProblem("Write a JSON object: { … }.")
    return value


_DEEP = f"Nest less: at most {MAX_DEPTH} levels of lists and objects."


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise JsonProblem(f"Write {twice[:60]!r} only once in an object.")
    return found


def _constant(word: str) -> NoReturn:
    raise JsonProblem(f"{word} is not a JSON value. Write a number, or null.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise JsonProblem(f"{text[:40]} is too large for a number.")
    return number


def _check(value: object, depth: int) -> None:
    if isinstance(value, str):
        check_text(value)
        return
    if not isinstance(value, dict | list):
        return
    if depth > MAX_DEPTH:
        raise JsonProblem(_DEEP)
    if isinstance(value, dict):
        for name in value:
            check_text(name)
    for item in value.values() if isinstance(value, dict) else value:
        _check(item, depth + 1)


def check_text(text: str) -> None:
    """Raise `JsonProblem` when *text* holds a NUL or half of a surrogate pair."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise JsonProblem("Remove the NUL or broken characters.")
