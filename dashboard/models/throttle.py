"""Gates that let only so many tries through: kept in the database, so a restart forgets nothing.

Each gate has a bucket for each key. A try takes one out and a success gives it back, so only
failures cost; the bucket fills up again with time. What is kept of a bucket is the one moment at
which it will be full (the "generic cell rate algorithm"), under a keyed hash of its key.
"""

import time
from dataclasses import dataclass

import peewee

from ..db import BaseModel, write_transaction
from ..vault import vault


@dataclass(frozen=True, slots=True)
class Gate:
    """How many tries at once, and after how long there is one more."""

    capacity: int
    refill_seconds: int


GATES = {
    # Wrong codes of a user's second factor. 3 of a million are right at a time, and 288 a day can
    # be tried: who has the password needs more than two years for an even chance.
    "code": Gate(5, 5 * 60),
    # Wrong login passwords of somebody who is logged in: at most 298 on the first day.
    "confirm": Gate(10, 5 * 60),
}


class Throttle(BaseModel):
    """A bucket that is not full."""

    bucket = peewee.CharField(max_length=64, primary_key=True)
    full_at = peewee.BigIntegerField(index=True)  # seconds since 1970


class TooManyTries(Exception):
    """The bucket is empty. `seconds`: until there is one more try."""

    def __init__(self, seconds: int) -> None:
        minutes = -(-seconds // 60)
        wait = f"{minutes} minutes" if minutes > 1 else "a minute"
        super().__init__(f"There were too many wrong tries. Try again in {wait}.")
        self.seconds = seconds


def take(gate: str, key: str) -> None:
    """Take one try out of the bucket of *key*; raise `TooManyTries` if there is none."""
    rules, now = GATES[gate], int(time.time())
    with write_transaction():  # of many who come at once, each takes one of its own
        Throttle.delete().where(Throttle.full_at <= now).execute()
        found: Throttle | None = Throttle.get_or_none(Throttle.bucket == _bucket(gate, key))
        full_at = (now if found is None else found.full_at) + rules.refill_seconds
        wait = full_at - now - rules.capacity * rules.refill_seconds
        if wait > 0:
            raise TooManyTries(wait)
        if found is None:
            Throttle.create(bucket=_bucket(gate, key), full_at=full_at)
        else:
            Throttle.update(full_at=full_at).where(Throttle.bucket == found.bucket).execute()


def give_back(gate: str, key: str) -> None:
    """Put back what a try took that was no failure."""
    less = Throttle.full_at - GATES[gate].refill_seconds
    Throttle.update(full_at=less).where(Throttle.bucket == _bucket(gate, key)).execute()


def _bucket(gate: str, key: str) -> str:
    return vault.tag(b"throttle", f"{gate} {key}".encode())
