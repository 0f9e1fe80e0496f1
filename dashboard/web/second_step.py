"""The second page of the log-in: the code, after the right password of who has a second factor.

Between the two the session belongs to nobody and gives no right. It remembers for 5 minutes whose
password was typed, and nothing of that if the password is changed meanwhile.
"""

import hashlib
import time

from flask import Blueprint, Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ..models import User, audit
from ..models.second_factor import WrongCode, has_second_factor, recovery_codes_left, take_code
from ..models.throttle import TooManyTries
from . import access, sessions, tries
from .forms_account import LoginCodeForm
from .htmx import leave_to, see_other

bp = Blueprint("second_step", __name__)

STEP_SECONDS = 5 * 60
_KEPT = "second_step"
NOT_THE_CODE = "the password was right, not the code"


def begin(user: User) -> Response:
    """Remember that *user* has just proven the login password, and ask for the code."""
    here = sessions.current()
    here.end()
    here[_KEPT] = [user.id, _proof(user), int(time.time()) + STEP_SECONDS]
    return see_other(url_for("second_step.ask", next=access.own_page(request.args.get("next"))))


def _proof(user: User) -> str:
    """Return what the password was: another one, and the step has to begin again."""
    return hashlib.sha256(user.password_hash.encode()).hexdigest()


def _waiting() -> User | None:
    """Return whose code is waited for."""
    number, proof, until = sessions.current().get(_KEPT) or (None, "", 0)
    user: User | None = User.get_or_none((User.id == number) & User.is_active)
    is_open = user is not None and _proof(user) == proof and until > time.time()
    return user if is_open else None


@bp.get("/login/code")
@access.public
def ask() -> ResponseReturnValue:
    """Ask for the code."""
    if sessions.user() is not None:
        return leave_to(access.next_page())
    if _waiting() is None:
        return _again()
    return render_template("auth/code.html", form=LoginCodeForm())


@bp.post("/login/code")
@access.public
def check() -> ResponseReturnValue:
    """Begin a session for who typed the password and now the code."""
    user = _waiting()
    if user is None:
        return _again()
    form = LoginCodeForm()
    if form.validate():
        guess = tries.code_of(user, form.code.data)
        try:
            guess.take()
            answer = _let_in(user, form.code.data)
        except TooManyTries as error:
            form.code.errors = [f"{error} A recovery code is taken at once."]
            page = render_template("auth/code.html", form=form)
            return tries.refused(error, page, "login", user)
        except WrongCode as error:
            if tries.wrong_code_is_worth_a_note(user, form.code.data):
                audit("login", by=user, outcome="refused", reason=NOT_THE_CODE)
            form.code.errors = [str(error)]
        else:
            guess.give_back()
            return answer
    return render_template("auth/code.html", form=form), 422


def _let_in(user: User, typed: str) -> Response:
    # It may have been switched off meanwhile, by the operator: then the password is enough.
    by_recovery = has_second_factor(user) and take_code(user, typed)
    audit("login", by=user, by_recovery_code="yes" if by_recovery else "")
    sessions.log_in(user)
    if by_recovery:
        left = recovery_codes_left(user)
        flash(f"You used a recovery code; {left} are left. Your account has new ones.", "warning")
    return see_other(access.next_page())


def _again() -> Response:
    if _KEPT in sessions.current():
        del sessions.current()[_KEPT]
        flash("The code has to follow the password within 5 minutes. Log in once more.", "info")
    return leave_to(url_for("auth.login", next=access.own_page(request.args.get("next"))))
