"""A plugin's life in a unit: install, activate, deactivate, update, uninstall."""

from collections.abc import Iterable
from itertools import count
from typing import Any

from ..models import (
    Plugin,
    PluginPermission,
    ToolbarItem,
    Unit,
    User,
    changing,
    require_room,
)
from . import configs
from .manifest import Manifest
from .mappings import fill_open_mappings
from .queries import tuples
from .registry import catalogue, manifest_of
from .updating import updated_config
from .versions import is_newer


class PluginProblem(Exception):
    """A plugin cannot be installed or changed so; the message says what to do."""


def plugin_of(unit: Unit, bundle: str) -> Plugin | None:
    """Return the installed plugin, or None."""
    found: Plugin | None = Plugin.of(unit).where(Plugin.bundle == bundle).first()
    return found


def install(
    unit: Unit,
    bundle: str,
    *,
    by: User,
    revision: int | None = None,
    also: Iterable[str] = (),
    activate: bool = False,
) -> Plugin:
    """Install *bundle* from the catalogue, with its defaults and what maps by itself.

    In the same change come the plugins *also*, and all of them are activated if that is asked for.
    """
    with changing(unit, "plugin.install", by=by, revision=revision, subject=bundle) as facts:
        beside = sorted(set(also) - {bundle})
        for name in (*beside, bundle):
            _install(unit, name)
        if activate:
            for name in (*beside, bundle):
                _activate(unit, name)
        fill_open_mappings(unit)
        facts["also"] = ", ".join(beside)
        facts["activated"] = "yes" if activate else ""
    plugin = plugin_of(unit, bundle)
    if plugin is None:
        raise PluginProblem("The plugin was removed at the same moment. Reload the page.")
    return plugin


def _install(unit: Unit, bundle: str) -> None:
    release = catalogue().get(bundle)
    if release is None:
        raise PluginProblem("The store does not have this plugin any more. Reload the page.")
    manifest = release.manifest
    if plugin_of(unit, bundle) is not None:
        raise PluginProblem(f"{manifest.name} is installed already.")
    if Plugin.of(unit).where(Plugin.name == manifest.name).exists():
        raise PluginProblem(
            f"There is another plugin named {manifest.name}. Uninstall that one first."
        )
    require_room(unit, Plugin)
    config, secrets = configs.split(
        manifest.plugin_fields, configs.defaults(manifest.plugin_fields)
    )
    Plugin.create(
        unit=unit,
        bundle=bundle,
        name=manifest.name,
        version=manifest.version,
        manifest=release.text,
        source="store",
        config=config,
        secrets=secrets,
    )


def _activate(unit: Unit, bundle: str) -> None:
    here = (Plugin.unit == unit) & (Plugin.bundle == bundle)
    Plugin.update(active=True).where(here).execute()
    if (plugin := plugin_of(unit, bundle)) is not None:
        _give_place(unit, manifest_of(plugin))


def set_active(
    unit: Unit, plugin: Plugin, active: bool, *, by: User, revision: int | None = None
) -> None:
    """Activate or deactivate; activating gives a widget its place and maps what fits only it."""
    action = "plugin.activate" if active else "plugin.deactivate"
    with changing(unit, action, by=by, revision=revision, subject=plugin.bundle):
        if active:
            _activate(unit, plugin.bundle)
            fill_open_mappings(unit)
        else:
            Plugin.update(active=False).where(_is(Plugin, unit, plugin)).execute()


def _give_place(unit: Unit, manifest: Manifest) -> None:
    placed = ToolbarItem.of(unit).where(ToolbarItem.bundle == manifest.bundle).exists()
    if "widget" in manifest.parts and not placed:
        taken = {position for (position,) in tuples(ToolbarItem.of(unit, ToolbarItem.position))}
        require_room(unit, ToolbarItem)
        position = next(place for place in count(len(taken)) if place not in taken)
        ToolbarItem.create(unit=unit, position=position, bundle=manifest.bundle)


def update(unit: Unit, plugin: Plugin, *, by: User, revision: int | None = None) -> None:
    """Take the catalogue's newer release: modifiers run in order, new keys get their defaults."""
    with changing(unit, "plugin.update", by=by, revision=revision, subject=plugin.bundle):
        release = catalogue().get(plugin.bundle)
        if release is None or not is_newer(release.manifest.version, plugin.version):
            raise PluginProblem(f"{plugin.name} is up to date.")
        new = release.manifest
        stored = configs.merge(plugin.config, plugin.secrets)
        values = updated_config(stored, plugin.version, new)
        plain, secrets = configs.split(new.plugin_fields, values, configs.read(plugin.secrets))
        Plugin.update(
            version=new.version, name=new.name, manifest=release.text, config=plain, secrets=secrets
        ).where(_is(Plugin, unit, plugin)).execute()
        fill_open_mappings(unit)


def has_update(plugin: Plugin) -> bool:
    """Return whether the store has a newer version than the installed one."""
    release = catalogue().get(plugin.bundle)
    return release is not None and is_newer(release.manifest.version, plugin.version)


def uninstall(unit: Unit, plugin: Plugin, *, by: User, revision: int | None = None) -> None:
    """Remove the plugin with its config, permissions and own mappings.

    Placed applications and other plugins' mappings stay and show that something is missing.
    """
    with changing(unit, "plugin.uninstall", by=by, revision=revision, subject=plugin.bundle):
        Plugin.delete().where(_is(Plugin, unit, plugin)).execute()


def save_config(
    unit: Unit, plugin: Plugin, config: str, secrets: str, *, by: User, revision: int | None = None
) -> None:
    """Store the two texts of the plugin's config, as `configs.split` gives them."""
    with changing(unit, "plugin.configure", by=by, revision=revision, subject=plugin.bundle):
        Plugin.update(config=config, secrets=secrets).where(_is(Plugin, unit, plugin)).execute()


def save_permissions(
    unit: Unit,
    plugin: Plugin,
    roles: Iterable[tuple[str, str]],
    *,
    by: User,
    revision: int | None = None,
) -> None:
    """Let exactly these (permission key, role) pairs be allowed."""
    with changing(unit, "plugin.permissions", by=by, revision=revision, subject=plugin.bundle):
        PluginPermission.delete().where(_is(PluginPermission, unit, plugin)).execute()
        chosen = sorted(set(roles))
        require_room(unit, PluginPermission, len(chosen))
        for key, role in chosen:
            PluginPermission.create(unit=unit, bundle=plugin.bundle, key=key, role=role)


def _is(model: type[Plugin] | type[PluginPermission], unit: Unit, plugin: Plugin) -> Any:
    return (model.unit == unit) & (model.bundle == plugin.bundle)
