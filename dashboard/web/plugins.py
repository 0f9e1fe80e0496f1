"""Plugins of a unit: the installed ones, the store, and the page of one."""

from dataclasses import dataclass

from flask import Blueprint, abort, flash, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ..models import Plugin, PluginMapping, PluginPermission, Role, changing
from ..plugins import configs, install, mappings, registry
from ..plugins.manifest import Manifest, Requirement
from ..plugins.mappings import Offered
from ..plugins.registry import manifest_of
from . import access
from .errors import STATUS
from .forms_content import ConfirmForm
from .forms_settings import SettingsForm, make
from .htmx import see_other

bp = Blueprint("plugins", __name__)
STATUS[install.PluginProblem] = (422, None)


@dataclass(frozen=True, slots=True)
class Installed:
    """An installed plugin as a row of the list."""

    plugin: Plugin
    manifest: Manifest
    has_code: bool
    has_update: bool
    unset: int  # required settings without a value
    open: int  # required actions and portals that nothing serves


@dataclass(frozen=True, slots=True)
class Row:
    """A requirement in the page of a plugin: what serves it, and what could."""

    needed: Requirement
    offers: list[Offered]
    chosen: str
    broken: str  # the chosen target, when it is not offered now
    auto: bool

    @property
    def name(self) -> str:
        """Return the name of its form field."""
        return f"{self.needed.kind}.{self.needed.id}"


def plugin_or_404(bundle: str) -> Plugin:
    """Return an installed plugin of the unit."""
    found = install.plugin_of(g.unit, bundle)
    return found if found is not None else abort(404)


@bp.get("/u/<slug>/admin/plugins")
@access.requires(*access.ADMIN)
def index(slug: str) -> ResponseReturnValue:
    """List what is installed, and what the store has."""
    plugins = list(Plugin.of(g.unit).order_by(Plugin.name, Plugin.bundle))
    have = {plugin.bundle for plugin in plugins}
    rows: dict[str, list[PluginMapping]] = {}
    for mapping in PluginMapping.of(g.unit):
        rows.setdefault(mapping.bundle, []).append(mapping)
    offers = mappings.offered(manifest_of(plugin) for plugin in plugins if plugin.active)
    return render_template(
        "plugins/index.html",
        installed=[_installed(plugin, rows.get(plugin.bundle, []), offers) for plugin in plugins],
        store=[release for bundle, release in registry.catalogue().items() if bundle not in have],
        form=ConfirmForm(),
    )


def _installed(plugin: Plugin, rows: list[PluginMapping], offers: list[Offered]) -> Installed:
    manifest = manifest_of(plugin)
    values = configs.merge(plugin.config, plugin.secrets)
    return Installed(
        plugin,
        manifest,
        registry.find(plugin.bundle) is not None,
        install.has_update(plugin),
        len(configs.missing_required(manifest.plugin_fields, values)),
        len(mappings.open_requirements(manifest, rows, offers)),
    )


@bp.post("/u/<slug>/admin/plugins/<bundle>/install")
@access.requires(*access.ADMIN)
def add(slug: str, bundle: str) -> ResponseReturnValue:
    """Install a plugin from the store."""
    plugin = install.install(g.unit, bundle, by=g.user, revision=ConfirmForm().revision_number())
    flash(f"{plugin.name} is installed. Look through its settings, then activate it.", "success")
    return see_other(url_for(".show", slug=slug, bundle=bundle))


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


@bp.post("/u/<slug>/admin/plugins/<bundle>/update")
@access.requires(*access.ADMIN)
def update(slug: str, bundle: str) -> ResponseReturnValue:
    """Bring a plugin to the store's version."""
    plugin = plugin_or_404(bundle)
    install.update(g.unit, plugin, by=g.user, revision=ConfirmForm().revision_number())
    flash(f"{plugin.name} is updated.", "success")
    return see_other(url_for(".show", slug=slug, bundle=bundle))


@bp.route("/u/<slug>/admin/plugins/<bundle>/uninstall", methods=["GET", "POST"])
@access.requires(*access.ADMIN)
def uninstall(slug: str, bundle: str) -> ResponseReturnValue:
    """Say what will break, then uninstall."""
    plugin = plugin_or_404(bundle)
    form = ConfirmForm()
    if not form.validate_on_submit():
        placed, pointing = install.what_breaks(g.unit, bundle)
        names = {row.bundle: row.name for row in Plugin.of(g.unit)}
        page = render_template(
            "plugins/uninstall.html",
            form=form,
            plugin=plugin,
            placed=placed,
            pointing=pointing,
            names=names,
        )
        return page, 422 if form.is_submitted() else 200
    install.uninstall(g.unit, plugin, by=g.user, revision=form.revision_number())
    flash(f"{plugin.name} is uninstalled.", "success")
    return see_other(url_for(".index", slug=slug))


