"""Admin settings, Backup: what an import would change, down to the field.

The ticket of the preview travels in the form, never in an address: who has it may import.
"""

from flask import Blueprint, abort, g, render_template
from flask_wtf import FlaskForm
from wtforms import HiddenField

from ..archive import strict_json
from ..backup import Comparison, SectionChange
from ..backup.details import details_of_ticket
from ..backup.errors import UnitChanged
from . import access, stale
from .htmx import is_htmx
from .labels import LABELS

bp = Blueprint("changes", __name__, url_prefix="/u/<slug>/admin/backup")

bp.register_error_handler(UnitChanged, stale.answer)

FIELDS_SHOWN = 200  # an object of a config may have very many


class FieldsForm(FlaskForm):
    """Which row of which section, in the preview of which ticket; the key is JSON."""

    ticket = HiddenField()
    section = HiddenField()
    key = HiddenField()


@bp.app_template_global()
def labelled_sections(comparison: Comparison) -> list[tuple[str, SectionChange]]:
    """Return the sections with their words, in the order of the screen."""
    found = {section.section: section for section in comparison.sections}
    return [(label, found[name]) for name, label in LABELS.items()]


@bp.post("/fields")
@access.requires(*access.ADMIN)
@access.fresh_preview
def fields(slug: str) -> str:
    """Show the fields of one row before and after: in place for htmx, as a page otherwise."""
    form = FieldsForm()
    if not form.validate_on_submit():
        abort(400)
    section, key = form.section.data or "", _key(form.key.data or "")
    if section not in LABELS:
        abort(404)
    token = form.ticket.data or ""
    found = details_of_ticket(g.unit, g.user, token, access.folders(), section, key)
    if not found:
        abort(404, "An import would change nothing in this.")
    return render_template(
        "backups/_fields.html" if is_htmx() else "backups/fields.html",
        section="Backup",
        what=f"{LABELS[section]}: {' / '.join(map(str, key))}",
        fields=found[:FIELDS_SHOWN],
        more=max(0, len(found) - FIELDS_SHOWN),
    )


def _key(text: str) -> list[str | int]:
    try:
        key = strict_json.parse(text, depth=1)
    except ValueError:
        abort(404)
    if not isinstance(key, list):
        abort(404)
    return key
