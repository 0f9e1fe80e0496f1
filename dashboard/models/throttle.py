"""How often something may be tried: counted in the database, so that a restart forgets nothing.

Each gate is a leaky bucket for each key (an account, an address). A try fills it by one, time
empties it, and a full bucket refuses. A try is counted before it is known how it ends, so that many
at once get no further than one after the other; what was right is given back. Of a bucket there is
one number, the moment at which it is empty, under a keyed hash: the table tells nobody's address.
"""

import hashlib
import time
from dataclasses import dataclass

from ..db import write_transaction
from ..vault import vault
from .accounts import Throttle

MINUTE = 60


@dataclass(frozen=True, slots=True)
class Gate:
    """*at_once* tries, then one each *seconds*."""

    at_once: int
    seconds: int


GATES = {
    # Log-ins from browsers that the account does not know: 106 wrong passwords on the first day and
    # 96 on each later one. NIST SP 800-63B, 5.2.2 asks for at most 100 in a row.
    "account": Gate(10, 15 * MINUTE),
    # Log-ins from one address, whatever the accounts: more than an office of people who mistype.
    "address": Gate(30, MINUTE),
    # Log-ins from a browser that has logged in to the account before: its owner, mostly.
    "browser": Gate(10, MINUTE),
    # The password typed again by who is logged in.
    "confirm": Gate(10, MINUTE),
    # Codes of a second factor: of a million there are three right ones at a time. After the right
    # password, at 10 at once and 96 a day, it takes a guesser ten years on average.
    "code": Gate(10, 15 * MINUTE),
    # How often the audit log says that tries were refused; a million refusals are a few lines.
    "note": Gate(1, 15 * MINUTE),
}


class TooManyTries(Exception):
    """A gate is shut for *seconds* from now."""

    def __init__(self, seconds: int) -> None:
        minutes = -(-seconds // MINUTE)
        when = "in a minute" if minutes <= 1 else f"in {minutes} minutes"
        super().__init__(f"There were too many tries. Wait, and try again {when}.")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Try:
    """What one try has to get through: gates with their keys."""

    keys: tuple[tuple[str, str], ...]

    def take(self) -> None:
        """Count the try; raise `TooManyTries`, with nothing counted, if a gate is shut."""
        now = int(time.time())
        with write_transaction():
            _tidy(now)
            filled = {_bucket(*key): _one_more(*key, now) for key in self.keys}
            wait = max((wait for _, wait in filled.values()), default=0)
            if wait <= 0:
                for bucket, (empty_at, _) in filled.items():
                    kept = Throttle.insert(bucket=bucket, empty_at=empty_at)
                    kept.on_conflict_replace().execute()
        if wait > 0:
            raise TooManyTries(wait)

    def give_back(self) -> None:
        """Uncount the try: what was typed is right."""
        for name, key in self.keys:
            change = Throttle.update(empty_at=Throttle.empty_at - GATES[name].seconds)
            change.where(Throttle.bucket == _bucket(name, key)).execute()


def trying(**keys: str) -> Try:
    """Return a try at the gates that are named, for the key that each is given."""
    return Try(tuple(keys.items()))


def is_worth_a_note(key: str) -> bool:
    """Return whether a refusal of *key* belongs into the audit log: one in a quarter of an hour."""
    try:
        trying(note=key).take()
    except TooManyTries:
        return False
    return True


def _tidy(now: int) -> None:
    """Forget what is empty. Fuller than full is of a clock that was set back: taken as full."""
    fullest = now + max(gate.at_once * gate.seconds for gate in GATES.values())
    Throttle.delete().where(Throttle.empty_at <= now).execute()
    Throttle.update(empty_at=fullest).where(Throttle.empty_at > fullest).execute()


def _one_more(name: str, key: str, now: int) -> tuple[int, int]:
    """Return when the bucket is empty with one more try in it, and how long that has to wait."""
    gate, bucket = GATES[name], _bucket(name, key)
    found = Throttle.select(Throttle.empty_at).where(Throttle.bucket == bucket).scalar()
    full = now + gate.at_once * gate.seconds
    empty_at = min(max(found or now, now), full) + gate.seconds
    return empty_at, empty_at - full


def _bucket(name: str, key: str) -> str:
    _, secret = vault.key_pair()
    own = hashlib.blake2b(b"throttle", digest_size=32, key=secret).digest()
    return hashlib.blake2b(f"{name}\0{key}".encode(), digest_size=32, key=own).hexdigest()