@bp.get("/u/<slug>/admin/plugins/<bundle>")
@access.requires(*access.ADMIN)
def show(slug: str, bundle: str) -> ResponseReturnValue:
    """Show a plugin: its configuration, permissions, mappings, and what it says of itself."""
    plugin = plugin_or_404(bundle)
    return _page(plugin, _config_form(plugin))


@bp.post("/u/<slug>/admin/plugins/<bundle>/config")
@access.requires(*access.ADMIN)
def configure(slug: str, bundle: str) -> ResponseReturnValue:
    """Save the plugin's own config."""
    plugin = plugin_or_404(bundle)
    form = _config_form(plugin)
    if form.is_reshaped() or not form.validate_on_submit():
        return _page(plugin, form), form.status()
    revision = form.revision_number()
    install.save_config(g.unit, plugin, *form.texts(), by=g.user, revision=revision)
    flash("The configuration is saved.", "success")
    return see_other(url_for(".show", slug=slug, bundle=bundle))


@bp.post("/u/<slug>/admin/plugins/<bundle>/permissions")
@access.requires(*access.ADMIN)
def permit(slug: str, bundle: str) -> ResponseReturnValue:
    """Save which roles have which permission key."""
    plugin = plugin_or_404(bundle)
    chosen = [
        (key.id, role.value)
        for key in manifest_of(plugin).permission_keys
        for role in Role
        if role.value in request.form.getlist(f"roles.{key.id}")
    ]
    revision = ConfirmForm().revision_number()
    install.save_permissions(g.unit, plugin, chosen, by=g.user, revision=revision)
    flash("The permissions are saved.", "success")
    return see_other(url_for(".show", slug=slug, bundle=bundle, _anchor="permissions"))


@bp.post("/u/<slug>/admin/plugins/<bundle>/mappings")
@access.requires(*access.ADMIN)
def map_requirements(slug: str, bundle: str) -> ResponseReturnValue:
    """Save whose actions and portals serve this plugin."""
    plugin = plugin_or_404(bundle)
    revision = ConfirmForm().revision_number()
    with changing(g.unit, "plugin.mappings", by=g.user, revision=revision, subject=bundle):
        for row in _rows(plugin):
            allowed = {"/".join(offer.target): offer.target for offer in row.offers}
            wanted = request.form.get(row.name, row.chosen)
            if wanted == "":
                mappings.choose(g.unit, bundle, row.needed, None)
            elif wanted in allowed:
                mappings.choose(g.unit, bundle, row.needed, allowed[wanted])
            elif wanted != row.chosen:
                abort(422, "One of these is not offered any more. Reload the page.")
    flash("The mappings are saved.", "success")
    return see_other(url_for(".show", slug=slug, bundle=bundle, _anchor="mappings"))


def _config_form(plugin: Plugin) -> SettingsForm:
    as_text = request.args.get("as") == "text"
    manifest = manifest_of(plugin)
    form: SettingsForm = make(
        SettingsForm,
        manifest.plugin_fields,
        manifest.plugin_schema,
        plugin.config,
        plugin.secrets,
        as_text=as_text,
    )
    return form


def _page(plugin: Plugin, form: SettingsForm) -> str:
    allowed = PluginPermission.of(g.unit).where(PluginPermission.bundle == plugin.bundle)
    return render_template(
        "plugins/show.html",
        plugin=plugin,
        manifest=manifest_of(plugin),
        has_code=registry.find(plugin.bundle) is not None,
        has_update=install.has_update(plugin),
        form=form,
        act_form=ConfirmForm(formdata=None),
        as_text=request.args.get("as") == "text",
        allowed={(row.key, row.role) for row in allowed},
        roles=list(Role),
        rows=_rows(plugin),
        names={row.bundle: row.name for row in Plugin.of(g.unit)},
    )


def _rows(plugin: Plugin) -> list[Row]:
    offers = mappings.offered(mappings.active_manifests(g.unit))
    stored = {
        (row.kind, row.requirement): row
        for row in PluginMapping.of(g.unit).where(PluginMapping.bundle == plugin.bundle)
    }
    rows = []
    for needed in manifest_of(plugin).requirements:
        fitting = [offer for offer in offers if offer.offer.kind == needed.kind]
        mapping = stored.get((needed.kind, needed.id))
        chosen = f"{mapping.target_bundle}/{mapping.target}" if mapping is not None else ""
        offered = {"/".join(offer.target) for offer in fitting}
        broken = chosen if chosen and chosen not in offered else ""
        auto = mapping is not None and bool(mapping.auto)
        rows.append(Row(needed, fitting, chosen, broken, auto))
    return rows
