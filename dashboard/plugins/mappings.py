"""Whose action or portal serves whose requirement."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ..db import by_code_point
from ..models import Plugin, PluginMapping, Unit, require_room
from .manifest import Manifest, Offer, Requirement
from .queries import tuples
from .registry import Code, find, manifest_of
from .versions import satisfies


@dataclass(frozen=True, slots=True)
class Offered:
    """An offer together with the active plugin that makes it."""

    manifest: Manifest
    offer: Offer

    @property
    def target(self) -> tuple[str, str]:
        """Return what a mapping row stores: (bundle, id)."""
        return self.manifest.bundle, self.offer.id


class State(StrEnum):
    """How a requirement stands."""

    SERVED = "served"
    OPEN = "open"  # nothing is chosen
    BROKEN = "broken"  # something is chosen that cannot serve now


@dataclass(frozen=True, slots=True)
class Connection:
    """A requirement, and what serves it now or why nothing does."""

    needed: Requirement
    state: State
    target_bundle: str = ""
    target: str = ""
    auto: bool = False
    plugin: Plugin | None = None  # whose offer is chosen, if it is installed
    offer: Offer | None = None
    code: Code | None = None  # what runs it; None as well for two plugins without code here
    why: str = ""  # one sentence, when it is not served

    @property
    def matters(self) -> bool:
        """Return whether something does not work because of this."""
        return self.state is not State.SERVED and not self.needed.optional


def standing(unit: Unit, bundle: str) -> list[Connection]:
    """Return how each requirement of an installed plugin stands, in the order of its manifest."""
    plugins = {plugin.bundle: plugin for plugin in _concerned(unit, bundle)}
    rows = PluginMapping.of(unit).where(PluginMapping.bundle == bundle)
    return _connections(bundle, rows, plugins) if bundle in plugins else []


def standings(unit: Unit) -> dict[str, list[Connection]]:
    """Return the same for every installed plugin, by bundle, with two questions in all."""
    plugins = {plugin.bundle: plugin for plugin in Plugin.of(unit)}
    rows: dict[str, list[PluginMapping]] = {}
    for row in PluginMapping.of(unit):
        rows.setdefault(row.bundle, []).append(row)
    return {bundle: _connections(bundle, rows.get(bundle, ()), plugins) for bundle in plugins}


def connection(unit: Unit, bundle: str, kind: str, requirement: str) -> Connection:
    """Return how one requirement stands; one that the installed manifest does not name is open."""
    for found in standing(unit, bundle):
        if (found.needed.kind, found.needed.id) == (kind, requirement):
            return found
    unknown = Requirement(kind, requirement, requirement, "")
    return Connection(unknown, State.OPEN, why="The installed version does not ask for it.")


def _concerned(unit: Unit, bundle: str) -> "list[Plugin]":
    targets = PluginMapping.of(unit, PluginMapping.target_bundle).where(
        PluginMapping.bundle == bundle
    )
    return list(Plugin.of(unit).where((Plugin.bundle == bundle) | Plugin.bundle.in_(targets)))


def _connections(
    bundle: str, rows: Iterable[PluginMapping], plugins: Mapping[str, Plugin]
) -> list[Connection]:
    chosen = {(row.kind, row.requirement): row for row in rows}
    found = []
    for needed in manifest_of(plugins[bundle]).requirements:
        row = chosen.get((needed.kind, needed.id))
        if row is None:
            found.append(Connection(needed, State.OPEN, why="Nothing is chosen."))
        else:
            found.append(_connect(needed, row, plugins.get(row.target_bundle)))
    return found


def _connect(needed: Requirement, row: PluginMapping, plugin: Plugin | None) -> Connection:
    place = (row.target_bundle, row.target, bool(row.auto), plugin)
    if plugin is None:
        return Connection(needed, State.BROKEN, *place, why=f"{place[0]} is not installed.")
    offers = manifest_of(plugin).offers
    offer = next(
        (offer for offer in offers if (offer.kind, offer.id) == (row.kind, place[1])), None
    )
    code = find(plugin.bundle)
    why = ""
    if plugin.bundle == row.bundle:
        why = "A plugin cannot serve itself."
    elif not plugin.active:
        why = f"{plugin.name} is not active."
    elif offer is None or (code is not None and not code.has_offer(offer)):
        why = f"{plugin.name} {plugin.version} does not offer {place[1]}."
    elif code is None and find(row.bundle) is not None:
        # Two plugins without code here are connected for the server that has it.
        why = f"The code of {plugin.name} does not come with this server."
    state = State.BROKEN if why else State.SERVED
    return Connection(needed, state, *place, offer=offer, code=code, why=why)


def active_manifests(unit: Unit) -> list[Manifest]:
    """Return the manifests of the active plugins of *unit*, by bundle."""
    active = Plugin.of(unit).where(Plugin.active).order_by(by_code_point(Plugin.bundle))
    return [manifest_of(plugin) for plugin in active]


def offered(manifests: Iterable[Manifest]) -> list[Offered]:
    """Return every action and portal of *manifests*."""
    return [Offered(manifest, offer) for manifest in manifests for offer in manifest.offers]


def fits(requirement: Requirement, candidate: Offered) -> bool:
    """Return whether *candidate* is what the requirement suggests or, without that, is named so."""
    if candidate.offer.kind != requirement.kind:
        return False
    if not requirement.suggested_id:
        return candidate.offer.id == requirement.id.lower().replace("_", "-")
    return candidate.target == (
        requirement.suggested_bundle,
        requirement.suggested_id,
    ) and satisfies(candidate.manifest.version, requirement.suggested_version)


def fill_open_mappings(unit: Unit) -> int:
    """Map every open requirement of *unit* that exactly one active offer fits; return how many.

    Inside the caller's change. A manifest without `manifestVersion` is left to the admin.
    """
    offers = offered(active_manifests(unit))
    columns = (PluginMapping.bundle, PluginMapping.kind, PluginMapping.requirement)
    taken = set(tuples(PluginMapping.of(unit, *columns)))
    made = 0
    for plugin in Plugin.of(unit):
        manifest = manifest_of(plugin)
        for requirement in manifest.requirements if manifest.manifest_version else ():
            candidates = [
                offer
                for offer in offers
                if fits(requirement, offer) and offer.manifest.bundle != plugin.bundle
            ]
            place = (plugin.bundle, requirement.kind, requirement.id)
            if len(candidates) == 1 and place not in taken:
                choose(unit, plugin.bundle, requirement, candidates[0].target, auto=True)
                made += 1
    return made


def choose(
    unit: Unit,
    bundle: str,
    requirement: Requirement,
    target: tuple[str, str] | None,
    *,
    auto: bool = False,
) -> None:
    """Let *target* serve the requirement of *bundle*; None leaves it open."""
    place = (
        (PluginMapping.unit == unit)
        & (PluginMapping.bundle == bundle)
        & (PluginMapping.kind == requirement.kind)
        & (PluginMapping.requirement == requirement.id)
    )
    current = PluginMapping.select().where(place).first()
    if current is not None and target == (current.target_bundle, current.target):
        return
    PluginMapping.delete().where(place).execute()
    if target is not None:
        require_room(unit, PluginMapping)
        PluginMapping.create(
            unit=unit,
            bundle=bundle,
            kind=requirement.kind,
            requirement=requirement.id,
            target_bundle=target[0],
            target=target[1],
            auto=auto,
        )
