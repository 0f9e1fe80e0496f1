"""Long lists of named things: a search in their names, a page at a time."""

from dataclasses import dataclass
from typing import Any

from flask import request

from ..models import order_of
from ..models.places import Placed

PAGE_ROWS = 100
WANTED_MAX = 120


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list, and where in it they are."""

    rows: list[Any]
    number: int  # from 1
    total: int  # rows of all pages
    wanted: str  # what the names were searched for

    @property
    def offset(self) -> int:
        """Return how many rows come before this page."""
        return (self.number - 1) * PAGE_ROWS

    @property
    def pages(self) -> int:
        """Return how many pages there are; an empty list has one."""
        return max(1, -(-self.total // PAGE_ROWS))


def page_of(table: Placed, query: Any) -> Page:
    """Return the page that the address asks for (`q`, `page`) of *query*, in its table's order."""
    wanted = request.args.get("q", "").strip()[:WANTED_MAX]
    if wanted:
        query = query.where(table.name.contains(wanted))
    total = query.count()
    last = max(1, -(-total // PAGE_ROWS))
    number = min(max(request.args.get("page", 1, type=int), 1), last)
    rows = query.order_by(*order_of(table)).paginate(number, PAGE_ROWS)
    return Page(list(rows), number, total, wanted)
