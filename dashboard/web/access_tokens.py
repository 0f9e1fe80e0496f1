"""Access tokens of one's own account: made, shown this once, and revoked.

The text of a token is on the page that answers the form, and in no address, log or session.
"""

from flask import Blueprint, abort, flash, g, render_template, url_for
from flask.typing import ResponseReturnValue

from ..models import Membership, Role, Unit, tokens
from ..models.people import NotAdmin, PeopleError
from . import access, once
from .forms_tokens import NewTokenForm, RevokeTokenForm
from .htmx import see_other

bp = Blueprint("access_tokens", __name__, url_prefix="/account/tokens")


@bp.route("/new", methods=["GET", "POST"])
@access.signed_in
@access.fresh
def new() -> ResponseReturnValue:
    """Make a token, and show its text this once."""
    units = _own_units()
    form = NewTokenForm(units)
    if once.is_repeated():
        flash(
            "This access token is made. Its text was shown once; if you do not have it, revoke "
            "the token and make another.",
            "info",
        )
        return see_other(url_for("account.show"))
    if form.validate_on_submit():
        try:
            made, text = tokens.make(
                g.user, form.name.data, form.chosen_scopes, form.chosen_unit, form.days.data
            )
        except NotAdmin:
            raise
        except PeopleError as error:
            form.name.errors = [str(error)]
        else:
            once.note_answered()
            # No redirect: the text would have to be kept somewhere for the page to come.
            return render_template("account/token_made.html", token=made, text=text)
    page = render_template("account/token_new.html", form=form, once=once.form_number())
    return page, 422 if form.is_submitted() else 200


def _own_units() -> list[Unit]:
    is_admin = (Membership.user == g.user) & (Membership.role == Role.ADMIN)
    return list(Unit.select().join(Membership).where(is_admin).order_by(Unit.name))


@bp.post("/<uid>/revoke")
@access.signed_in
@access.fresh
def revoke(uid: str) -> ResponseReturnValue:
    """End a token: its next request is refused."""
    if not RevokeTokenForm().validate():
        abort(400)
    try:
        flash(f"The access token {tokens.revoke(g.user, uid)} does not work any more.", "success")
    except tokens.TokenGone:
        flash("This access token did not work any more.", "info")
    return see_other(url_for("account.show"))
