"""The set-up page: opened by the link that `serve` prints, gone for good after the first admin."""

import re
import unicodedata

from flask import Blueprint, abort, render_template, url_for
from flask.typing import ResponseReturnValue

from ..db import write_transaction
from ..installation import end_setup, is_setup_token
from ..models import Role, Unit, User, audit
from ..models.people import (
    PeopleError,
    create_organisation,
    create_unit,
    create_user,
    set_role,
)
from . import access, sessions
from .forms import SetupForm
from .htmx import see_other

bp = Blueprint("setup", __name__)


@bp.get("/setup/<token>")
@access.public
def show(token: str) -> ResponseReturnValue:
    """Ask for the organisation, its first unit and the admin."""
    if not is_setup_token(token):
        abort(404)
    return render_template("setup/show.html", form=SetupForm(), token=token)


@bp.post("/setup/<token>")
@access.public
def create(token: str) -> ResponseReturnValue:
    """Create all of it or nothing, and log the admin in."""
    form = SetupForm()
    if not form.validate():
        if not is_setup_token(token):
            abort(404)
        return render_template("setup/show.html", form=form, token=token), 422
    try:
        user, unit = _create(form, token)
    except PeopleError as error:
        form.form_errors = [str(error)]
        return render_template("setup/show.html", form=form, token=token), 422
    sessions.log_in(user)
    return see_other(url_for("units.home", slug=unit.slug))


def _create(form: SetupForm, token: str) -> tuple[User, Unit]:
    with write_transaction():
        # Asked inside the transaction: of two people with the link, one is first.
        if not is_setup_token(token):
            abort(404)
        name = form.organisation.data
        create_organisation(slug_of(name), name)
        unit = create_unit(form.slug.data, form.unit.data)
        user = create_user(form.email.data, form.name.data, form.password.data)
        set_role(user, unit, Role.ADMIN)
        end_setup()
        audit("setup", by=user, unit=unit, subject=name)
    return user, unit


def slug_of(name: str) -> str:
    """Return *name* as a slug: what is left of it in lower-case ASCII letters, digits, hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")
    return slug if len(slug) >= 2 else "organisation"
