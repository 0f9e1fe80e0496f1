"""The configuration of a plugin as a file: export, preview of an import, import."""

import io
import re
from typing import Any

from flask import Response, flash, g, make_response, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from .. import backup
from ..archive import ArchiveError, WrongPassword
from ..backup import BackupError, PartKind, PluginPart, part_tickets, parts
from ..backup.attempts import attempted_part
from ..models import Plugin
from ..plugins import portable
from ..plugins.install import PluginProblem
from ..plugins.portable import Brought
from . import access
from .backup_page import context
from .downloads import send_backup
from .forms_backup import ExportPartForm, ImportPartForm
from .forms_plugins import ApplyPartForm
from .htmx import see_other
from .plugin_page import bp, names, plugin_or_404


@bp.get("/u/<slug>/admin/plugins/<bundle>/file")
@access.requires(*access.ADMIN)
@access.fresh
def file(slug: str, bundle: str) -> ResponseReturnValue:
    """Show how to export and import the configuration."""
    return _page(plugin_or_404(bundle))


@bp.post("/u/<slug>/admin/plugins/<bundle>/export")
@access.requires(*access.ADMIN)
@access.fresh
def export_config(slug: str, bundle: str) -> ResponseReturnValue:
    """Send the configuration as a file."""
    plugin = plugin_or_404(bundle)
    form = ExportPartForm()
    if not form.validate_on_submit():
        return _page(plugin, export_form=form), 422
    data = parts.export_plugin(g.unit, bundle, form.password.data or "", context(), by=g.user)
    stem = re.sub(r"[^a-z0-9]+", "-", plugin.name.lower()).strip("-") or "plugin"
    return send_backup(io.BytesIO(data), f"{g.unit.slug}-{stem}-configuration.dbk")


@bp.post("/u/<slug>/admin/plugins/<bundle>/import")
@access.requires(*access.ADMIN)
@access.fresh
@access.large_form
def preview_config(slug: str, bundle: str) -> ResponseReturnValue:
    """Show what importing an uploaded configuration would change."""
    plugin = plugin_or_404(bundle)
    form = ImportPartForm()
    if not form.validate_on_submit():
        return _page(plugin, import_form=form), 422
    password = form.password.data or ""
    try:
        part = parts.read_plugin(g.unit, form.file.data.stream, password, by=g.user)
        with attempted_part(
            g.unit,
            "plugin.import",
            g.user,
            subject=bundle,
            file_sha256=part.read.file_sha256,
            refusals=(PluginProblem,),
        ):
            planned = portable.plan(g.unit, plugin, _brought(part))
    except WrongPassword as error:
        form.password.errors = [str(error)]
        return _page(plugin, import_form=form), 422
    except (ArchiveError, BackupError, PluginProblem) as error:
        form.file.errors = [str(error)]
        return _page(plugin, import_form=form), 422
    return _preview(plugin, part, planned)


@bp.post("/u/<slug>/admin/plugins/<bundle>/import/apply")
@access.requires(*access.ADMIN)
@access.fresh_preview
@access.large_form
def import_config(slug: str, bundle: str) -> ResponseReturnValue:
    """Import exactly what was previewed, or nothing."""
    plugin = plugin_or_404(bundle)
    form = ApplyPartForm()
    revision = form.revision_number()
    held = backup.Held(form.file.data or "", form.key.data or "", form.expires.data or "")
    read = part_tickets.take(held, PartKind.PLUGIN, g.unit, g.user, bundle, revision)
    part = parts.plugin_part(read)
    portable.apply(
        g.unit,
        plugin,
        _brought(part),
        by=g.user,
        revision=revision,
        file_sha256=read.file_sha256,
    )
    flash(f"The configuration of {plugin.name} is imported.", "success")
    return see_other(url_for(".show", slug=slug, bundle=bundle))


def _brought(part: PluginPart) -> Brought:
    wanted = ("bundle", "name", "version", "config", "secrets", "permissions", "mappings")
    return Brought(**{name: getattr(part, name) for name in wanted})


def _page(plugin: Plugin, **replaced: FlaskForm) -> str:
    forms: dict[str, Any] = {
        "export_form": ExportPartForm(formdata=None),
        "import_form": ImportPartForm(formdata=None),
    }
    return render_template("plugins/file.html", plugin=plugin, **(forms | replaced))


def _preview(plugin: Plugin, part: PluginPart, planned: portable.Plan) -> Response:
    revision = g.unit.revision
    held = part_tickets.hold(part.read, g.unit, g.user, plugin.bundle, revision)
    form = ApplyPartForm(
        formdata=None, revision=revision, file=held.file, key=held.key, expires=held.expires
    )
    page = render_template(
        "plugins/import.html",
        plugin=plugin,
        manifest=part.read.manifest,
        version=part.version,
        planned=planned,
        form=form,
        names=names(),
    )
    return make_response(page)
