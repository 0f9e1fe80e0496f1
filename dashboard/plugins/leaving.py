"""What stops working when a plugin is deactivated or uninstalled."""

from collections import Counter
from dataclasses import dataclass

from ..models import Application, Plugin, PluginMapping, ToolbarItem, Unit, Workspace
from .queries import tuples
from .registry import manifest_of


@dataclass(frozen=True, slots=True)
class Lost:
    """Everything in a unit that depends on one plugin."""

    placed: tuple[tuple[str, int], ...]  # (name of the workspace, how many applications), in order
    pointing: tuple[PluginMapping, ...]  # mappings of other plugins to its actions and portals
    dependents: tuple[str, ...]  # names of active plugins whose manifest asks for it
    has_widget: bool  # it stands in the toolbar

    @property
    def applications(self) -> int:
        """Return how many placed applications show a placeholder then."""
        return sum(count for _, count in self.placed)

    @property
    def is_nothing(self) -> bool:
        """Return whether nobody will notice."""
        return not (self.placed or self.pointing or self.dependents or self.has_widget)


def what_breaks(unit: Unit, bundle: str) -> Lost:
    """Return what depends on *bundle* in *unit* now."""
    rows = Application.of(unit, Application.workspace).where(Application.bundle == bundle)
    counts = Counter(uid for (uid,) in tuples(rows))
    order = (Workspace.position, Workspace.name, Workspace.uid)
    names = Workspace.of(unit, Workspace.uid, Workspace.name).order_by(*order)
    placed = [(name, counts[uid]) for uid, name in tuples(names) if counts[uid]]
    pointing = PluginMapping.of(unit).where(
        PluginMapping.target_bundle == bundle, PluginMapping.bundle != bundle
    )
    others = Plugin.of(unit).where(Plugin.active, Plugin.bundle != bundle).order_by(Plugin.name)
    dependents = [
        other.name
        for other in others
        if any(at.bundle == bundle and not at.optional for at in manifest_of(other).dependencies)
    ]
    shown = ToolbarItem.of(unit).where(ToolbarItem.bundle == bundle, ToolbarItem.visible)
    plugin = Plugin.of(unit).where(Plugin.bundle == bundle).first()
    return Lost(
        tuple(placed),
        tuple(pointing.order_by(PluginMapping.bundle, PluginMapping.requirement)),
        tuple(dependents),
        shown.exists() and plugin is not None and "widget" in manifest_of(plugin).parts,
    )
