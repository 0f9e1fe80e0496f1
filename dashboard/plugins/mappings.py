"""Whose action or portal serves whose requirement."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..db import by_code_point
from ..models import Plugin, PluginMapping, Unit
from .manifest import Manifest, Offer, Requirement
from .queries import tuples
from .registry import manifest_of
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
            candidates = [offer for offer in offers if fits(requirement, offer)]
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
        PluginMapping.create(
            unit=unit,
            bundle=bundle,
            kind=requirement.kind,
            requirement=requirement.id,
            target_bundle=target[0],
            target=target[1],
            auto=auto,
        )


def open_requirements(
    manifest: Manifest, rows: Iterable[PluginMapping], offers: Iterable[Offered]
) -> list[Requirement]:
    """Return the requirements of *manifest* that are not optional and that nothing serves now."""
    working = {(offer.offer.kind, *offer.target) for offer in offers}
    served = {
        (row.kind, row.requirement)
        for row in rows
        if (row.kind, row.target_bundle, row.target) in working
    }
    return [
        needed
        for needed in manifest.requirements
        if not needed.optional and (needed.kind, needed.id) not in served
    ]
