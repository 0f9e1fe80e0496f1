"""One's own account: the login password, where one is logged in, and what else there is of it."""

from flask import Blueprint, abort, flash, g, render_template, url_for
from flask.typing import ResponseReturnValue

from ..models import events, second_factor, tokens
from ..models.people import PeopleError, set_password
from . import access, own_sessions, sessions, tries
from .audit_words import line_of
from .forms_account import EndSessionForm, PasswordForm
from .htmx import see_other

bp = Blueprint("account", __name__)

EVENTS_SHOWN = 10


@bp.get("/account")
@access.signed_in
def show() -> ResponseReturnValue:
    """Show the account."""
    return _page(PasswordForm())


def _page(form: PasswordForm, status: int = 200) -> tuple[str, int]:
    page = render_template(
        "account/show.html",
        form=form,
        has_factor=second_factor.has_second_factor(g.user),
        codes_left=second_factor.recovery_codes_left(g.user),
        sessions=own_sessions.present(),
        tokens=tokens.of_user(g.user),
        lately=[line_of(event) for event in events.about_account(g.user, EVENTS_SHOWN)],
    )
    return page, status


@bp.post("/account/password")
@access.signed_in
def change_password() -> ResponseReturnValue:
    """Change the login password, end every other session, and go on with a new one here."""
    form = PasswordForm()
    if not form.validate():
        return _page(form, 422)
    refusal = tries.not_confirmed(form.old, "user.password", lambda: _page(form)[0])
    if refusal is not None:
        return refusal
    try:
        set_password(g.user, form.password.data)
    except PeopleError as error:
        form.password.errors = [str(error)]
        return _page(form, 422)
    sessions.log_in(g.user)
    flash(
        "Your password is changed. Wherever else you were logged in, you are logged out, and your "
        "access tokens have ended.",
        "success",
    )
    return see_other(url_for(".show"))


@bp.post("/account/sessions/<uid>/end")
@access.signed_in
@access.fresh
def end_session(uid: str) -> ResponseReturnValue:
    """End one of the user's other sessions: its browser is logged out at its next request."""
    if not EndSessionForm().validate():
        abort(400)
    if own_sessions.end(uid):
        flash("This browser is logged out.", "success")
    else:
        flash("This browser was not logged in any more.", "info")
    return see_other(url_for(".show"))


@bp.post("/account/sessions/end")
@access.signed_in
@access.fresh
def end_others() -> ResponseReturnValue:
    """End every other session of the user."""
    if not EndSessionForm().validate():
        abort(400)
    count = own_sessions.end_others()
    flash(f"Logged out elsewhere: {count}. You are logged in only here.", "success")
    return see_other(url_for(".show"))
