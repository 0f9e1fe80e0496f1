"""A config against the JSON Schema of a manifest, after its references are put in.

Everything here may be a stranger's: a backup brings both. So nothing is fetched (no registry knows
any address, and what could change how a schema is read is taken out), and the work is counted; a
schema that asks for more than a settings page needs is not asked at all. Values never stand in a
sentence, since a secret may have been put in.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from referencing import Registry

from .formats import has_format
from .patterns import matches
from .references import Key, Resolution, names_in, resolve
from .sentences import sentence_of

MAX_PROBLEMS = 50
MAX_STEPS = 100_000  # keywords asked
MAX_SECONDS = 1.0
MAX_UNIQUE_ITEMS = 1_000  # each is compared with each
# Other dialects and addresses, and keywords that read a schema more than once.
_IGNORED = frozenset(
    (
        "$schema",
        "$id",
        "$vocabulary",
        "$dynamicRef",
        "$dynamicAnchor",
        "unevaluatedItems",
        "unevaluatedProperties",
    )
)
_COMPOSED = frozenset(("anyOf", "oneOf", "not", "contains", "enum", "const", "uniqueItems"))
_OF_EMPTY_TEXT = frozenset(("format", "pattern", "minLength", "enum", "const"))


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one setting, in a sentence; *path* leads to the place within it."""

    key: str
    path: tuple[str | int, ...]
    sentence: str

    @property
    def words(self) -> str:
        """Return the sentence, with the place where that is inside a list or an object."""
        if not self.path:
            return self.sentence
        places = [self.key, *(str(at + 1) if isinstance(at, int) else at for at in self.path)]
        return f"{' › '.join(places)}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Findings:
    """What a check came to. *unchecked*: why the rules could not be asked at all."""

    problems: tuple[Problem, ...] = ()
    missing: frozenset[str] = frozenset()  # names that no config key has
    unchecked: str = ""

    def of(self, key: str) -> list[str]:
        """Return what is wrong with the setting *key*, in sentences."""
        return [problem.words for problem in self.problems if problem.key == key]


class _TooMuch(Exception):
    pass


class _Budget:
    """How much one check may still ask."""

    def __init__(self) -> None:
        self._steps, self._end = MAX_STEPS, time.monotonic() + MAX_SECONDS

    def spend(self) -> None:
        """Take one step; raise `_TooMuch` when there is none left."""
        self._steps -= 1
        if self._steps < 0 or time.monotonic() > self._end:
            raise _TooMuch


_budget: ContextVar[_Budget] = ContextVar("budget")


def check(
    schema: Mapping[str, Any], config: Mapping[str, Any], keys: Mapping[str, Key]
) -> Findings:
    """Check *config* as it is stored; *keys* are the config keys that it may refer to.

    Where a reference leads nowhere the value is not asked: that is a warning of its own.
    """
    notes = Resolution()
    values = resolve(config, keys, notes, reveal=True)
    missing = frozenset(notes.missing)
    _budget.set(_Budget())
    try:
        validator = _Validator(_without_addresses(schema), registry=Registry())
        errors = list(islice(validator.iter_errors(values), MAX_PROBLEMS))
    except _TooMuch:
        return Findings(missing=missing, unchecked=_UNCHECKED.format("too large"))
    except RecursionError:
        return Findings(missing=missing, unchecked=_UNCHECKED.format("circular"))
    except Exception:  # a schema is not checked itself: a keyword may hold anything
        return Findings(missing=missing, unchecked=_UNCHECKED.format("not sound"))
    found = (_problem(error, config, missing) for error in errors)
    return Findings(tuple(dict.fromkeys(problem for problem in found if problem)), missing)


_UNCHECKED = (
    "The rules for these settings in the plugin's manifest are {}, so values are taken as they are."
)


def _problem(error: ValidationError, config: Any, missing: frozenset[str]) -> Problem | None:
    path = tuple(error.absolute_path)
    written = _at(config, path)
    if error.validator in _OF_EMPTY_TEXT and error.instance == "":
        return None  # not filled in, which is a question of its own
    if missing:
        is_leaf = isinstance(written, str) or error.validator in _COMPOSED
        if is_leaf and names_in(written) & missing:
            return None
    if not path:
        return Problem("", (), sentence_of(error, written))
    return Problem(str(path[0]), path[1:], sentence_of(error, written))


def _at(value: Any, path: Sequence[str | int]) -> Any:
    """Return what is written at *path*, the reference that brought it, or None."""
    for step in path:
        if isinstance(value, str):  # a reference, and the rest is in what it brought
            return value
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _without_addresses(schema: Any) -> Any:
    if isinstance(schema, Mapping):
        return {
            name: _without_addresses(rules)
            for name, rules in schema.items()
            if name not in _IGNORED and not _leads_away(name, rules)
        }
    return [_without_addresses(item) for item in schema] if isinstance(schema, list) else schema


def _leads_away(name: str, rules: Any) -> bool:
    return name == "$ref" and not (isinstance(rules, str) and rules.startswith("#"))


_Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


def _counted(keyword: _Keyword) -> _Keyword:
    def ask(
        validator: Any, value: Any, instance: Any, schema: Any
    ) -> Iterator[ValidationError] | None:
        _budget.get().spend()
        return keyword(validator, value, instance, schema)

    return ask


def _pattern(_validator: Any, pattern: Any, text: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(text, str) and isinstance(pattern, str) and not matches(pattern, text):
        yield ValidationError("pattern")


def _pattern_properties(
    validator: Any, patterns: Any, instance: Any, _schema: Any
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, rules in patterns.items():
        for name, value in instance.items():
            _budget.get().spend()
            if matches(pattern, name):
                yield from validator.descend(value, rules, path=name, schema_path=pattern)


def _additional(
    validator: Any, rules: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    patterns = schema.get("patternProperties", {})
    for name, value in instance.items():
        _budget.get().spend()
        if name in schema.get("properties", {}) or _is_any(patterns, name):
            continue
        if rules is False:
            yield ValidationError("additional", path=[name], validator="additionalProperties")
        else:
            yield from validator.descend(value, rules, path=name)


def _is_any(patterns: Mapping[str, Any], name: str) -> bool:
    for pattern in patterns:
        _budget.get().spend()
        if matches(pattern, name):
            return True
    return False


def _format(_validator: Any, name: Any, text: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(text, str) and not has_format(name, text):
        yield ValidationError("format")


def _required(
    _validator: Any, names: Any, instance: Any, _schema: Any
) -> Iterator[ValidationError]:
    """At the place that is missing, not at the object around it."""
    for name in names if isinstance(instance, dict) else ():
        if name not in instance:
            yield ValidationError("required", path=[name], validator="required")


def _unique(
    validator: Any, wanted: Any, items: Any, schema: Any
) -> Iterator[ValidationError] | None:
    if isinstance(items, list) and len(items) > MAX_UNIQUE_ITEMS:
        return None
    found: Iterator[ValidationError] | None = Draft202012Validator.VALIDATORS["uniqueItems"](
        validator, wanted, items, schema
    )
    return found


_OWN: dict[str, _Keyword] = {
    "additionalProperties": _additional,
    "format": _format,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "required": _required,
    "uniqueItems": _unique,
}
_Validator: Any = extend(
    Draft202012Validator,
    {
        name: _counted(keyword)
        for name, keyword in {**Draft202012Validator.VALIDATORS, **_OWN}.items()
        if name not in _IGNORED
    },
)
