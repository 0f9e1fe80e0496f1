"""Forms whose answer is shown once: sent again by a reload of that answer, they do nothing more."""

import secrets

from flask import request

from . import sessions

_FIELD = "once"
_SPENT = "spent_forms"  # in the session: of the last forms that were answered
_REMEMBERED = 20


def form_number() -> str:
    """Return what tells this copy of a form from all others, for its field `once`; no secret."""
    return secrets.token_urlsafe(9)


def is_repeated() -> bool:
    """Return whether this very copy of the form was answered before."""
    return request.form.get(_FIELD, "") in sessions.current().get(_SPENT, [])


def note_answered() -> None:
    """Remember that the form of this request was answered."""
    number = request.form.get(_FIELD, "")[:20]
    if number:
        here = sessions.current()
        here[_SPENT] = [*here.get(_SPENT, []), number][-_REMEMBERED:]
