"""JSON as the format means it: no duplicate keys, NaN, lone surrogates, NUL or great depth."""

import json
import math
from collections.abc import Sequence
from typing import Any, NoReturn

import msgspec

from .limits import MAX_JSON_DEPTH, MAX_NUMBER_CHARS


def parse(text: str, *, depth: int = MAX_JSON_DEPTH) -> Any:
    """Return the value of *text*; raise `ValueError` with a reason that holds none of its content.

    *depth* is how many arrays and objects may stand inside each other.
    """
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _is_deeper(value, depth):
        raise ValueError(f"nested deeper than {depth}")
    if "\\u" in text or "\x00" in text:
        _check_strings(text, value)
    return value


def spells_nul(text: bytes) -> bool:
    """Return whether a NUL character may be in the JSON *text*."""
    return text.rfind(b"\\u0000") >= 0  # half the time of `in`, which looks from the left


def are_plain(texts: Sequence[str]) -> bool:
    """Return whether *texts* are proven to be strict JSON by a quick look; False proves nothing.

    What encodes back to the very same text has no key twice (one would be lost), no odd number and
    no odd spelling. All are one text here, a line each, since a call for each would cost more than
    the look: an encoded value holds no line break, so equal texts have equal lines.
    """
    try:
        lines = ("\n".join(texts) + "\n").encode()
        values = _PLAIN_DECODER.decode_lines(lines)
        if len(values) != len(texts) or _PLAIN_ENCODER.encode_lines(values) != lines:
            return False
    except (msgspec.MsgspecError, UnicodeError, OverflowError, RecursionError):
        return False
    # Half a surrogate pair does not encode. NUL does.
    if spells_nul(lines) or _LONG_INTEGER in lines.translate(_DIGITS_AS_NINE):
        return False
    # What is one level too deep begins a line with as many blanks as the limit, and no string can
    # look so, since it has no line breaks. A few others do too; those are looked at slowly.
    return not any(
        _TOO_DEEP in msgspec.json.format(text, indent=1)
        and _is_deeper(_PLAIN_DECODER.decode(text), MAX_JSON_DEPTH)
        for text in texts
        # Too deep takes a bracket on either side for each level.
        if len(text) > 2 * MAX_JSON_DEPTH and text.count("[") + text.count("{") > MAX_JSON_DEPTH
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice in one object")
    return found


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("not JSON: NaN or Infinity")


def _integer(text: str) -> int:
    if len(text) > MAX_NUMBER_CHARS:
        raise ValueError("a number too long")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if len(text) > MAX_NUMBER_CHARS:
        raise ValueError("a number too long")
    if not math.isfinite(number):
        raise ValueError("a number too large")
    return number


def _check_strings(text: str, value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("half a surrogate pair") from None
    if "\\u0000" in text and _has_nul(value):
        raise ValueError("a NUL character")


def _has_nul(value: Any) -> bool:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if "\x00" in item:
                return True
        elif isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return False


def _is_deeper(value: Any, limit: int) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(limit):
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return bool(level)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_constant=_no_constant,
    parse_float=_finite,
    parse_int=_integer,
)
_DIGITS_AS_NINE = bytes(ord("9") if chr(at).isdigit() and at < 128 else at for at in range(256))
_LONG_INTEGER = b"9" * MAX_NUMBER_CHARS  # with a sign it is one character too long
_TOO_DEEP = "\n" + " " * MAX_JSON_DEPTH
_PLAIN_ENCODER = msgspec.json.Encoder()
_PLAIN_DECODER = msgspec.json.Decoder()
