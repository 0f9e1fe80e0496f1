"""What guessing costs: every password or code that is typed has to get through gates first."""

import ipaddress
from collections.abc import Callable

from flask import Response, g, make_response, request
from wtforms import Field

from ..models import User, audit
from ..models.people import TooManyLogIns, is_password
from ..models.second_factor import is_recovery_code
from ..models.throttle import TooManyTries, Try, is_worth_a_note, trying
from . import known_browsers

NOBODY = "unknown address"
NOT_CONFIRMED = "This is not your login password. Try again."


def at_login(email: str, user: User | None) -> Try:
    """Return the gates of a log-in as *email*, which is *user*'s or nobody's."""
    number = known_browsers.known_to(user)
    if number is not None:
        return trying(browser=number)
    return trying(account=email, address=_network(request.remote_addr or ""))


def confirming(user: User) -> Try:
    """Return the gate of the password typed again."""
    return trying(confirm=str(user.id))


def code_of(user: User, typed: str) -> Try:
    """Return the gate of a second factor's code; for a recovery code, which no guess hits, none."""
    return trying() if is_recovery_code(typed) else trying(code=str(user.id))


def wrong_code_is_worth_a_note(user: User, typed: str) -> bool:
    """Return whether a wrong code is audited: a recovery code, which has no gate, not each time."""
    return not is_recovery_code(typed) or is_worth_a_note(f"recovery code\0{user.id}")


def password_is_right(user: User | None, password: str, guess: Try) -> bool:
    """Return whether *password* is the user's.

    Raise `TooManyTries` or `TooManyLogIns` without looking at it.
    """
    guess.take()
    try:
        is_right = is_password(user, password)
    except TooManyLogIns:
        guess.give_back()
        raise
    if is_right:
        guess.give_back()
    return is_right


def not_confirmed(typed: Field, action: str, page: Callable[[], str]) -> Response | None:
    """Return None if *typed* is the password of who is logged in, else the answer.

    The answer is *page*, made once the field says what is wrong; *action* is audited as refused.
    """
    try:
        if password_is_right(g.user, typed.data, confirming(g.user)):
            return None
    except TooManyTries as error:
        typed.errors = [str(error)]
        return refused(error, page(), action, g.user)
    audit(action, by=g.user, subject=g.user.email, outcome="refused")
    typed.errors = [NOT_CONFIRMED]
    return make_response(page(), 422)


def refused(error: TooManyTries, page: str, action: str, user: User | None) -> Response:
    """Answer with *page*, which says *error*, and with when to come again."""
    who = user or NOBODY
    if is_worth_a_note(f"{action}\0{user.id if user else _network(request.remote_addr or '')}"):
        audit(action, by=who, outcome="refused", reason="too many tries")
    response = make_response(page, 429)
    response.headers["Retry-After"] = str(error.seconds)
    return response


def _network(address: str) -> str:
    """Return what one guesser has of addresses: one of IPv4, a /64 of IPv6."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False))
