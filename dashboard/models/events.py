"""Reading the audit log: what was asked for, the newest first, whatever its length."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import peewee

from .accounts import Installation, Membership, Unit, User
from .operations import AuditEvent

BATCH_EVENTS = 2_000
# What tells somebody that another person uses, or tries to use, his account.
ABOUT_ACCOUNT = (
    "login",
    "confirm",
    "session.end",
    "second_factor.codes",
    "second_factor.off",
    "second_factor.on",
    "token.create",
    "token.revoke",
    "user.disable",
    "user.enable",
    "user.password",
)
# How far back they are looked for: a page must not walk through a log of years.
ACCOUNT_EVENTS_SEARCHED = 20_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: all conditions hold together, an empty one always."""

    unit: Unit | None = None  # its own, and the log-ins of those who are its members now
    actions: tuple[str, ...] = ()
    outcome: str = ""
    who: str = ""  # part of the address
    since: int | None = None  # seconds since 1970, this one included
    until: int | None = None  # not included

    def conditions(self) -> list[peewee.Expression]:
        """Return what holds for every event, apart from the unit."""
        found = []
        if self.actions:
            found.append(AuditEvent.action.in_(self.actions))
        if self.outcome:
            found.append(AuditEvent.outcome == self.outcome)
        if self.who:
            found.append(AuditEvent.user_email.contains(self.who))
        if self.since is not None:
            found.append(AuditEvent.at >= self.since)
        if self.until is not None:
            found.append(AuditEvent.at < self.until)
        return found


def newest(wanted: Wanted, count: int, *, before: int | None = None) -> list[AuditEvent]:
    """Return the *count* newest events that fit, older than number *before*."""
    conditions = wanted.conditions()
    if before is not None:
        conditions.append(AuditEvent.id < before)
    query = AuditEvent.select().where(*conditions) if conditions else AuditEvent.select()
    newest_first = AuditEvent.id.desc()
    if wanted.unit is None:
        return list(query.order_by(newest_first).limit(count))
    # Two walks along an index; one walk with OR would sort every event of the unit first.
    own = query.where(AuditEvent.unit_uid == wanted.unit.uid)
    logins = query.where(
        AuditEvent.unit_uid == "", AuditEvent.user_email.in_(_members(wanted.unit))
    )
    found = [*own.order_by(newest_first).limit(count), *logins.order_by(newest_first).limit(count)]
    return sorted(found, key=lambda event: -event.id)[:count]


def _members(unit: Unit) -> peewee.Select:
    return User.select(User.email).join(Membership).where(Membership.unit == unit)


def about_account(user: User, count: int) -> list[AuditEvent]:
    """Return the newest events about the account of *user*, whoever did them."""
    end = Installation.select(Installation.audit_events).scalar()
    query = AuditEvent.select().where(
        AuditEvent.id > end - ACCOUNT_EVENTS_SEARCHED,
        AuditEvent.unit_uid == "",
        AuditEvent.action.in_(ABOUT_ACCOUNT),
        (AuditEvent.user_email == user.email) | (AuditEvent.subject == user.email),
    )
    return list(query.order_by(AuditEvent.id.desc()).limit(count))


def every(wanted: Wanted) -> Iterator[AuditEvent]:
    """Yield all events that fit, in constant memory; what comes in meanwhile is not among them."""
    batch = newest(wanted, BATCH_EVENTS)
    while batch:
        yield from batch
        batch = newest(wanted, BATCH_EVENTS, before=batch[-1].id)


def detail_of(event: AuditEvent) -> dict[str, Any]:
    """Return what else is known of *event*. Whatever somebody made of it, the log can be read."""
    try:
        found = json.loads(event.detail)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"detail": event.detail}
