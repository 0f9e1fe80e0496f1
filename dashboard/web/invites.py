"""Invites: an admin makes a link and sends it; whoever it is for opens it and becomes a member.

The link is in no log, no audit event and no page but the one that made it, which is shown once.
"""

from flask import Blueprint, Response, flash, g, make_response, render_template, url_for
from flask.typing import ResponseReturnValue

from ..models import Invite, Role, User
from ..models.invites import InviteGone, accept, accept_as_new, find, invite, withdraw
from ..models.people import NotAdmin, PeopleError
from . import access, once, sessions
from .forms import NewPersonForm
from .forms_people import AcceptForm, InviteForm, WithdrawForm
from .htmx import see_other

bp = Blueprint("invites", __name__)


@bp.route("/u/<slug>/admin/invite", methods=["GET", "POST"])
@access.requires(*access.ADMIN)
@access.fresh
def new(slug: str) -> ResponseReturnValue:
    """Make an invite, and show its link this once."""
    form = InviteForm()
    if once.is_repeated():
        flash("This invite is made. Its link was shown once; to get another, invite again.", "info")
        return see_other(url_for("members.index", slug=slug))
    if form.validate_on_submit():
        try:
            made, token = invite(g.unit, form.email.data, Role(form.role.data), by=g.user)
        except NotAdmin:
            raise
        except PeopleError as error:
            form.email.errors = [str(error)]
        else:
            once.note_answered()
            # No redirect: the link would have to be kept somewhere for the page to come.
            return render_template("members/invited.html", invite=made, link=_link(token))
    page = render_template("members/invite.html", form=form, once=once.form_number())
    return page, 422 if form.is_submitted() else 200


def _link(token: str) -> str:
    return url_for(".show", token=token, _external=True)


@bp.post("/u/<slug>/admin/invites/<uid>/withdraw")
@access.requires(*access.ADMIN)
@access.fresh
def end(slug: str, uid: str) -> ResponseReturnValue:
    """Make a link worthless that nobody has used."""
    if WithdrawForm().validate():
        try:
            email = withdraw(g.unit, uid, by=g.user)
        except InviteGone:
            flash("That invite had ended already: it was used, withdrawn or too old.", "info")
        else:
            flash(f"The invite for {email} is withdrawn. Its link does not work any more.", "info")
    return see_other(url_for("members.index", slug=slug))


@bp.get("/invite/<token>")
@access.public
def show(token: str) -> ResponseReturnValue:
    """Say who invites to what, and ask what is needed to accept."""
    try:
        return _page(find(token), token)
    except InviteGone:
        return _gone()


@bp.post("/invite/<token>")
@access.public
def join(token: str) -> ResponseReturnValue:
    """Become a member: as a new user, or as the very user whom the invite names."""
    try:
        found = find(token)
        user, known = sessions.user(), _known(found)
        if user is not None and user.email != found.email:
            return _page(found, token, status=422)
        if user is not None:
            return _join(token, user)
        if known is not None:  # must log in first; the page says so
            return _page(found, token, status=422)
        return _join_as_new(found, token)
    except InviteGone:
        return _gone()


def _join(token: str, user: User) -> Response:
    if not AcceptForm().validate():
        return _page(find(token), token, status=422)
    return _enter(accept(token, user))


def _join_as_new(found: Invite, token: str) -> Response:
    form = NewPersonForm()
    if form.validate():
        try:
            used, user = accept_as_new(token, form.name.data, form.password.data)
        except PeopleError as error:
            form.form_errors = [str(error)]
        else:
            sessions.log_in(user)
            return _enter(used)
    return _page(found, token, form=form, status=422)


def _enter(used: Invite) -> Response:
    flash(f"Welcome to {used.unit.name}.", "success")
    return see_other(url_for("units.home", slug=used.unit.slug))


def _page(
    found: Invite, token: str, *, form: NewPersonForm | None = None, status: int = 200
) -> Response:
    page = render_template(
        "members/join.html",
        invite=found,
        role=Role(found.role),
        token=token,
        user=sessions.user(),
        known=_known(found),
        form=form or NewPersonForm(formdata=None),
    )
    return make_response(page, status)


def _known(found: Invite) -> User | None:
    known: User | None = User.get_or_none(User.email == found.email)
    return known


def _gone() -> Response:
    """Answer for every link that does not work, whatever the reason, in the same words."""
    return make_response(render_template("members/gone.html"), 404)
