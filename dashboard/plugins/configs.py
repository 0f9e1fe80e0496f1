"""A config in two parts: plain fields, and secret ones that are sealed and never sent back."""

from collections.abc import Iterable, Mapping
from typing import Any

from .jsontext import JsonProblem, read_object, to_json
from .schema import Field, Kind

__all__ = [
    "defaults",
    "is_set",
    "merge",
    "missing_required",
    "modify",
    "read",
    "split",
    "to_json",
]
Config = dict[str, Any]


def read(text: str) -> Config:
    """Return the object that a row's config *text* holds; an unreadable one counts as empty."""
    try:
        return read_object(text)
    except JsonProblem:
        return {}


def defaults(fields: Iterable[Field]) -> Config:
    """Return the first values of a config, as the schema's *fields* give them."""
    return {field.key: field.default for field in fields if field.default is not None}


def split(
    fields: Iterable[Field], values: Mapping[str, Any], sealed: Iterable[str] = ()
) -> tuple[str, str]:
    """Return *values* as the two texts of a row: config and secrets.

    Secret are the fields of kind password and the keys that are *sealed* already: what was secret
    once stays so, even when a manifest does not know it (any more).
    """
    hidden = {field.key for field in fields if field.kind is Kind.PASSWORD} | set(sealed)
    plain = {key: value for key, value in values.items() if key not in hidden}
    secret = {key: value for key, value in values.items() if key in hidden and value != ""}
    return to_json(plain), to_json(secret)


def merge(config: str, secrets: str) -> Config:
    """Return the two texts of a row as one config. Only for the server's own use."""
    return read(config) | read(secrets)


def is_set(value: object) -> bool:
    """Return whether a required setting has a value."""
    return value is not None and value != "" and value != {}


def missing_required(fields: Iterable[Field], values: Mapping[str, Any]) -> list[Field]:
    """Return the required *fields* that have no value yet."""
    return [field for field in fields if field.required and not is_set(values.get(field.key))]


def modify(config: Config, operations: Iterable[Mapping[str, Any]]) -> Config:
    """Return *config* after the JSON operations (move, set, remove) of a manifest's modifier.

    Paths are `/key` at the top level; an operation on a key that is not there does nothing.
    """
    changed = dict(config)
    for operation in operations:
        path, source = str(operation.get("path", ""))[1:], str(operation.get("from", ""))[1:]
        match operation.get("op"):
            case "move" if source in changed and path not in changed:
                changed[path] = changed.pop(source)
            case "set" | "add":
                changed.setdefault(path, operation.get("value"))
            case "remove":
                changed.pop(path, None)
    return changed
