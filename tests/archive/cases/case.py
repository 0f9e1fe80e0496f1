"""One test vector: a name, what a reader must say, and how the file is made."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.archive.second_writer import PASSWORD, Maker


@dataclass(frozen=True)
class Case:
    name: str
    kind: str
    why: str
    make: Callable[[Maker], bytes]
    password: str = PASSWORD
