"""The page of one plugin: configuration, permissions, mappings, and what it says of itself."""

from dataclasses import dataclass

from flask import abort, flash, g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from ..models import Plugin, PluginPermission, Role, changing
from ..plugins import install, mappings, registry
from ..plugins.leaving import what_breaks
from ..plugins.mappings import Connection, Offered, State
from ..plugins.notes import to_html
from ..plugins.registry import manifest_of
from . import access
from .forms_content import ConfirmForm
from .forms_settings import SettingsForm, make
from .htmx import see_other
from .plugin_page import bp, names, plugin_or_404


@dataclass(frozen=True, slots=True)
class Row:
    """A requirement in the page of a plugin: what serves it, and what could."""

    found: Connection
    offers: list[Offered]

    @property
    def name(self) -> str:
        """Return the name of its form field."""
        return f"{self.found.needed.kind}.{self.found.needed.id}"

    @property
    def chosen(self) -> str:
        """Return the chosen target as the form names it; empty if nothing is chosen."""
        has_choice = self.found.state is not State.OPEN
        return f"{self.found.target_bundle}/{self.found.target}" if has_choice else ""

    @property
    def is_offered(self) -> bool:
        """Return whether the chosen target is among those that are offered now."""
        return self.chosen in {"/".join(offer.target) for offer in self.offers}


@bp.get("/u/<slug>/admin/plugins/<bundle>")
@access.requires(*access.ADMIN)
def show(slug: str, bundle: str) -> ResponseReturnValue:
    """Show a plugin."""
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
                mappings.choose(g.unit, bundle, row.found.needed, None)
            elif wanted in allowed:
                mappings.choose(g.unit, bundle, row.found.needed, allowed[wanted])
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
    code = registry.find(plugin.bundle)
    return render_template(
        "plugins/show.html",
        plugin=plugin,
        manifest=manifest_of(plugin),
        has_code=code is not None,
        has_update=install.has_update(plugin),
        readme=Markup(to_html(code.readme)) if code is not None and code.readme else "",  # noqa: S704
        form=form,
        act_form=ConfirmForm(formdata=None, revision=g.unit.revision),
        as_text=request.args.get("as") == "text",
        allowed={(row.key, row.role) for row in allowed},
        roles=list(Role),
        rows=_rows(plugin),
        names=names(),
        serves=what_breaks(g.unit, plugin.bundle).pointing,
    )


def _rows(plugin: Plugin) -> list[Row]:
    offers = mappings.offered(mappings.active_manifests(g.unit))
    return [
        Row(
            found,
            [
                offer
                for offer in offers
                if offer.offer.kind == found.needed.kind and offer.manifest.bundle != plugin.bundle
            ],
        )
        for found in mappings.standing(g.unit, plugin.bundle)
    ]
