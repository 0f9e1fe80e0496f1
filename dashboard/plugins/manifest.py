"""What a plugin says about itself: `manifest.json`, read into frozen values."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .jsontext import JsonProblem, read_object
from .schema import Field, read_fields

PARTS = frozenset({"application", "widget", "agent", "health", "modal", "settings"})
# As in a backup: a permission key or a mapping that it would refuse must never come about.
_BUNDLE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){1,7}")
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}")
MAX_ITEMS = 200


class ManifestProblem(ValueError):
    """A manifest cannot be used; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who made the plugin."""

    name: str
    organization: str = ""
    website: str = ""


@dataclass(frozen=True, slots=True)
class PermissionKey:
    """A named right that the plugin declares."""

    id: str
    label: str
    description: str


@dataclass(frozen=True, slots=True)
class Offer:
    """An action or a portal that the plugin offers to others."""

    kind: str
    id: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """An action or a portal that the plugin needs from others."""

    kind: str
    id: str
    name: str
    description: str
    optional: bool = False
    suggested_bundle: str = ""
    suggested_id: str = ""
    suggested_version: str = "*"


@dataclass(frozen=True, slots=True)
class Dependency:
    """A plugin that this one expects beside it."""

    bundle: str
    version: str = "*"
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything the product uses of a manifest. What it does not know is left in the text."""

    bundle: str
    name: str
    version: str
    description: str = ""
    manifest_version: str = ""
    authors: tuple[Author, ...] = ()
    parts: frozenset[str] = frozenset()
    permission_keys: tuple[PermissionKey, ...] = ()
    offers: tuple[Offer, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    plugin_fields: tuple[Field, ...] = ()
    application_fields: tuple[Field, ...] = ()
    plugin_schema: Mapping[str, Any] = field(default_factory=dict)
    application_schema: Mapping[str, Any] = field(default_factory=dict)
    config_modifiers: tuple[Mapping[str, Any], ...] = ()
    wiki_url: str = ""
    problem: str = ""  # why the stored text could not be read


def parse_manifest(text: str, **known: str) -> Manifest:
    """Read a manifest's *text*; raise `ManifestProblem`. *known* fills in missing properties."""
    try:
        data = read_object(text)
    except JsonProblem as error:
        raise ManifestProblem(f"The manifest cannot be read. {error}") from None
    for name, value in known.items():
        data.setdefault(name, value)
    return read_manifest(data)


def read_manifest(data: Mapping[str, Any]) -> Manifest:
    """Check the parsed *data* of a manifest; raise `ManifestProblem` with a sentence."""
    bundle = _text(data, "bundle", 128)
    if not _BUNDLE.fullmatch(bundle):
        raise ManifestProblem(f"{bundle[:60]!r} is not a bundle, like org.team.plugin.")
    parts = data.get("parts", ["application"])  # manifests before version 1.0.0 do not name parts
    if not isinstance(parts, list) or not PARTS.issuperset(map(str, parts)):
        raise ManifestProblem(f"parts may hold only: {', '.join(sorted(PARTS))}.")
    schemas = data.get("settingsSchema")
    schemas = schemas if isinstance(schemas, Mapping) else {}
    needs = data.get("requirements")
    needs = needs if isinstance(needs, Mapping) else {}
    modifiers = data.get("configModifiers")
    return Manifest(
        bundle=bundle,
        name=_text(data, "name", 120),
        version=_text(data, "version", 64),
        description=_text(data, "description", 2000, required=False),
        manifest_version=_text(data, "manifestVersion", 64, required=False),
        authors=tuple(_authors(data.get("author"))),
        parts=frozenset(map(str, parts)),
        permission_keys=tuple(
            PermissionKey(_id(item), _label(item, "label"), _label(item, "description", ""))
            for item in _objects(data, "permissionKeys")
        ),
        offers=(*_offers(data, "action"), *_offers(data, "portal")),
        requirements=(*_requirements(needs, "action"), *_requirements(needs, "portal")),
        dependencies=tuple(
            Dependency(
                _text(item, "bundle", 128),
                _label(item, "version", "*"),
                item.get("optional") is True,
            )
            for item in _objects(data, "dependencies")
        ),
        plugin_fields=read_fields(schemas.get("plugin")),
        application_fields=read_fields(schemas.get("application")),
        plugin_schema=_schema(schemas.get("plugin")),
        application_schema=_schema(schemas.get("application")),
        config_modifiers=tuple(
            item
            for item in (modifiers if isinstance(modifiers, list) else [])[:MAX_ITEMS]
            if isinstance(item, Mapping)
        ),
        wiki_url=_text(data, "wiki_url", 2000, required=False),
    )


def _text(data: Mapping[str, Any], name: str, longest: int, *, required: bool = True) -> str:
    value = data.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or len(value) > longest or (required and not value.strip()):
        raise ManifestProblem(f"{name} must be a text of 1 to {longest} characters.")
    return value


def _schema(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def _objects(data: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    items = data.get(name, [])
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise ManifestProblem(f"{name} must be a list of objects.")
    if len(items) > MAX_ITEMS:
        raise ManifestProblem(f"{name} may have at most {MAX_ITEMS} entries.")
    return items


def _id(item: Mapping[str, Any]) -> str:
    found = item.get("id")
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise ManifestProblem(
            f"{str(found)[:60]!r} is not an id: a letter, then letters, digits and _ . - only."
        )
    return found


def _label(item: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = item.get(name)
    if isinstance(value, str) and value.strip():
        return value[:500]
    return str(item.get("id", "")) if default is None else default


def _authors(author: object) -> Iterable[Author]:
    people = author if isinstance(author, list) else [author]
    for person in people[:20]:
        if isinstance(person, Mapping):
            words = ("name", "organization", "website")
            yield Author(*(_label(person, word, "")[:200] for word in words))


def _offers(data: Mapping[str, Any], kind: str) -> Iterable[Offer]:
    for item in _objects(data, f"{kind}s"):
        yield Offer(kind, _id(item), _label(item, "name"), _label(item, "description", ""))


def _requirements(data: Mapping[str, Any], kind: str) -> Iterable[Requirement]:
    for item in _objects(data, f"{kind}s"):
        suggests = item.get("suggests")
        suggests = suggests if isinstance(suggests, Mapping) else {}
        yield Requirement(
            kind,
            _id(item),
            _label(item, "name"),
            _label(item, "description", ""),
            item.get("optional") is True,
            _label(suggests, "bundle", ""),
            _label(suggests, "id", ""),
            _label(suggests, "version", "*"),
        )
