"""Rules about organisations, units, users and roles."""

import re
import secrets
import time
import unicodedata
from functools import lru_cache

import nacl.exceptions
import nacl.pwhash
import peewee

from ..db import write_transaction
from .accounts import ApiToken, Invite, Membership, Organisation, Session, Unit, User
from .changes import audit
from .enums import Role
from .passwords import MAX_LENGTH, weakness
from .turns import Turns

HASHES_AT_ONCE = 2  # each takes a processor and 64 MiB
HASHES_WAITING = 4  # a quarter of a second; see `backup.gate` for what is left to others
UNITS_MAX = 1_000  # none of a server's lists is longer
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{1,39}")
EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,189}")


class PeopleError(Exception):
    """A rule about units, users or roles was not kept; the message says what to do."""


class NotAdmin(PeopleError):
    """Who asks for a change was an admin when the page was made, and is none now."""


class MemberChanged(PeopleError):
    """A member has another role by now than the page showed; `role` is None if he is gone."""

    def __init__(self, user: User, role: Role | None) -> None:
        is_now = f"{user.name} is {role.label} by now" if role else f"{user.name} has left the unit"
        super().__init__(f"{is_now}: somebody changed that meanwhile. Nothing was saved.")
        self.role = role


class UnitRenamed(PeopleError):
    """A unit has another name by now than the page showed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The unit is called {name} by now. Nothing was saved.")
        self.name = name


def now_text() -> str:
    """Return the present time as `YYYY-MM-DDTHH:MM:SSZ`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class TooManyLogIns(Exception):
    """More passwords are to be compared or hashed at this moment than may wait for it."""

    retry_after = 2

    def __init__(self) -> None:
        super().__init__("Too many people log in just now. Nothing was done. Try again at once.")


_hashing = Turns(HASHES_AT_ONCE, HASHES_WAITING, TooManyLogIns).turn


def hash_password(password: str) -> str:
    """Return an Argon2id hash of a login *password*."""
    # libsodium's "interactive" cost: 64 MiB, about 0.1 s.
    with _hashing():
        return nacl.pwhash.argon2id.str(password.encode()).decode()


def _hash_of_new(password: str, *about: str) -> str:
    organisations = [found.name for found in Organisation.select(Organisation.name)]
    if (refused := weakness(password, *about, *organisations)) is not None:
        raise PeopleError(refused)
    return hash_password(password)


def is_password(user: User | None, password: str) -> bool:
    """Return whether *password* is the user's, in the same time for an unknown user (None).

    Raise `TooManyLogIns` without looking at it when too many wait.
    """
    stored = user.password_hash if user is not None else _nobodys_hash()
    try:
        with _hashing():
            matches = nacl.pwhash.verify(stored.encode(), password.encode()[: MAX_LENGTH * 4])
    except nacl.exceptions.CryptoError:
        return False
    return matches and user is not None and user.is_active


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    return hash_password(secrets.token_urlsafe(16))


def create_organisation(slug: str, name: str) -> Organisation:
    """Create the organisation that owns everything on this server."""
    _check_slug(slug)
    return Organisation.create(slug=slug, name=_checked_name(name), created_at=now_text())


def create_unit(slug: str, name: str) -> Unit:
    """Create an empty unit; raise `PeopleError` if the slug is bad or taken."""
    _check_slug(slug)
    organisation = _organisation()
    with write_transaction():
        if Unit.select().count() >= UNITS_MAX:
            raise PeopleError(f"A server has at most {UNITS_MAX} units.")
        if Unit.get_or_none(Unit.slug == slug):
            raise PeopleError(f"There is a unit {slug} already. Choose another slug.")
        return Unit.create(
            organisation=organisation,
            uid=secrets.token_hex(16),
            slug=slug,
            name=_checked_name(name),
            created_at=now_text(),
        )


def create_user(email: str, name: str, password: str) -> User:
    """Create a user without any unit; raise `PeopleError` if the address is bad or taken."""
    email = checked_email(email)
    hashed = _hash_of_new(password, email, name)
    organisation = _organisation()
    with write_transaction():
        if User.get_or_none(User.email == email):
            raise PeopleError(f"There is a user {email} already.")
        return User.create(
            organisation=organisation,
            email=email,
            name=_checked_name(name),
            password_hash=hashed,
            created_at=now_text(),
        )


def checked_email(text: str) -> str:
    """Return *text* as e-mail addresses are kept; raise `PeopleError` if it is none."""
    email = text.strip().lower()
    if not EMAIL.fullmatch(email):
        raise PeopleError(f"{email!r} is not an e-mail address.")
    return email


