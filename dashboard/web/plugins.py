"""Plugins of a unit: the list, and how one is switched on, off and taken out."""

from dataclasses import dataclass

from flask import flash, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ..models import Plugin
from ..plugins import configs, install, mappings, registry
from ..plugins.leaving import what_breaks
from ..plugins.manifest import Manifest
from ..plugins.mappings import Connection, State
from ..plugins.registry import manifest_of
from . import access, plugin_files, plugin_settings, plugin_store
from .forms_content import ConfirmForm
from .htmx import see_other
from .plugin_page import bp, names, plugin_or_404

__all__ = ["bp", "plugin_files", "plugin_settings", "plugin_store"]  # they add their routes to bp


@dataclass(frozen=True, slots=True)
class Installed:
    """An installed plugin as a row of the list."""

    plugin: Plugin
    manifest: Manifest
    has_code: bool
    has_update: bool
    unset: int  # required settings without a value
    open: int  # required actions and portals for which nothing is chosen
    broken: int  # and those whose choice cannot serve now


@bp.get("/u/<slug>/admin/plugins")
@access.requires(*access.ADMIN)
def index(slug: str) -> ResponseReturnValue:
    """List what is installed, and what the store has."""
    plugins = list(Plugin.of(g.unit).order_by(Plugin.name, Plugin.bundle))
    have = {plugin.bundle for plugin in plugins}
    connections = mappings.standings(g.unit)
    return render_template(
        "plugins/index.html",
        installed=[_installed(plugin, connections.get(plugin.bundle, [])) for plugin in plugins],
        store=[release for bundle, release in registry.catalogue().items() if bundle not in have],
        form=ConfirmForm(),
    )


def _installed(plugin: Plugin, connections: list[Connection]) -> Installed:
    manifest = manifest_of(plugin)
    values = configs.merge(plugin.config, plugin.secrets)
    states = [found.state for found in connections if found.matters]
    return Installed(
        plugin,
        manifest,
        registry.find(plugin.bundle) is not None,
        install.has_update(plugin),
        len(configs.missing_required(manifest.plugin_fields, values)),
        states.count(State.OPEN),
        states.count(State.BROKEN),
    )


@bp.post("/u/<slug>/admin/plugins/<bundle>/active")
@access.requires(*access.ADMIN)
def activate(slug: str, bundle: str) -> ResponseReturnValue:
    """Activate or deactivate a plugin."""
    plugin = plugin_or_404(bundle)
    active = request.form.get("active") == "yes"
    revision = ConfirmForm().revision_number()
    install.set_active(g.unit, plugin, active, by=g.user, revision=revision)
    flash(f"{plugin.name} is {'active' if active else 'inactive'} now.", "success")
    if request.form.get("from") == "show":
        return see_other(url_for(".show", slug=slug, bundle=bundle))
    return see_other(url_for(".index", slug=slug))


@bp.get("/u/<slug>/admin/plugins/<bundle>/deactivate")
@access.requires(*access.ADMIN)
def deactivate(slug: str, bundle: str) -> ResponseReturnValue:
    """Say what will break; the form of the page deactivates."""
    return render_template("plugins/leave.html", act="deactivate", **_leaving(bundle))


@bp.route("/u/<slug>/admin/plugins/<bundle>/uninstall", methods=["GET", "POST"])
@access.requires(*access.ADMIN)
def uninstall(slug: str, bundle: str) -> ResponseReturnValue:
    """Say what will break, then uninstall."""
    plugin = plugin_or_404(bundle)
    form = ConfirmForm()
    if not form.validate_on_submit():
        page = render_template("plugins/leave.html", act="uninstall", **_leaving(bundle))
        return page, 422 if form.is_submitted() else 200
    install.uninstall(g.unit, plugin, by=g.user, revision=form.revision_number())
    flash(f"{plugin.name} is uninstalled.", "success")
    return see_other(url_for(".index", slug=slug))


def _leaving(bundle: str) -> dict[str, object]:
    return {
        "plugin": plugin_or_404(bundle),
        "lost": what_breaks(g.unit, bundle),
        "names": names(),
        "form": ConfirmForm(),
    }
