"""Members of a unit and their roles."""

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

from ..models import Membership, Role, User
from . import access

bp = Blueprint("members", __name__)


@bp.get("/u/<slug>/admin/members")
@access.requires(*access.ADMIN)
def index(slug: str) -> ResponseReturnValue:
    """List the people of the unit, the most powerful first."""
    found = (
        Membership.select(Membership, User)
        .join(User)
        .where(Membership.unit == g.unit)
        .order_by(User.name, User.email)
    )
    rank = {role: number for number, role in enumerate(Role)}
    members = sorted(
        ((row.user, Role(row.role)) for row in found), key=lambda member: rank[member[1]]
    )
    return render_template("members/index.html", members=members)
