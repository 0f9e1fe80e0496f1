"""Access tokens: what a script shows instead of a log-in, and what it may do with it.

A token gives never more than its user has at the moment of the request, and of that only its
scopes, in one unit or in all. The text is shown once; the row keeps its SHA-256. It has 256 random
bits, so nobody guesses one: no wrong one is counted, and looking for it costs one index.
"""

import hashlib
import secrets
import time
from contextlib import suppress
from enum import StrEnum

import peewee

from ..db import DatabaseError, write_transaction
from .accounts import ApiToken, Unit, User
from .changes import audit
from .enums import Role
from .people import NotAdmin, PeopleError, role_of

PREFIX = "dbt_"  # by which scanners for secrets know one
TOKENS_MAX = 20  # of one user
DAYS_MAX, DAYS = 366, 90
DAY_SECONDS = 24 * 3600
NAME_MAX = 60
# How exactly the last use is known: people who look must not queue behind an import for it.
TOUCH_SECONDS = 10 * 60


class Scope(StrEnum):
    """One thing that a token may be used for; none has another in it."""

    STATUS = "status"
    EXPORT = "export"
    VALIDATE = "validate"
    IMPORT = "import"
    UNDO = "undo"

    @property
    def label(self) -> str:
        """Return the words shown on screens."""
        return _LABELS[self]


_LABELS = {
    Scope.STATUS: "Status: see how the unit stands",
    Scope.EXPORT: "Export: make backups and download them",
    Scope.VALIDATE: "Validate: upload backups and see what an import would do",
    Scope.IMPORT: "Import: replace the unit's state by a validated backup",
    Scope.UNDO: "Undo: bring back the state before the last import",
}


class TokenGone(Exception):
    """The user has no such token (any more)."""


def make(
    user: User, name: str, scopes: list[Scope], unit: Unit | None, days: int
) -> tuple[ApiToken, str]:
    """Make a token of *user*, and the text of it, which nobody can learn again.

    It is good for *unit*, or for every unit (None). Raise `PeopleError` if the user has too many,
    and `NotAdmin` if he is no admin of *unit* by now.
    """
    if not scopes or not 1 <= days <= DAYS_MAX or not 1 <= len(name) <= NAME_MAX:
        raise PeopleError(f"A token has a name, a scope, and an end within {DAYS_MAX} days.")
    secret, now = PREFIX + secrets.token_urlsafe(32), int(time.time())
    with write_transaction():
        if unit is not None and role_of(user, unit) is not Role.ADMIN:
            raise NotAdmin("You are no admin of this unit any more. Nothing was made.")
        ApiToken.delete().where((ApiToken.user == user) & (ApiToken.expires_at <= now)).execute()
        if ApiToken.select().where(ApiToken.user == user).count() >= TOKENS_MAX:
            raise PeopleError(f"You have {TOKENS_MAX} access tokens. Revoke one first.")
        made = ApiToken.create(
            uid=secrets.token_hex(16),
            user=user,
            name=name,
            token_hash=_hash(secret),
            scopes=" ".join(sorted(scopes)),
            unit=unit,
            created_at=now,
            expires_at=now + days * DAY_SECONDS,
        )
        where = unit.slug if unit is not None else "every unit"
        audit("token.create", by=user, subject=made.label, scopes=made.scopes, valid_in=where)
    return made, secret


def of_user(user: User) -> list[ApiToken]:
    """Return the tokens of *user* that still work, the newest first."""
    mine = _working().where(ApiToken.user == user)
    return list(mine.order_by(ApiToken.created_at.desc(), ApiToken.id.desc()))


def revoke(user: User, uid: str) -> str:
    """End the token *uid* of *user* and return its name; raise `TokenGone` if there is none."""
    with write_transaction():
        found: ApiToken | None = ApiToken.get_or_none(ApiToken.user == user, ApiToken.uid == uid)
        if found is None:
            raise TokenGone
        found.delete_instance()
        audit("token.revoke", by=user, subject=found.label)
    return str(found.name)


def find(secret: str) -> ApiToken | None:
    """Return the token whose text is *secret*, with its user, if both are good now."""
    if not secret.startswith(PREFIX):
        return None
    found: ApiToken | None = _working().where(ApiToken.token_hash == _hash(secret)).first()
    return found


def still_works(uid: str) -> bool:
    """Return whether the token *uid* and its user are good now."""
    return bool(_working().where(ApiToken.uid == uid).exists())


def note_use(token: ApiToken) -> None:
    """Write down that *token* was used, unless that is known, or the database busy."""
    now = int(time.time())
    if token.last_used_at is not None and token.last_used_at + TOUCH_SECONDS > now:
        return
    with suppress(DatabaseError), write_transaction(wait_seconds=0):
        ApiToken.update(last_used_at=now).where(ApiToken.id == token.id).execute()


def _working() -> "peewee.ModelSelect[ApiToken]":
    now = int(time.time())
    rows = ApiToken.select(ApiToken, User).join(User)
    return rows.where(User.is_active, ApiToken.expires_at > now)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
