"""The start page, the choice of a unit, and the door into one."""

from flask import Blueprint, g, render_template, url_for
from flask.typing import ResponseReturnValue

from ..installation import is_set_up
from ..models import Membership, Role, Unit, User
from . import access, sessions, shell
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
    """Let the user choose among the own units."""
    cards = [(found.unit, Role(found.role)) for found in memberships_of(g.user)]
    return render_template("units/index.html", cards=cards)


@bp.get("/u/<slug>/")
@access.requires(*access.MEMBERS)
def home(slug: str) -> ResponseReturnValue:
    """Open the workspace looked at last, or the first; explain an empty unit."""
    frame = shell.here()
    first = frame.first_page if frame is not None else None
    if first is not None:
        return see_other(url_for("workspaces.show", slug=slug, uid=first.uid))
    return render_template("units/home.html")


@bp.get("/u/<slug>/admin/")
@access.requires(*access.ADMIN)
def admin(slug: str) -> ResponseReturnValue:
    """Open Admin settings at its first section."""
    return see_other(url_for("backups.index", slug=slug))
