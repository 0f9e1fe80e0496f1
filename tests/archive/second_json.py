"""Strict JSON, and how a file is refused. The floor of the second reader."""

import json
import math
import re

KINDS = ("not_a_backup", "newer_version", "damaged", "wrong_password", "limit", "invalid_content")

MAX_DEPTH = 32


class Refused(Exception):
    """The file is not accepted: *kind* says how, *why* says where and what."""

    def __init__(self, kind: str, why: str) -> None:
        assert kind in KINDS, kind
        super().__init__(f"{kind}: {why}")
        self.kind = kind
        self.why = why


def invalid(why: str) -> Refused:
    """Return the refusal for authenticated content that breaks a rule."""
    return Refused("invalid_content", why)


# Strict JSON


def strict_json(text: str) -> object:
    """Parse *text*, refusing what lenient parsers let pass; ValueError says what."""
    check_depth(text)
    value = json.loads(
        text,
        object_pairs_hook=_object,
        parse_constant=_constant,
        parse_int=lambda digits: int(_number(digits)),
        parse_float=lambda digits: float(_number(digits)),
    )
    _check_strings(value)
    return value


STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\Z)|[\[\]{}]', re.DOTALL)


def check_depth(text: str) -> None:
    """Count brackets outside strings, before any recursive parser sees the text."""
    depth = 0
    for token in STRING_OR_BRACKET.finditer(text):
        if token.group() in ("[", "{"):
            depth += 1
        elif token.group() in ("]", "}"):
            depth -= 1
        if depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key twice in one object")
    return dict(pairs)


def _constant(word: str) -> object:
    raise ValueError(f"{word} is no JSON")


def _number(digits: str) -> str:
    if len(digits) > 64 or not math.isfinite(float(digits)):
        raise ValueError("a number longer than 64 characters or beyond a double")
    return digits


def _check_strings(value: object) -> None:
    if isinstance(value, str):
        if "\0" in value or re.search("[\ud800-\udfff]", value):
            raise ValueError("NUL or a lone surrogate in a string")
    elif isinstance(value, list):
        for item in value:
            _check_strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_strings(key)
            _check_strings(item)


def line_json(line: bytes, where: str) -> object:
    """Parse one payload line (without its LF)."""
    try:
        if b"\r" in line:
            raise ValueError("a carriage return; lines end with LF alone")
        return strict_json(line.decode("utf-8"))
    except ValueError as error:
        raise invalid(f"{where}: {error}") from error


def raw_values(line: bytes) -> list[str]:
    """Return the text of each value of a row, as it was written."""
    text = line.decode("utf-8")
    space = re.compile(r"[ \t]*")
    at = text.index("[") + 1
    values: list[str] = []
    while True:
        start = space.match(text, at).end()  # type: ignore[union-attr]
        if text[start] == "]":
            return values
        _, end = json.JSONDecoder().raw_decode(text, start)
        values.append(text[start:end])
        at = space.match(text, end).end()  # type: ignore[union-attr]
        at += text[at] == ","
