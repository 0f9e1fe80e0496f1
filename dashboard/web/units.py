"""The start page, the choice of a unit, the door into one, and units made and renamed."""

from flask import Blueprint, abort, flash, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ..db import write_transaction
from ..installation import is_set_up
from ..models import Membership, Role, Unit, User, audit
from ..models.people import PeopleError, UnitRenamed, create_unit, rename_unit, set_role
from . import access, sessions, setup_steps, shell
from .forms_people import NewUnitForm, RenameUnitForm
from .htmx import see_other

bp = Blueprint("units", __name__)


def memberships_of(user: User) -> list[Membership]:
    """Return the user's memberships with their units, by name."""
    return list(
        Membership.select(Membership, Unit)
        .join(Unit)
        .where(Membership.user == user)
        .order_by(Unit.name, Unit.slug)
    )


@bp.get("/")
@access.public
def start() -> ResponseReturnValue:
    """Lead to the only unit, to the choice of units, to the log-in page, or say how to begin."""
    user = sessions.user()
    if user is None:
        if not is_set_up():
            return render_template("setup/missing.html")
        return see_other(url_for("auth.login"))
    found = memberships_of(user)
    if len(found) == 1:
        return see_other(url_for("units.home", slug=found[0].unit.slug))
    return see_other(url_for("units.index"))


@bp.get("/units")
@access.signed_in
def index() -> ResponseReturnValue:
    """Let the user choose among the own units; `q` is looked for, `here` is the open one."""
    wanted = request.args.get("q", "").strip()[:120]
    found = memberships_of(g.user)
    cards = [(row.unit, Role(row.role)) for row in found if _fits(row.unit, wanted)]
    return render_template(
        "units/index.html",
        cards=cards,
        wanted=wanted,
        count=len(found),
        here=request.args.get("here", ""),
        may_create=_is_admin_somewhere(found),
    )


def _fits(unit: Unit, wanted: str) -> bool:
    return all(word in unit.name.lower() or word in unit.slug for word in wanted.lower().split())


def _is_admin_somewhere(memberships: list[Membership]) -> bool:
    return any(row.role == Role.ADMIN for row in memberships)


@bp.route("/units/new", methods=["GET", "POST"])
@access.signed_in
def new() -> ResponseReturnValue:
    """Make an empty unit; whoever is admin of another may, and becomes its admin."""
    form = NewUnitForm()
    if not _is_admin_somewhere(memberships_of(g.user)):
        abort(403, "Only an admin of a unit can make another one. Ask one of them.")
    if form.validate_on_submit():
        try:
            unit = _create(form.slug.data, form.name.data)
        except PeopleError as error:
            form.slug.errors = [str(error)]
        else:
            flash(f"The unit {unit.name} is made, and you are its admin.", "success")
            return see_other(url_for(".home", slug=unit.slug))
    page = render_template("units/new.html", form=form)
    return page, 422 if form.is_submitted() else 200


def _create(slug: str, name: str) -> Unit:
    with write_transaction():
        # Asked again: the role may be gone since the page was asked for.
        if not _is_admin_somewhere(memberships_of(g.user)):
            abort(403, "You are no admin any more. Nothing was changed.")
        unit = create_unit(slug, name)
        set_role(g.user, unit, Role.ADMIN)
        audit("unit.create", by=g.user, unit=unit, subject=unit.name)
    return unit


@bp.route("/u/<slug>/admin/name", methods=["GET", "POST"])
@access.requires(*access.ADMIN)
def rename(slug: str) -> ResponseReturnValue:
    """Give the unit another name. Its address stays."""
    form, status = RenameUnitForm(data={"seen": g.unit.name, "name": g.unit.name}), 200
    if form.validate_on_submit():
        try:
            rename_unit(g.unit, form.name.data, by=g.user, seen=form.seen.data or "")
        except UnitRenamed as error:
            form.seen.data, status = error.name, 409
            form.form_errors = [f"{error} The name that you typed is still below."]
        else:
            flash(f"The unit is called {g.unit.name}.", "success")
            return see_other(url_for(".index", here=slug))
    elif form.is_submitted():
        status = 422
    return render_template("units/rename.html", form=form), status


@bp.get("/u/<slug>/")
@access.requires(*access.MEMBERS)
def home(slug: str) -> ResponseReturnValue:
    """Open the workspace looked at last, or the first; explain an empty unit, list first steps."""
    frame = shell.here()
    first = frame.first_page if frame is not None else None
    steps = setup_steps.to_do() if g.role is Role.ADMIN else []
    if first is not None and not steps:
        return see_other(url_for("workspaces.show", slug=slug, uid=first.uid))
    return render_template("units/home.html", steps=steps, first=first)


@bp.get("/u/<slug>/admin/")
@access.requires(*access.ADMIN)
def admin(slug: str) -> ResponseReturnValue:
    """Open Admin settings at its first section."""
    return see_other(url_for("backups.index", slug=slug))
