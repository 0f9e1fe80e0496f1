"""The audit log as a chain: an event changed, added, moved or missing is noticed.

Every event carries the tag of the one before it, and its own tag over that and all it says. The
installation remembers number and tag of the last event under a seal, so that an end cut off is
noticed too. Tags and seal need the server key: who has only the database cannot make them. Not
noticed is a database put back as a whole; for that, note the head that `verify` gives elsewhere.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..db import read_snapshot, stored_rows, write_transaction
from ..vault import vault
from .accounts import Installation
from .operations import AuditEvent

# What a tag covers, in this order: everything but the number, which `previous` makes certain.
TAGGED = (
    AuditEvent.previous,
    AuditEvent.at,
    AuditEvent.unit_uid,
    AuditEvent.unit_name,
    AuditEvent.user_email,
    AuditEvent.action,
    AuditEvent.subject,
    AuditEvent.outcome,
    AuditEvent.detail,
)
BATCH_EVENTS = 1_000
HEAD = (Installation.audit_events, Installation.audit_tag, Installation.audit_seal)


def append(**columns: object) -> None:
    """Add an event with *columns* at the end, inside the caller's transaction if there is one."""
    with write_transaction():  # before the head is read: nobody else can add to it meanwhile
        number, previous, seal = _head()
        is_sound = seal == seal_of(number, previous)
        number += 1
        tag = _tag([previous, *(columns[field.name] for field in TAGGED[1:])])
        AuditEvent.insert(id=number, previous=previous, tag=tag, **columns).execute()
        # A head that somebody tampered with gets no new seal: that would hide it.
        seal = seal_of(number, tag) if is_sound else ""
        Installation.update(audit_events=number, audit_tag=tag, audit_seal=seal).execute()


def seal_of(events: int, tag: str) -> str:
    """Return the seal of a log that ends with event number *events*, which has *tag*."""
    return vault.tag(b"audit head", f"{events} {tag}".encode())


def _head() -> tuple[int, str, str]:
    ((events, tag, seal),) = stored_rows(Installation.select(*HEAD))
    return events, tag, seal


def _tag(values: list[object]) -> str:
    return vault.tag(b"audit event", json.dumps(values, separators=(",", ":")).encode())


class Fault(StrEnum):
    """What can be wrong with the chain."""

    CHANGED = "changed"
    MISSING = "missing"
    REORDERED = "reordered"
    CUT_OFF = "cut_off"
    HEAD = "head"


SENTENCES = {
    Fault.CHANGED: "Event {row} was changed, or was not written by this server.",
    Fault.MISSING: "Event {row} is missing.",
    Fault.REORDERED: "Event {row} did not follow the one before: events were moved or taken out.",
    Fault.CUT_OFF: "The log is cut off at its end: event {row} and what followed is missing.",
    Fault.HEAD: "The record of where the log ends was changed. The events up to {row} are whole.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What `verify` found: how many events are whole from the first on, and the first fault."""

    events: int
    head: str  # tag of the last whole event
    fault: Fault | None = None
    row: int | None = None

    @property
    def sentence(self) -> str:
        """Return what is wrong, in words; empty if nothing is."""
        return SENTENCES[self.fault].format(row=self.row) if self.fault else ""


def verify() -> Finding:
    """Check the log from its first event to its head, in constant memory."""
    with read_snapshot():
        whole, tag = 0, ""
        for number, values, own_tag in _events():
            fault = _fault(number, values, own_tag, whole + 1, tag)
            if fault is not None:
                row = whole + 1 if fault is Fault.MISSING else number
                return Finding(whole, tag, fault, row)
            whole, tag = number, own_tag
        events, last, seal = _head()
    if seal != seal_of(events, last) or events < whole:
        return Finding(whole, tag, Fault.HEAD, whole)
    if events > whole:
        return Finding(whole, tag, Fault.CUT_OFF, whole + 1)
    return Finding(whole, tag) if last == tag else Finding(whole, tag, Fault.HEAD, whole)


def _fault(
    number: int, values: list[object], tag: object, expected: int, previous: str
) -> Fault | None:
    if number > expected:
        return Fault.MISSING
    try:
        is_ours = number == expected and _tag(values) == tag
    except TypeError:  # a value of a type that JSON has no word for
        is_ours = False
    if not is_ours:
        return Fault.CHANGED
    return None if values[0] == previous else Fault.REORDERED


def _events() -> Iterator[tuple[int, list[object], Any]]:
    """Yield (number, tagged values, tag) of all events in order, as the database holds them."""
    query = AuditEvent.select(AuditEvent.id, *TAGGED, AuditEvent.tag).order_by(AuditEvent.id)
    rows = stored_rows(query.limit(BATCH_EVENTS))
    while rows:
        for number, *values, tag in rows:
            yield number, values, tag
        rows = stored_rows(query.where(AuditEvent.id > rows[-1][0]).limit(BATCH_EVENTS))
