"""A workspace once more: as a file to take along, out of such a file, or as a duplicate."""

import io

from flask import Blueprint, Response, flash, g, render_template, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import PasswordField
from wtforms.validators import Length, ValidationError

from .. import backup
from ..archive import ArchiveError, WrongPassword
from ..backup import BackupError, WorkspacePart, parts
from ..models import Application, NoRoom, Plugin, Role, Workspace
from ..plugins import placing
from ..plugins.queries import tuples
from . import access
from .backup_page import context
from .forms import NAME_MAX, UnitForm
from .forms_backup import PASSWORD_MAX
from .forms_content import ConfirmForm
from .htmx import see_other
from .workspaces import workspace_or_404

bp = Blueprint("workspace_files", __name__)
_COPY = " (copy)"


def password_field(description: str, autocomplete: str) -> PasswordField:
    """Return a field for the password of a file, which may have none."""
    return PasswordField(
        "Backup password",
        description=description,
        validators=[Length(max=PASSWORD_MAX, message=f"Use at most {PASSWORD_MAX} characters.")],
        render_kw={"autocomplete": autocomplete},
    )


class ExportWorkspaceForm(FlaskForm):
    """Save a workspace as a file."""

    password = password_field("", "new-password")

    def validate_password(self, field: PasswordField) -> None:
        """Refuse a password that is shorter than the setting allows; none at all is allowed."""
        least = access.settings().backup_password_min
        if field.data and len(field.data) < least:
            raise ValidationError(f"Use at least {least} characters, or leave the password empty.")


class ImportWorkspaceForm(UnitForm):
    """Make a workspace out of a file."""

    file = FileField("Workspace file", render_kw={"accept": ".dbk"})
    password = password_field("Empty, if the file was saved without one.", "off")

    def validate_file(self, field: FileField) -> None:
        """Ask for a file."""
        if not field.data:
            raise ValidationError("Choose the file of a workspace. Its name ends in .dbk.")


@bp.post("/u/<slug>/w/<uid>/copy")
@access.requires(*access.EDITORS)
def copy(slug: str, uid: str) -> ResponseReturnValue:
    """Make a private workspace with the same look, applications and settings."""
    workspace = workspace_or_404(uid)
    name = workspace.name[: NAME_MAX - len(_COPY)] + _COPY
    revision = ConfirmForm().revision_number()
    new = placing.duplicate(g.unit, workspace, name, by=g.user, revision=revision)
    flash(
        f"This is a copy of {workspace.name}. Only you see it, until you share it in its "
        "workspace settings.",
        "success",
    )
    return see_other(url_for("workspaces.show", slug=slug, uid=new))


@bp.route("/u/<slug>/w/<uid>/export", methods=["GET", "POST"])
@access.requires(*access.EDITORS)
@access.fresh
def export(slug: str, uid: str) -> ResponseReturnValue:
    """Send the workspace as a file. Secret values are for admins, and only behind a password."""
    workspace = workspace_or_404(uid)
    form = ExportWorkspaceForm()
    if form.validate_on_submit():
        is_admin = g.role is Role.ADMIN
        password = form.password.data or ""
        try:
            file = parts.export_workspace(
                g.unit, uid, password, context(), by=g.user, with_secrets=is_admin
            )
        except (ArchiveError, BackupError) as error:
            form.form_errors.append(str(error))
        else:
            return _download(file, f"{slug}-{_file_name(workspace)}.dbk")
    page = render_template("workspaces/export.html", form=form, workspace=workspace)
    return page, 422 if form.is_submitted() else 200


def _file_name(workspace: Workspace) -> str:
    words = "".join(sign if sign.isascii() and sign.isalnum() else " " for sign in workspace.name)
    return "-".join(words.lower().split())[:60] or str(workspace.uid)


def _download(file: bytes, name: str) -> Response:
    return send_file(
        io.BytesIO(file),
        mimetype="application/octet-stream",
        as_attachment=True,
        download_name=name,
        max_age=0,
    )


@bp.route("/u/<slug>/workspaces/import", methods=["GET", "POST"])
@access.requires(*access.EDITORS)
@access.large_form
def import_(slug: str) -> ResponseReturnValue:
    """Make a new workspace out of a file; what the unit has is not touched."""
    form = ImportWorkspaceForm()
    if form.validate_on_submit():
        revision, source = form.revision_number(), form.file.data.stream
        try:
            part = parts.read_workspace(g.unit, source, form.password.data or "", by=g.user)
            made = backup.import_workspace(g.unit, part, by=g.user, revision=revision)
        except WrongPassword as error:
            form.password.errors = [str(error)]
        except (ArchiveError, BackupError) as error:
            form.file.errors = [str(error)]
        except NoRoom as error:
            form.form_errors.append(str(error))
        else:
            flash(_what_came(made, part), "success")
            return see_other(url_for("workspaces.show", slug=slug, uid=made.uid))
    page = render_template("workspaces/import.html", form=form)
    return page, 422 if form.is_submitted() else 200


def _what_came(made: Workspace, part: WorkspacePart) -> str:
    count = len(part.applications)
    with_what = {0: "without applications", 1: "with one application"}.get(
        count, f"with {count} applications"
    )
    sentence = f"The workspace {made.name} is there, {with_what}."
    used = Application.of(g.unit, Application.bundle).where(Application.workspace == made.uid)
    bundles = {bundle for (bundle,) in tuples(used.distinct())}
    here = {bundle for (bundle,) in tuples(Plugin.of(g.unit, Plugin.bundle))}
    if missing := sorted(bundles - here):
        sentence += f" This unit does not have the plugin for some of it: {', '.join(missing)}."
    if not made.shared:
        sentence += " Only you see it."
    return sentence
