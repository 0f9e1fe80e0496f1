"""What a unit's state is at one moment, to see that a refusal changed nothing."""

from dashboard.models import UNIT_STATE, Unit


def state_of(unit):
    """Return every row of the unit's state and its revision, comparable."""
    rows = {
        table.__name__: sorted(repr(row) for row in table.of(unit).tuples()) for table in UNIT_STATE
    }
    return rows | {"revision": revision(unit)}


def revision(unit):
    """Return the unit's revision as it is in the database."""
    return Unit.get_by_id(unit.id).revision


def form(unit, **values):
    """Return the data of a form that was made from the unit as it is now."""
    return {"revision": str(revision(unit)), **values}
