"""Moving things that stand in an order: one place by a button, or anywhere by hand.

A drop says the whole place, so it is one request. What was dropped into an order that is not the
one on the screen any more is not moved: the page comes back with the order as it is.
"""

from collections.abc import Callable

from flask import Response, abort, g, make_response, request

from .. import db
from ..models import StaleRevision, changing, move_to, place_of, revision_of
from ..models.places import Placed
from . import news
from .forms_content import ConfirmForm
from .htmx import is_htmx, see_other, take_place

_STEPS = {"up": -1, "down": 1}


def number(name: str) -> int | None:
    """Return a number of the form that is a place; None if there is none."""
    text = request.form.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def move(table: Placed, uid: str, action: str, name: str, home: str) -> Response:
    """Give a row the place that the form asks for, and lead *home*; raise `StaleRevision`."""
    revision = ConfirmForm().revision_number()
    step, place = _STEPS.get(request.form.get("direction", "")), number("place")
    if step is None and place is None:
        abort(422, "Use one of the arrows.")
    with changing(g.unit, action, by=g.user, revision=revision, subject=name):
        if step is not None:
            place = (place_of(g.unit, table, uid) or 0) + step
        else:
            place = (number("offset") or 0) + (place or 0)
        move_to(g.unit, table, uid, place)
    return see_other(home)


def stale(error: StaleRevision, page: Callable[[str], str]) -> Response:
    """Refuse a move with 409 and the page of the true order, which tells why."""
    with db.read_snapshot():
        g.unit.revision = revision_of(g.unit)
        happened = "The unit was changed meanwhile."
        if error.revision is not None:
            happened = news.sentence_since(g.unit, error.revision)
        response = make_response(page(f"{happened} Nothing was moved: this is the order now."), 409)
    return take_place(response, "main") if is_htmx() else response
