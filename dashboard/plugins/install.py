"""A plugin's life in a unit: install, activate, deactivate, update, uninstall."""

from collections.abc import Iterable
from itertools import count
from typing import Any

from ..models import (
    Application,
    Plugin,
    PluginMapping,
    PluginPermission,
    ToolbarItem,
    Unit,
    User,
    changing,
)
from . import configs
from .manifest import Manifest
from .mappings import fill_open_mappings
from .queries import tuples
from .registry import catalogue, manifest_of
from .versions import is_newer


class PluginProblem(Exception):
    """A plugin cannot be installed or changed so; the message says what to do."""


def plugin_of(unit: Unit, bundle: str) -> Plugin | None:
    """Return the installed plugin, or None."""
    found: Plugin | None = Plugin.of(unit).where(Plugin.bundle == bundle).first()
    return found


def install(unit: Unit, bundle: str, *, by: User, revision: int | None = None) -> Plugin:
    """Install *bundle* from the catalogue, inactive, with its defaults and what maps by itself."""
    release = catalogue().get(bundle)
    if release is None:
        raise PluginProblem("The store does not have this plugin any more. Reload the page.")
    manifest = release.manifest
    with changing(unit, "plugin.install", by=by, revision=revision, subject=bundle):
        if plugin_of(unit, bundle) is not None:
            raise PluginProblem(f"{manifest.name} is installed already.")
        if Plugin.of(unit).where(Plugin.name == manifest.name).exists():
            raise PluginProblem(
                f"There is another plugin named {manifest.name}. Uninstall that one first."
            )
        fields = manifest.plugin_fields
        config, secrets = configs.split(fields, configs.defaults(fields))
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
        fill_open_mappings(unit)
    plugin = plugin_of(unit, bundle)
    if plugin is None:
        raise PluginProblem("The plugin was removed at the same moment. Reload the page.")
    return plugin


def set_active(
    unit: Unit, plugin: Plugin, active: bool, *, by: User, revision: int | None = None
) -> None:
    """Activate or deactivate; activating gives a widget its place and maps what fits only it."""
    action = "plugin.activate" if active else "plugin.deactivate"
    with changing(unit, action, by=by, revision=revision, subject=plugin.bundle):
        Plugin.update(active=active).where(_is(Plugin, unit, plugin)).execute()
        if active:
            fill_open_mappings(unit)
            _give_place(unit, manifest_of(plugin))


def _give_place(unit: Unit, manifest: Manifest) -> None:
    placed = ToolbarItem.of(unit).where(ToolbarItem.bundle == manifest.bundle).exists()
    if "widget" in manifest.parts and not placed:
        taken = {position for (position,) in tuples(ToolbarItem.of(unit, ToolbarItem.position))}
        position = next(place for place in count(len(taken)) if place not in taken)
        ToolbarItem.create(unit=unit, position=position, bundle=manifest.bundle)


def update(unit: Unit, plugin: Plugin, *, by: User, revision: int | None = None) -> None:
    """Take the catalogue's newer release: modifiers run in order, new keys get their defaults."""
    with changing(unit, "plugin.update", by=by, revision=revision, subject=plugin.bundle):
        release = catalogue().get(plugin.bundle)
        if release is None or not is_newer(release.manifest.version, plugin.version):
            raise PluginProblem(f"{plugin.name} is up to date.")
        new = release.manifest
        plain, secrets = _updated_config(plugin, new)
        Plugin.update(
            version=new.version, name=new.name, manifest=release.text, config=plain, secrets=secrets
        ).where(_is(Plugin, unit, plugin)).execute()
        fill_open_mappings(unit)


def _updated_config(plugin: Plugin, new: Manifest) -> tuple[str, str]:
    config = configs.merge(plugin.config, plugin.secrets)
    for modifier in new.config_modifiers:
        version = str(modifier.get("version", ""))
        if is_newer(version, plugin.version) and not is_newer(version, new.version):
            config = configs.modify(config, modifier.get("ops", []))
    config = configs.defaults(new.plugin_fields) | config
    return configs.split(new.plugin_fields, config, configs.read(plugin.secrets))


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


def what_breaks(unit: Unit, bundle: str) -> tuple[int, list[PluginMapping]]:
    """Return how many placed applications and which foreign mappings depend on *bundle*."""
    placed = Application.of(unit).where(Application.bundle == bundle).count()
    pointing = PluginMapping.of(unit).where(
        PluginMapping.target_bundle == bundle, PluginMapping.bundle != bundle
    )
    return placed, list(pointing.order_by(PluginMapping.bundle, PluginMapping.requirement))


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
        for key, role in sorted(set(roles)):
            PluginPermission.create(unit=unit, bundle=plugin.bundle, key=key, role=role)


def _is(model: type[Plugin] | type[PluginPermission], unit: Unit, plugin: Plugin) -> Any:
    return (model.unit == unit) & (model.bundle == plugin.bundle)
