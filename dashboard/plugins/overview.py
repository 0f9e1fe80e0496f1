"""What an installation or an update would bring, said before it is done."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..models import Plugin, PluginMapping, Unit
from . import configs
from .manifest import Dependency, Manifest, Offer, PermissionKey, Requirement
from .mappings import Offered, fits, offered
from .registry import Release, catalogue, manifest_of
from .schema import Field, Kind
from .updating import modifiers_between, updated_config
from .versions import satisfies

MAX_NEEDED = 50


class Standing(StrEnum):
    """How a plugin that another one depends on stands in a unit."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    OTHER_VERSION = "other version"
    IN_STORE = "in the store"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Needed:
    """A plugin that is expected beside the one to be installed, directly or by another."""

    bundle: str
    name: str
    wanted: str  # which versions
    optional: bool
    standing: Standing
    by: str  # name of the plugin that asks for it

    @property
    def can_come(self) -> bool:
        """Return whether it can be installed in the same step."""
        return self.standing is Standing.IN_STORE


@dataclass(frozen=True, slots=True)
class Outlook:
    """What will serve a requirement, or why it stays open."""

    needed: Requirement
    served_by: Offered | None = None
    later: bool = False  # only once the plugin that offers it is active
    why: str = ""


@dataclass(frozen=True, slots=True)
class Overview:
    """An installation before it is done."""

    release: Release
    needed: tuple[Needed, ...]
    outlook: tuple[Outlook, ...]

    @property
    def manifest(self) -> Manifest:
        """Return the manifest of the plugin to be installed."""
        return self.release.manifest


def overview(unit: Unit, release: Release) -> Overview:
    """Return what installing *release* in *unit* needs, connects and leaves open."""
    installed = {plugin.bundle: plugin for plugin in Plugin.of(unit)}
    needed = tuple(_needed(release.manifest, installed))
    active = offered(manifest_of(plugin) for plugin in installed.values() if plugin.active)
    sleeping = offered(manifest_of(plugin) for plugin in installed.values() if not plugin.active)
    in_store = offered(
        at.manifest
        for bundle, at in catalogue().items()
        if bundle not in installed and bundle != release.manifest.bundle
    )
    outlook = tuple(
        _outlook(release.manifest, requirement, active, sleeping, in_store)
        for requirement in release.manifest.requirements
    )
    return Overview(release, needed, outlook)


def _needed(manifest: Manifest, installed: Mapping[str, Plugin]) -> Iterator[Needed]:
    """Yield what *manifest* depends on, and what that depends on, each once."""
    waiting = [(dependency, manifest.name, False) for dependency in manifest.dependencies]
    seen = {manifest.bundle}
    while waiting and len(seen) <= MAX_NEEDED:
        dependency, by, is_optional = waiting.pop(0)
        if dependency.bundle in seen:
            continue
        seen.add(dependency.bundle)
        is_optional = is_optional or dependency.optional
        release = catalogue().get(dependency.bundle)
        plugin = installed.get(dependency.bundle)
        yield Needed(
            dependency.bundle,
            plugin.name if plugin else release.manifest.name if release else dependency.bundle,
            dependency.version,
            is_optional,
            _standing(dependency, plugin, release),
            by,
        )
        if plugin is None and release is not None:
            at = release.manifest
            waiting += [(deeper, at.name, is_optional) for deeper in at.dependencies]


def _standing(dependency: Dependency, plugin: Plugin | None, release: Release | None) -> Standing:
    if plugin is not None:
        if not satisfies(plugin.version, dependency.version):
            return Standing.OTHER_VERSION
        return Standing.ACTIVE if plugin.active else Standing.INACTIVE
    if release is None or not satisfies(release.manifest.version, dependency.version):
        return Standing.MISSING
    return Standing.IN_STORE


