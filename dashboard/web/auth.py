"""Log in, log out, type the password again, choose a theme."""

from flask import Blueprint, abort, flash, g, render_template, url_for
from flask.typing import ResponseReturnValue

from ..installation import is_set_up
from ..models import User, audit
from ..models.second_factor import has_second_factor
from ..models.throttle import TooManyTries
from . import access, sessions, tries
from .forms import ConfirmForm, LoginForm, LogoutForm, ThemeForm
from .htmx import leave_to, see_other
from .second_step import begin as begin_second_step
from .tries import password_is_right

bp = Blueprint("auth", __name__)

NOT_LOGGED_IN = "This email and password do not belong together. Check both and try again."


@bp.get("/login")
@access.public
def login() -> ResponseReturnValue:
    """Show the log-in page."""
    if sessions.user() is not None:
        return leave_to(access.next_page())
    if not is_set_up():
        return leave_to(url_for("units.start"))
    return _log_in_page(LoginForm())


@bp.post("/login")
@access.public
def log_in() -> ResponseReturnValue:
    """Begin a session, or say that the two do not belong together, and not which one is wrong."""
    form = LoginForm()
    if form.validate():
        email = form.email.data.lower()
        user = User.get_or_none(User.email == email)
        try:
            is_right = password_is_right(user, form.password.data, tries.at_login(email, user))
        except TooManyTries as error:
            form.password.errors = [str(error)]
            return tries.refused(error, _log_in_page(form), "login", user)
        if is_right and user is not None:
            if has_second_factor(user):
                return begin_second_step(user)
            audit("login", by=user)
            sessions.log_in(user)
            return see_other(access.next_page())
        # An address that nobody has may be a password typed in the wrong field: it is not kept.
        audit("login", by=user or tries.NOBODY, outcome="refused")
        form.password.errors = [NOT_LOGGED_IN]
    return _log_in_page(form), 422


def _log_in_page(form: LoginForm) -> str:
    return render_template("auth/login.html", form=form)


@bp.post("/logout")
@access.signed_in
def logout() -> ResponseReturnValue:
    """End the session. Its cookie is worthless from now on, whoever has a copy."""
    if not LogoutForm().validate():
        abort(400)
    audit("logout", by=g.user)
    sessions.current().end()
    flash("You are logged out.", "info")
    response = see_other(url_for("auth.login"))
    # Pictures of units are kept by the browser; the next person at it has no right to them.
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@bp.get("/confirm")
@access.signed_in
def confirm() -> ResponseReturnValue:
    """Ask for the login password before something that matters."""
    return render_template("auth/confirm.html", form=ConfirmForm())


@bp.post("/confirm")
@access.signed_in
def confirmed() -> ResponseReturnValue:
    """Note that the password was typed, and go on where the user was."""
    form = ConfirmForm()

    def page() -> str:
        return render_template("auth/confirm.html", form=form)

    if not form.validate():
        return page(), 422
    if (refusal := tries.not_confirmed(form.password, "confirm", page)) is not None:
        return refusal
    audit("confirm", by=g.user)
    sessions.confirm()
    return see_other(access.next_page())


@bp.post("/theme")
@access.signed_in
def theme() -> ResponseReturnValue:
    """Keep the user's choice of light or dark."""
    form = ThemeForm()
    if not form.validate():
        abort(422)
    User.update(theme=form.theme.data).where(User.id == g.user.id).execute()
    return leave_to(access.place_to_return() or url_for("units.start"))
