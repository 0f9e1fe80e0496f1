"""Whether the admin who asked for an import still may, asked while it is about to wipe.

The request was guarded when it came. Until the import has the write lock a role may be
taken away, a user disabled, a session or token ended: each of them has to win over an import that
waits.
"""

import time
from collections.abc import Callable

from flask import g

from ..backup.errors import NoLongerAllowed
from ..models import Role, Session, Unit, User, people, second_factor, tokens
from . import bearer, sessions


def import_permit() -> Callable[[], None]:
    """Return the question for the import that this request asks for.

    It is asked in another thread, without the request, and reads the database each time.
    """
    row, token, pressed_at = sessions.current().row, bearer.token(), int(time.time())
    session_uid = row.uid if row is not None else ""
    user, unit = g.user, g.unit

    def still_allowed() -> None:
        _require_admin(user, unit)
        if token is not None:
            _require_token(token.uid)
        else:
            _require_session(session_uid, user, pressed_at)

    return still_allowed


def _require_admin(user: User, unit: Unit) -> None:
    now: User | None = User.get_or_none(User.id == user.id)
    if now is None or not now.is_active:
        raise NoLongerAllowed("Your account was disabled")
    if people.role_of(now, unit) is not Role.ADMIN:
        raise NoLongerAllowed("You stopped being an admin of this unit")
    if second_factor.is_missing(now, Unit.get_by_id(unit.id), Role.ADMIN):
        raise NoLongerAllowed("This unit began to ask its admins for a second factor")


def _require_token(uid: str) -> None:
    if not tokens.still_works(uid):
        raise NoLongerAllowed("The access token was revoked or ran out")


def _require_session(uid: str, user: User, pressed_at: int) -> None:
    found: Session | None = Session.get_or_none(
        (Session.uid == uid) & (Session.user == user) & (Session.expires_at > int(time.time()))
    )
    if found is None:
        raise NoLongerAllowed("You were logged out")
    fresh_until = found.fresh_at + sessions.FRESH_SECONDS + sessions.PREVIEW_GRACE_SECONDS
    if fresh_until <= pressed_at:
        raise NoLongerAllowed("Your login was not fresh any more")