def _outlook(
    manifest: Manifest,
    needed: Requirement,
    active: list[Offered],
    sleeping: list[Offered],
    in_store: list[Offered],
) -> Outlook:
    if not manifest.manifest_version:
        return Outlook(needed, why="Its manifest is of an old kind, so the choice is yours.")
    fitting = [offer for offer in active if fits(needed, offer)]
    if len(fitting) == 1:
        return Outlook(needed, fitting[0])
    if fitting:
        names = " and ".join(f"{at.manifest.name}: {at.offer.name}" for at in fitting[:5])
        return Outlook(needed, why=f"Several fit ({names}), so the choice is yours.")
    for offers, words in (
        (sleeping, "Only {} offers it, and it is not active."),
        (in_store, "Only {} in the store offers it."),
    ):
        found = [offer for offer in offers if fits(needed, offer)]
        if found:
            why = words.format(found[0].manifest.name)
            return Outlook(needed, found[0] if len(found) == 1 else None, later=True, why=why)
    return Outlook(needed, why="Nothing in this unit or in the store offers it.")


@dataclass(frozen=True, slots=True)
class UpdateOverview:
    """An update before it is done."""

    old: Manifest
    new: Manifest
    added: tuple[Field, ...]  # settings that get a default now
    steps: tuple[str, ...]  # what modifiers do to the config, in words
    changed: tuple[str, ...]  # settings whose stored value moves or goes
    keys_new: tuple[PermissionKey, ...]
    keys_gone: tuple[PermissionKey, ...]
    needs_new: tuple[Requirement, ...]
    needs_gone: tuple[Requirement, ...]
    offers_new: tuple[Offer, ...]
    offers_gone: tuple[Offer, ...]
    cut_off: tuple[PluginMapping, ...]  # of others, to offers that are gone

    @property
    def is_small(self) -> bool:
        """Return whether nothing of all this changes."""
        parts = (
            self.added, self.steps, self.keys_new, self.keys_gone,
            self.needs_new, self.needs_gone, self.offers_new, self.offers_gone,
        )  # fmt: skip
        return not any(parts)


def update_overview(unit: Unit, plugin: Plugin, new: Manifest) -> UpdateOverview:
    """Return what the update of an installed plugin to *new* would change."""
    old = manifest_of(plugin)
    stored = configs.merge(plugin.config, plugin.secrets)
    after = updated_config(stored, plugin.version, new)
    modified = stored
    steps: list[str] = []
    for modifier in modifiers_between(plugin.version, new):
        steps += [_step(str(modifier.get("version", "")), at) for at in modifier.get("ops", [])]
        modified = configs.modify(modified, modifier.get("ops", []))
    gone = _without(old.offers, new.offers)
    others = PluginMapping.of(unit).where(
        PluginMapping.target_bundle == plugin.bundle, PluginMapping.bundle != plugin.bundle
    )
    lost = {(offer.kind, offer.id) for offer in gone}
    return UpdateOverview(
        old=old,
        new=new,
        added=tuple(
            field for field in new.plugin_fields if field.key in after and field.key not in modified
        ),
        steps=tuple(steps),
        changed=tuple(sorted(key for key in stored if stored[key] != after.get(key))),
        keys_new=_without(new.permission_keys, old.permission_keys),
        keys_gone=_without(old.permission_keys, new.permission_keys),
        needs_new=_without(new.requirements, old.requirements),
        needs_gone=_without(old.requirements, new.requirements),
        offers_new=_without(new.offers, old.offers),
        offers_gone=gone,
        cut_off=tuple(row for row in others if (row.kind, row.target) in lost),
    )


def _without(these: tuple[Any, ...], those: tuple[Any, ...]) -> tuple[Any, ...]:
    known = {(getattr(at, "kind", ""), at.id) for at in those}
    return tuple(at for at in these if (getattr(at, "kind", ""), at.id) not in known)


def _step(version: str, operation: Any) -> str:
    if not isinstance(operation, Mapping):
        return f"{version}: a step that is not understood, and does nothing"
    path, source = (str(operation.get(name, ""))[1:][:128] for name in ("path", "from"))
    match operation.get("op"):
        case "move":
            return f"{version}: {source} is called {path} from now on"
        case "set" | "add":
            return f"{version}: {path} gets a first value, where it has none"
        case "remove":
            return f"{version}: {path} is removed"
    return f"{version}: a step that is not understood, and does nothing"


def shown_default(field: Field) -> str:
    """Return the default of a setting in few words; none of a password."""
    if field.kind is Kind.PASSWORD:
        return "••••••••"
    text = configs.to_json(field.default) if not isinstance(field.default, str) else field.default
    return text if len(text) <= 80 else text[:79] + "…"
