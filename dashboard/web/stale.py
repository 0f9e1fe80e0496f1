"""A preview that is out of date: what changed meanwhile, and a fresh one from the same file."""

from flask import Response, g, make_response, render_template

from ..backup.errors import UnitChanged
from ..models import changes_since, revision_of
from . import errors, news
from .forms_backup import PreviewForm
from .htmx import is_htmx, take_place

CHANGES_SHOWN = 10


def answer(error: UnitChanged) -> Response:
    """Refuse with 409, in the place of the preview, and lead on to a fresh one."""
    if not error.token:
        return errors.page(409, str(error))
    changes = changes_since(g.unit, error.revision)
    revision = revision_of(g.unit)
    page = render_template(
        "backups/_stale.html" if is_htmx() else "backups/stale.html",
        section="Backup",
        changes=[(change, news.words_of(change)) for change in changes[:CHANGES_SHOWN]],
        count=revision - error.revision,
        preview_form=PreviewForm(formdata=None, ticket=error.token),
    )
    response = make_response(page, 409)
    return take_place(response, "backup-import") if is_htmx() else response
