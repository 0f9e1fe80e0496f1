"""Units: which the token reaches, and how they stand."""

from flask import g

from ...models import Membership, Role, Unit
from ...models.tokens import Scope
from .. import bearer
from . import answers
from .operations import operation
from .shapes import Status, UnitName, Units


@operation("GET", "/units", scope=Scope.STATUS, gives=Units)
def units() -> Units:
    """List the units that the token reaches.

    Those of which its user is an admin now, or the one that it was made for.
    """
    is_admin = (Membership.user == g.user) & (Membership.role == Role.ADMIN)
    mine = Unit.select().join(Membership).where(is_admin).order_by(Unit.slug)
    names = [UnitName(unit.slug, unit.name) for unit in mine if bearer.reaches(unit)]
    return Units(names, [Scope(word) for word in g.token.scopes.split()])


@operation("GET", "/units/<slug>", scope=Scope.STATUS, gives=Status)
def status(slug: str) -> Status:
    """Tell how a unit stands: its rows, last backup, what runs, and what an undo would undo."""
    return answers.status_of(g.unit)
