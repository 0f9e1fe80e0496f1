"""Invites: a link that is shown once, works once and for a week, and makes somebody a member."""

import hashlib
import secrets
import time
from functools import partial

import peewee

from ..db import write_transaction
from .accounts import Invite, Membership, Unit, User
from .changes import audit
from .enums import Role
from .people import NotAdmin, PeopleError, checked_email, create_user, role_of, set_role

VALID_SECONDS = 7 * 24 * 3600
OPEN_MAX = 100  # of one unit at a time


class InviteGone(Exception):
    """A link that does not work: never made, used, withdrawn or too old. Which, nobody is told."""


def invite(unit: Unit, email: str, role: Role, *, by: User) -> tuple[Invite, str]:
    """Make an invite and its token, which nobody can learn again; an earlier one of *email* ends.

    Raise `NotAdmin` if *by* is no admin by now, `PeopleError` if *email* is no address or that of
    a member, or if too many invites of the unit are open.
    """
    email, now = checked_email(email), int(time.time())
    token = secrets.token_urlsafe(32)
    with write_transaction():
        if role_of(by, unit) is not Role.ADMIN:
            raise NotAdmin("You are no admin of this unit any more. Nothing was changed.")
        if is_member(unit, email):
            raise PeopleError(f"{email} is a member of this unit already.")
        of_unit = Invite.unit == unit
        ended = (Invite.email == email) | (Invite.expires_at <= now)
        Invite.delete().where(of_unit & ended).execute()
        if Invite.select().where(of_unit).count() >= OPEN_MAX:
            raise PeopleError(f"{OPEN_MAX} invites are open. Withdraw some first.")
        made = Invite.create(
            uid=secrets.token_hex(16),
            unit=unit,
            email=email,
            role=role,
            token_hash=_hash(token),
            invited_by=by,
            created_at=now,
            expires_at=now + VALID_SECONDS,
        )
        audit("invite.create", by=by, unit=unit, subject=email, role=role)
    return made, token


def is_member(unit: Unit, email: str) -> bool:
    """Return whether somebody with this address is a member of *unit*."""
    same = (Membership.unit == unit) & (User.email == email)
    return bool(Membership.select().join(User).where(same).exists())


def open_invites(unit: Unit) -> list[Invite]:
    """Return the invites of *unit* that still work, the newest first."""
    rows = _working().where(Invite.unit == unit)
    return list(rows.order_by(Invite.created_at.desc(), Invite.id.desc()))


def withdraw(unit: Unit, uid: str, *, by: User) -> str:
    """End an open invite of *unit* and return whose it was; raise `InviteGone` if it is none."""
    with write_transaction():
        if role_of(by, unit) is not Role.ADMIN:
            raise NotAdmin("You are no admin of this unit any more. Nothing was changed.")
        found: Invite | None = _working().where((Invite.unit == unit) & (Invite.uid == uid)).first()
        if found is None:
            raise InviteGone
        Invite.delete().where(Invite.id == found.id).execute()
        audit("invite.withdraw", by=by, unit=unit, subject=found.email)
    return str(found.email)


def find(token: str) -> Invite:
    """Return the open invite that *token* belongs to, with its unit and who made it."""
    found: Invite | None = _working().where(Invite.token_hash == _hash(token)).first()
    if found is None:
        raise InviteGone
    return found


def accept(token: str, user: User) -> Invite:
    """Make *user*, whose address the invite names, a member. A role that he has already stays."""
    with write_transaction():
        found = find(token)
        if user.email != found.email:
            raise InviteGone
        Invite.delete().where(Invite.id == found.id).execute()
        note = partial(audit, by=user, unit=found.unit, subject=user.email)
        if role_of(user, found.unit) is None:
            set_role(user, found.unit, Role(found.role))
            note("member.join", role=found.role, invited_by=found.invited_by.email)
        else:
            note("member.join", outcome="refused", reason="was a member already")
    return found


def accept_as_new(token: str, name: str, password: str) -> tuple[Invite, User]:
    """Create the user whom the invite names, and make that user a member."""
    with write_transaction():
        found = find(token)
        user = create_user(found.email, name, password)
        audit("user.create", by=user, unit=found.unit, subject=user.email)
        return accept(token, user), user


def _working() -> "peewee.ModelSelect[Invite]":
    """Select what still works: young enough, and made by somebody who is an admin now."""
    made_by = (Membership.user == Invite.invited_by) & (Membership.unit == Invite.unit)
    return (
        Invite.select(Invite, Unit, User)
        .join(Unit)
        .switch(Invite)
        .join(User)
        .switch(Invite)
        .join(Membership, on=made_by)
        .where(Membership.role == Role.ADMIN, User.is_active, Invite.expires_at > int(time.time()))
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
