"""Members of a unit: their roles, and how they leave it."""

import re
from datetime import UTC, datetime

import peewee
from flask import Blueprint, abort, flash, g, render_template, url_for
from flask.typing import ResponseReturnValue

from ..models import Membership, Role, SecondFactor, Session, User, Workspace, second_factor
from ..models.invites import open_invites
from ..models.people import MemberChanged, PeopleError, change_role
from ..plugins.queries import tuples
from . import access
from .forms_people import RemoveMemberForm, RoleForm, SecondFactorRuleForm
from .htmx import see_other

bp = Blueprint("members", __name__)
# One way to write it: to the `int` of an address, digits of any script are digits.
NUMBER = re.compile(r"[1-9][0-9]{0,17}")


@bp.get("/u/<slug>/admin/members")
@access.requires(*access.ADMIN)
def index(slug: str) -> ResponseReturnValue:
    """List the people of the unit, the most powerful first, and the open invites."""
    found = (
        Membership.select(Membership, User, SecondFactor.created_at)
        .join(User)
        .join(SecondFactor, peewee.JOIN.LEFT_OUTER, attr="factor")
        .where(Membership.unit == g.unit)
        .order_by(User.name, User.email)
    )
    with_factor = {row.user.id for row in found if getattr(row.user, "factor", None) is not None}
    rank = {role: number for number, role in enumerate(Role)}
    members = sorted(
        ((row.user, Role(row.role)) for row in found), key=lambda member: rank[member[1]]
    )
    invites = [(row, Role(row.role), _moment(row.expires_at)) for row in open_invites(g.unit)]
    return render_template(
        "members/index.html",
        members=members,
        seen=_last_seen(),
        invites=invites,
        with_factor=with_factor,
    )


@bp.post("/u/<slug>/admin/second-factor")
@access.requires(*access.ADMIN)
@access.fresh
def require_second_factor(slug: str) -> ResponseReturnValue:
    """Ask the admins of the unit for a second factor, or not any more."""
    form = SecondFactorRuleForm()
    if not form.validate():
        abort(422)
    required = form.required.data == "yes"
    second_factor.require(g.unit, required, by=g.user)
    said = "Every admin of this unit needs a second factor from now on."
    flash(said if required else "Admins of this unit need no second factor any more.", "success")
    return see_other(url_for(".index", slug=slug))


def _last_seen() -> dict[int, datetime]:
    """Return when each member's browser last asked for a page, as far as a session still knows."""
    here = Membership.select(Membership.user).where(Membership.unit == g.unit)
    rows = (
        Session.select(Session.user, peewee.fn.MAX(Session.seen_at))
        .where(Session.user.in_(here))
        .group_by(Session.user)
    )
    return {user: _moment(seconds) for user, seconds in tuples(rows)}


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _member_or_404(number: str) -> tuple[User, Role]:
    if not NUMBER.fullmatch(number):
        abort(404)
    found: Membership | None = (
        Membership.select(Membership, User)
        .join(User)
        .where((Membership.unit == g.unit) & (Membership.user == int(number)))
        .first()
    )
    return (found.user, Role(found.role)) if found is not None else abort(404)


@bp.route("/u/<slug>/admin/members/<number>", methods=["GET", "POST"])
@access.requires(*access.ADMIN)
@access.fresh
def edit(slug: str, number: str) -> ResponseReturnValue:
    """Give a member another role."""
    user, role = _member_or_404(number)
    form, status = RoleForm(data={"seen": role, "role": role}), 200
    if form.validate_on_submit():
        try:
            seen = Role(form.seen.data)
            change_role(user, g.unit, Role(form.role.data), by=g.user, seen=seen)
        except PeopleError as error:
            status = _refused(form, error)
        else:
            flash(f"{user.name} is {Role(form.role.data).label}.", "success")
            # Who takes the own role away cannot see the list any more.
            stays = user != g.user or form.role.data == Role.ADMIN
            return see_other(url_for(".index" if stays else "units.home", slug=slug))
    elif form.is_submitted():
        status = 422
    return render_template("members/edit.html", form=form, user=user, role=role), status


@bp.route("/u/<slug>/admin/members/<number>/remove", methods=["GET", "POST"])
@access.requires(*access.ADMIN)
@access.fresh
def remove(slug: str, number: str) -> ResponseReturnValue:
    """Say what stays of a member, then take the member out of the unit."""
    user, role = _member_or_404(number)
    form, status = RemoveMemberForm(data={"seen": role}), 200
    if form.validate_on_submit():
        try:
            change_role(user, g.unit, None, by=g.user, seen=Role(form.seen.data))
        except PeopleError as error:
            status = _refused(form, error)
        else:
            flash(f"{user.name} is no member of {g.unit.name} any more.", "success")
            is_away = user == g.user  # and cannot see the list any more
            return see_other(url_for("units.start") if is_away else url_for(".index", slug=slug))
    elif form.is_submitted():
        status = 422
    return render_template(
        "members/remove.html",
        form=form,
        user=user,
        role=role,
        private=_private_workspaces(user),
        invites=[row for row in open_invites(g.unit) if row.invited_by == user],
    ), status


def _refused(form: RoleForm | RemoveMemberForm, error: PeopleError) -> int:
    """Put the reason into *form* and return the status; what was chosen stays in the form."""
    if isinstance(error, MemberChanged) and error.role is not None:
        form.seen.data = error.role.value  # who sends it again has seen this
        form.form_errors = [f"{error} Your choice is still below."]
        return 409
    if isinstance(error, MemberChanged) or type(error) is not PeopleError:
        raise error
    form.form_errors = [str(error)]
    return 422


def _private_workspaces(user: User) -> int:
    owner = peewee.fn.LOWER(Workspace.owner_email) == user.email
    return int(Workspace.of(g.unit).where(owner & ~Workspace.shared).count())
