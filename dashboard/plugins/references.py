"""References to config keys: `${DBKS:NAME}` inside the texts of a config.

A text that is exactly one reference takes the key's type; inside longer text the value is put in
as text. What a key's value says is never looked at again, an unknown name stays as it is written,
and `$${DBKS:` writes `${DBKS:`. A secret shows only where a secret is expected, else as `MASK`:
whoever may write a note must not be able to read a password with it.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

import peewee

from ..db import by_code_point
from ..models import Application, ConfigKey, KeyType, Plugin, Unit, Workspace
from .jsontext import JsonProblem, read_json
from .queries import tuples

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}")
_TOKEN = re.compile(r"\$(\$\{DBKS:)|\$\{DBKS:([A-Za-z][A-Za-z0-9_.-]{0,127})\}")
MASK = "••••••••"
_MARK = "DBKS:"
# Nobody can guess it, and a NUL that is left over is never stored.
_REFERENCE = f"\0{token_hex(8)}{{DBKS:"
_BATCH = 500  # SQLite takes 999 values in one question at least
_SEALED_EMPTY_BYTES = 24 + 16 + 2  # nonce, tag and `{}`


@dataclass(frozen=True, slots=True)
class Key:
    """A key's type and the text of its value."""

    type: KeyType
    text: str

    def value(self) -> Any:
        """Return the value in the key's type; the bare text if it cannot be read so."""
        if self.type in (KeyType.STRING, KeyType.SECRET):
            return self.text
        try:
            return read_json(self.text)
        except JsonProblem:
            return self.text


@dataclass(slots=True)
class Resolution:
    """What was found on the way: names that no key has, and secrets that were not shown."""

    missing: set[str] = field(default_factory=set)
    withheld: set[str] = field(default_factory=set)


def is_reference(text: str) -> bool:
    """Return whether *text* is exactly one reference."""
    found = _TOKEN.fullmatch(text)
    return found is not None and found[2] is not None


def holds_reference(text: str) -> bool:
    """Return whether there is a reference anywhere in *text*."""
    return next(_names(text), None) is not None


def names_in(value: object) -> set[str]:
    """Return the names that *value* refers to, at any depth."""
    if isinstance(value, str):
        return set(_names(value))
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        return set().union(*map(names_in, value)) if value else set()
    return set()


def _names(text: str) -> Iterator[str]:
    return (found[2] for found in _TOKEN.finditer(text) if found[2] is not None)


def resolve(value: Any, keys: Mapping[str, Key], notes: Resolution, *, reveal: bool = False) -> Any:
    """Return *value* with its references replaced from *keys*; *reveal* puts secrets in, too."""
    if isinstance(value, Mapping):
        return {name: resolve(item, keys, notes, reveal=reveal) for name, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, keys, notes, reveal=reveal) for item in value]
    if not isinstance(value, str) or _MARK not in value:
        return value

    def text_of(found: re.Match[str]) -> str:
        if found[1] is not None:
            return str(found[1])
        key = keys.get(found[2])
        if key is None:
            notes.missing.add(found[2])
            return found[0]
        if key.type is KeyType.SECRET and not reveal:
            notes.withheld.add(found[2])
            return MASK
        return key.text

    if is_reference(value):
        key = keys.get(value[len("${DBKS:") : -1])
        if key is not None and key.type is not KeyType.SECRET:
            return key.value()
    return _TOKEN.sub(text_of, value)


def to_plain(value: Any) -> Any:
    """Return *value* with its texts as they read; each reference has a mark that nobody can forge.

    Code may cut such texts, join them, and put in what people typed or a feed brought.
    `from_plain` gives what to store: only what has the mark is a reference.
    """
    return _mapped(value, lambda text: _TOKEN.sub(_marked, text) if _MARK in text else text)


def from_plain(value: Any) -> Any:
    """Return what to store for *value*, which was made from what `to_plain` gave."""
    return _mapped(
        value,
        lambda text: text.replace("${DBKS:", "$${DBKS:").replace(_REFERENCE, "${DBKS:"),
    )


def _marked(found: re.Match[str]) -> str:
    return str(found[1]) if found[1] is not None else f"{_REFERENCE}{found[2]}}}"


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _mapped(item, change) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(item, change) for item in value]
    return change(value) if isinstance(value, str) else value


def look_up(unit: Unit, names: Iterable[str]) -> dict[str, Key]:
    """Return the keys of *unit* that have one of *names*."""
    found: dict[str, Key] = {}
    for batch in _batches(sorted(set(names))):
        for row in ConfigKey.of(unit).where(ConfigKey.name.in_(batch)):
            text = row.secret if row.type == KeyType.SECRET else row.value
            found[row.name] = Key(KeyType(row.type), text or "")
    return found


def existing(unit: Unit, names: Iterable[str]) -> set[str]:
    """Return those of *names* that are keys of *unit*."""
    found: set[str] = set()
    for batch in _batches(sorted(set(names))):
        rows = ConfigKey.of(unit, ConfigKey.name).where(ConfigKey.name.in_(batch))
        found.update(name for (name,) in tuples(rows))
    return found


def _batches(names: list[str]) -> Iterator[list[str]]:
    return (names[start : start + _BATCH] for start in range(0, len(names), _BATCH))


@dataclass(frozen=True, slots=True)
class Use:
    """A place that refers to a key: a plugin's config, or an application's in a workspace."""

    bundle: str
    plugin: str
    workspace: str = ""  # uid; empty for the plugin's own config
    workspace_name: str = ""
    application: str = ""


def uses(unit: Unit) -> dict[str, list[Use]]:
    """Return every name that a config of *unit* refers to, and where. Reads what can hold one."""
    found: dict[str, list[Use]] = defaultdict(list)
    plugins = dict(tuples(Plugin.of(unit, Plugin.bundle, Plugin.name)))
    rows = Plugin.of(unit, Plugin.bundle, Plugin.config, Plugin.secrets)
    for bundle, config, secrets in tuples(rows.where(_may_refer(Plugin))):
        for name in _names_of_row(config, secrets):
            found[name].append(Use(bundle, plugins[bundle]))
    workspaces = dict(tuples(Workspace.of(unit, Workspace.uid, Workspace.name)))
    columns = ("workspace", "uid", "bundle", "config", "secrets")
    placed = Application.of(unit, *(getattr(Application, column) for column in columns))
    placed = placed.where(_may_refer(Application)).order_by(by_code_point(Application.workspace))
    for workspace, uid, bundle, config, secrets in tuples(placed):
        use = Use(bundle, plugins.get(bundle, bundle), workspace, workspaces[workspace], uid)
        for name in _names_of_row(config, secrets):
            found[name].append(use)
    return found


def _may_refer(model: type[Plugin] | type[Application]) -> Any:
    # Sealed secrets must be opened to be searched, so only those that hold something are read.
    sealed = peewee.fn.LENGTH(model.secrets) > _SEALED_EMPTY_BYTES
    return model.config.contains(_MARK) | sealed


def _names_of_row(config: str, secrets: str) -> set[str]:
    found: set[str] = set()
    for text in (config, secrets):
        if _MARK in text:
            try:
                found |= names_in(read_json(text))
            except JsonProblem:
                continue
    return found
