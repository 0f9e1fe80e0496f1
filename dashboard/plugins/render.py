"""From a placed application to what its template shows, however the plugin stands."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

from ..models import Application, Plugin, PluginPermission, Role, ToolbarItem, Unit
from . import configs
from .install import plugin_of
from .mappings import State, connection
from .queries import tuples
from .references import Resolution, look_up, names_in, resolve
from .registry import Code, find
from .sources import NOWHERE, Sources


class Standing(StrEnum):
    """Whether a plugin can show something here; if not, why."""

    READY = "ready"
    NOT_INSTALLED = "not installed"
    INACTIVE = "inactive"
    NO_CODE = "no code"


@dataclass(frozen=True, slots=True)
class Placement:
    """What a plugin's code is given. References in both configs are resolved."""

    plugin: Mapping[str, Any]  # config of the plugin
    application: Mapping[str, Any]  # config of this application; empty for a widget
    now: datetime
    may: Callable[[str], bool]  # whether the viewer has a permission key
    # Whether the action that a requirement is mapped to can be called, by this viewer.
    can: Callable[[str], bool] = lambda requirement: False
    # What other servers have: `sources.get` never waits.
    sources: Sources = NOWHERE


@dataclass(frozen=True, slots=True)
class Rendered:
    """A template and what it shows, or why there is nothing to show."""

    standing: Standing
    name: str
    template: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    withheld: frozenset[str] = frozenset()
    refresh_seconds: int = 0


def standing_of(plugin: Plugin | None, bundle: str, part: str = "application") -> Standing:
    """Return how *bundle* stands in the unit that *plugin* was read from."""
    if plugin is None:
        return Standing.NOT_INSTALLED
    if not plugin.active:
        return Standing.INACTIVE
    code = find(bundle)
    return Standing.READY if code is not None and code.call(part) else Standing.NO_CODE


def show_application(
    unit: Unit, row: Application, role: Role, now: datetime, sources: Sources = NOWHERE
) -> Rendered:
    """Let the plugin of a placed application say what to show. Its errors come up as they are."""
    plugin = plugin_of(unit, row.bundle)
    standing = standing_of(plugin, row.bundle)
    name = plugin.name if plugin is not None else row.bundle
    code = find(row.bundle)
    if plugin is None or code is None or standing is not Standing.READY:
        return Rendered(standing, name)
    return _show(unit, code, "application", plugin, row, role, now, sources)


def show_widgets(
    unit: Unit, role: Role, now: datetime, sources: Sources = NOWHERE
) -> Iterator[Callable[[], Rendered]]:
    """Yield one call for each visible widget of an active plugin, in toolbar order."""
    shown = ToolbarItem.of(unit).where(ToolbarItem.visible).order_by(ToolbarItem.position)
    plugins = {plugin.bundle: plugin for plugin in Plugin.of(unit).where(Plugin.active)}
    for item in shown:
        plugin, code = plugins.get(item.bundle), find(item.bundle)
        if plugin is not None and code is not None and code.call("widget"):

            def show(code: Code = code, plugin: Plugin = plugin) -> Rendered:
                return _show(unit, code, "widget", plugin, None, role, now, sources)

            yield show


def show_portal(
    unit: Unit,
    bundle: str,
    requirement: str,
    role: Role,
    now: datetime,
    sources: Sources = NOWHERE,
) -> Rendered | None:
    """Let the portal that serves a requirement of *bundle* say what to show; None: nothing serves.

    It gets its own plugin's config and the viewer's role. Its errors come up as they are.
    """
    found = connection(unit, bundle, "portal", requirement)
    if found.state is not State.SERVED or found.plugin is None or found.code is None:
        return None
    given, notes = placement(unit, found.plugin, None, role, now, sources)
    context = found.code.portals[found.target](given) or {}
    return Rendered(
        Standing.READY,
        found.plugin.name,
        found.code.template(f"portals/{found.target}"),
        context,
        frozenset(notes.missing),
        frozenset(notes.withheld),
        context.get("refresh_seconds", found.code.refresh_seconds),
    )


def frame_sources(unit: Unit, role: Role, now: datetime) -> list[str]:
    """Return the sources that frames of the active plugins of *unit* may load."""
    found: list[str] = []
    for plugin in Plugin.of(unit).where(Plugin.active):
        code = find(plugin.bundle)
        sources = code.frame_sources if code is not None else None
        if sources is not None:
            given, _ = placement(unit, plugin, None, role, now)
            found += sources(given.plugin)
    return found


def placement(
    unit: Unit,
    plugin: Plugin,
    row: Application | None,
    role: Role,
    now: datetime,
    sources: Sources = NOWHERE,
) -> tuple[Placement, Resolution]:
    """Return what the plugin's code is given for *row*, and what its references came to."""
    texts = [(plugin.config, plugin.secrets)]
    texts.append((row.config, row.secrets) if row is not None else ("{}", "{}"))
    parts = [(configs.read(config), configs.read(secrets)) for config, secrets in texts]
    keys = look_up(unit, names_in([config | secrets for config, secrets in parts]))
    notes = Resolution()
    plugin_config, application_config = (
        resolve(config, keys, notes) | resolve(secrets, keys, notes, reveal=True)
        for config, secrets in parts
    )
    given = Placement(
        plugin_config,
        application_config,
        now,
        _permissions(unit, plugin.bundle, role),
        partial(_can_call, unit, plugin.bundle, role),
        sources,
    )
    return given, notes


def _permissions(unit: Unit, bundle: str, role: Role) -> Callable[[str], bool]:
    allowed = PluginPermission.of(unit, PluginPermission.key).where(
        PluginPermission.bundle == bundle, PluginPermission.role == role
    )
    keys = {key for (key,) in tuples(allowed)}
    return keys.__contains__


def _can_call(unit: Unit, bundle: str, role: Role, requirement: str) -> bool:
    found = connection(unit, bundle, "action", requirement)
    if found.state is not State.SERVED or found.code is None or not role.acts:
        return False
    permission = found.code.actions[found.target].permission
    return not permission or _permissions(unit, found.target_bundle, role)(permission)


def _show(
    unit: Unit,
    code: Code,
    part: str,
    plugin: Plugin,
    row: Application | None,
    role: Role,
    now: datetime,
    sources: Sources,
) -> Rendered:
    given, notes = placement(unit, plugin, row, role, now, sources)
    show = code.call(part)
    context = (show(given) if show is not None else None) or {}
    refresh_seconds = context.get("refresh_seconds", code.refresh_seconds)
    return Rendered(
        Standing.READY,
        plugin.name,
        code.template(part),
        context,
        frozenset(notes.missing),
        frozenset(notes.withheld),
        refresh_seconds if part == "application" else 0,
    )