def _organisation() -> Organisation:
    found: Organisation | None = Organisation.select().first()
    if found is None:
        raise PeopleError("There is no organisation yet. Set up this server first.")
    return found


def role_of(user: User, unit: Unit) -> Role | None:
    """Return the user's role in *unit*, read from the database now, or None for an outsider."""
    found = Membership.select(Membership.role).where(_is_member(user, unit)).scalar()
    return Role(found) if found is not None and user.is_active else None


def set_role(user: User, unit: Unit, role: Role | None) -> None:
    """Give *user* the *role* in *unit* (None: take the user out of it).

    Raise `PeopleError` rather than leave the unit without an admin. The open invites of somebody
    who is no admin any more end.
    """
    with write_transaction():
        member = _is_member(user, unit)
        current = Membership.select(Membership.role).where(member).scalar()
        if current == Role.ADMIN and role is not Role.ADMIN:
            if _admins(unit) <= 1:
                raise PeopleError("A unit needs an admin. Make somebody else admin first.")
            Invite.delete().where((Invite.unit == unit) & (Invite.invited_by == user)).execute()
        if role is None:
            Membership.delete().where(member).execute()
        elif current is None:
            Membership.create(user=user, unit=unit, role=role)
        else:
            Membership.update(role=role).where(member).execute()


def change_role(user: User, unit: Unit, role: Role | None, *, by: User, seen: Role) -> None:
    """Let admin *by* give the member *user* the *role*, or take the member out (None).

    Raise `NotAdmin` if *by* is no admin by now, `MemberChanged` if *user* has not the role any more
    that *by* has *seen*, and `PeopleError` rather than leave the unit without an admin. All of it
    is asked within the transaction: of two admins who demote each other, one is first.
    """
    with write_transaction():
        if role_of(by, unit) is not Role.ADMIN:
            raise NotAdmin("You are no admin of this unit any more. Nothing was changed.")
        current = Membership.select(Membership.role).where(_is_member(user, unit)).scalar()
        if current != seen:
            raise MemberChanged(user, Role(current) if current is not None else None)
        if role is current:
            return
        set_role(user, unit, role)
        if role is None:
            audit("member.remove", by=by, unit=unit, subject=user.email, was=str(seen))
        else:
            audit("member.role", by=by, unit=unit, subject=user.email, role=role, was=str(seen))


def _is_member(user: User, unit: Unit) -> peewee.Expression:
    return (Membership.user == user) & (Membership.unit == unit)


def _admins(unit: Unit) -> int:
    admins = (
        Membership.select()
        .join(User)
        .where((Membership.unit == unit) & (Membership.role == Role.ADMIN) & User.is_active)
    )
    return int(admins.count())


def set_password(user: User, password: str, *, by: User | str = "") -> None:
    """Change the login password; end every session and access token of the user.

    The user does it unless *by* does.

    Raise `PeopleError` if the password is too short or easily guessed.
    """
    hashed = _hash_of_new(password, user.email, user.name)
    with write_transaction():
        User.update(password_hash=hashed).where(User.id == user.id).execute()
        Session.delete().where(Session.user == user).execute()
        ApiToken.delete().where(ApiToken.user == user).execute()
        audit("user.password", by=by or user, subject=user.email)
    user.password_hash = hashed


def rename_unit(unit: Unit, name: str, *, by: User, seen: str) -> None:
    """Give *unit* the *name*; raise `UnitRenamed` if it is not called *seen* any more."""
    with write_transaction():
        if role_of(by, unit) is not Role.ADMIN:
            raise NotAdmin("You are no admin of this unit any more. Nothing was changed.")
        current = Unit.select(Unit.name).where(Unit.id == unit.id).scalar()
        if current != seen:
            raise UnitRenamed(current)
        name = _checked_name(name)
        if name == current:
            return
        Unit.update(name=name).where(Unit.id == unit.id).execute()
        unit.name = name
        audit("unit.rename", by=by, unit=unit, subject=name, was=seen)


def is_named(unit: Unit, typed: str) -> bool:
    """Return whether *typed* is the name of *unit*, as far as anybody can see.

    One keyboard writes é as one character and another as two, and a row of spaces looks like one.
    """
    return _as_seen(typed) == _as_seen(unit.name)


def _as_seen(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split())


def _check_slug(slug: str) -> None:
    if not SLUG.fullmatch(slug):
        raise PeopleError(
            "A slug has 2 to 40 characters: lower-case letters, digits and hyphens, "
            "and begins with a letter or digit."
        )


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 120 or any(ord(c) < 32 or ord(c) == 127 for c in name):
        raise PeopleError("A name has 1 to 120 characters, without line breaks.")
    return name
