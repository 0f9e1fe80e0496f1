"""What a rule of a schema asks for, as a sentence. Never with the value: it may be a secret."""

from collections.abc import Callable
from typing import Any

from jsonschema import ValidationError

from .formats import FORMATS
from .jsontext import to_json
from .references import is_reference

_TYPES = {
    "array": "a list [ … ]",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "nothing",
    "number": "a number",
    "object": "an object { … }",
    "string": "text",
}
_HELD: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (str, "text"),
    (int, "a number"),
    (float, "a number"),
    (list, "a list"),
    (dict, "an object"),
)
_GENERAL = "This does not fit what the plugin asks for."


def sentence_of(error: ValidationError, written: Any) -> str:
    """Return what to do about *error*; *written* is what stands there, references as typed."""
    if isinstance(written, str) and is_reference(written) and error.instance != written:
        return _of_reference(error, written[len("${DBKS:") : -1])
    return _sentence(error)


def _of_reference(error: ValidationError, name: str) -> str:
    if error.validator != "type":
        return f"The config key {name} does not fit. {_sentence(error)}"
    held = next((words for kind, words in _HELD if isinstance(error.instance, kind)), "nothing")
    return f"The config key {name} holds {held}. {_type_words(error.validator_value)} belongs here."


def _sentence(error: ValidationError) -> str:
    make = _SENTENCES.get(str(error.validator))
    return make(error.validator_value) if make is not None else _GENERAL


def _type_words(types: Any) -> str:
    names = types if isinstance(types, list) else [types]
    words = " or ".join(_TYPES.get(str(name), "something else") for name in names)
    return words[:1].upper() + words[1:]


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)[:40]


def _of(count: Any, one: str, more: str) -> str:
    return f"{_number(count)} {one if count == 1 else more}"


def _choices(values: Any) -> str:
    texts = [value if isinstance(value, str) else to_json(value) for value in values]
    shown = ", ".join(text[:60] or "nothing" for text in texts[:12])
    return f"Choose one of: {shown}{', …' if len(texts) > 12 else ''}."


_SENTENCES: dict[str, Callable[[Any], str]] = {
    "type": lambda types: f"{_type_words(types)} belongs here.",
    "enum": _choices,
    "const": lambda value: _choices([value]),
    "minimum": lambda value: f"Enter at least {_number(value)}.",
    "maximum": lambda value: f"Enter at most {_number(value)}.",
    "exclusiveMinimum": lambda value: f"Enter more than {_number(value)}.",
    "exclusiveMaximum": lambda value: f"Enter less than {_number(value)}.",
    "multipleOf": lambda value: f"Enter a multiple of {_number(value)}.",
    "minLength": lambda count: f"Use at least {_of(count, 'character', 'characters')}.",
    "maxLength": lambda count: f"Use at most {_of(count, 'character', 'characters')}.",
    "pattern": lambda pattern: f"Write it in the form that is asked for: {str(pattern)[:120]}",
    "format": lambda name: FORMATS[name][1],
    "minItems": lambda count: f"Add more: at least {_of(count, 'entry', 'entries')}.",
    "maxItems": lambda count: f"Keep at most {_of(count, 'entry', 'entries')}.",
    "uniqueItems": lambda _: "Remove what is listed twice.",
    "minProperties": lambda count: f"Add more: at least {_number(count)}.",
    "maxProperties": lambda count: f"Keep at most {_number(count)}.",
    "required": lambda _: "Fill this in.",
    "additionalProperties": lambda _: "The plugin does not know this setting. Remove it.",
}
