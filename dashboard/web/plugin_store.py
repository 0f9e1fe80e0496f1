"""Installing and updating: each says on a page of its own what it brings, before it is done."""

from flask import abort, flash, g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectChoice

from ..plugins import install, overview, registry
from ..plugins.overview import Overview
from . import access
from .forms_content import ConfirmForm
from .forms_plugins import InstallForm
from .htmx import see_other
from .plugin_page import bp, names, plugin_or_404


@bp.route("/u/<slug>/admin/plugins/<bundle>/install", methods=["GET", "POST"])
@access.requires(*access.ADMIN)
def add(slug: str, bundle: str) -> ResponseReturnValue:
    """Show what installing a plugin of the store needs and brings, then install it."""
    if request.method != "POST" and install.plugin_of(g.unit, bundle) is not None:
        return see_other(url_for(".show", slug=slug, bundle=bundle))
    release = registry.catalogue().get(bundle)
    if release is None and request.method != "POST":
        abort(404, "The store of this server does not have this plugin.")
    found = overview.overview(g.unit, release) if release is not None else None
    form = _form(found)
    if found is not None and not form.validate_on_submit():
        page = render_template("plugins/install.html", form=form, found=found)
        return page, 422 if form.is_submitted() else 200
    also, activate = form.also.data or [], request.form.get("then") == "activate"
    revision = form.revision_number()
    plugin = install.install(
        g.unit, bundle, by=g.user, revision=revision, also=also, activate=activate
    )
    more = f", with {len(also)} other{'' if len(also) == 1 else 's'}" if also else ""
    way_on = "and active" if activate else "Look through its settings, then activate it"
    words = f"installed{more} {way_on}." if activate else f"installed{more}. {way_on}."
    flash(f"{plugin.name} is {words}", "success")
    return see_other(url_for(".show", slug=slug, bundle=bundle))


def _form(found: Overview | None) -> InstallForm:
    form = InstallForm()
    needed = [at for at in found.needed if at.can_come] if found is not None else []
    form.also.choices = [SelectChoice(at.bundle, at.name) for at in needed]
    if not form.is_submitted():
        form.also.data = [at.bundle for at in needed if not at.optional]
    return form


@bp.route("/u/<slug>/admin/plugins/<bundle>/update", methods=["GET", "POST"])
@access.requires(*access.ADMIN)
def update(slug: str, bundle: str) -> ResponseReturnValue:
    """Show what an update changes, then bring a plugin to the store's version."""
    plugin = plugin_or_404(bundle)
    form = ConfirmForm()
    release = registry.catalogue().get(bundle)
    if release is not None and install.has_update(plugin) and not form.validate_on_submit():
        page = render_template(
            "plugins/update.html",
            form=form,
            plugin=plugin,
            found=overview.update_overview(g.unit, plugin, release.manifest),
            names=names(),
            shown_default=overview.shown_default,
        )
        return page, 422 if form.is_submitted() else 200
    if request.method != "POST":
        return see_other(url_for(".show", slug=slug, bundle=bundle))
    install.update(g.unit, plugin, by=g.user, revision=form.revision_number())
    flash(f"{plugin.name} is updated.", "success")
    return see_other(url_for(".show", slug=slug, bundle=bundle))
