"""Reading rows without making objects of them."""

from collections.abc import Iterator
from typing import Any


def tuples(query: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a Peewee *query* as tuples, holding none of them."""
    yield from query.tuples().iterator()
