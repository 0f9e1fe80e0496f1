"""Where sessions are kept: a random token in the cookie, everything else in a row of the database.

The row keeps only the token's SHA-256, so a copy of the database opens no session. Logging in and
typing the password again change the token; logging out deletes the row, and a copied cookie is
worthless from then on.
"""

import hashlib
import itertools
import json
import secrets
import time
from typing import Any

from flask import Flask, Request, Response, g, request
from flask.sessions import SessionInterface, SessionMixin
from peewee import JOIN, OperationalError

from ..db import database
from ..models import Session, User
from ..models.accounts import ADDRESS_MAX, USER_AGENT_MAX
from .refusals import PREFIX

ALIVE = "/healthz"  # asked by machines, and answered without the database
IDLE_SECONDS = 12 * 3600
ABSOLUTE_SECONDS = 7 * 24 * 3600
ANONYMOUS_SECONDS = 3600
SESSIONS_MAX = 100  # of one user at a time: more than one has browsers, and few enough to list
# Every visitor of the log-in page gets one for an hour, since its form has a token.
ANONYMOUS_MAX = 20_000
_TIDY_EVERY = 100  # of them: counting costs more than making one
_made = itertools.count(1)
# How exactly idleness is known. A row is not written on every request: while an import holds the
# write lock of SQLite, people who only look must not queue behind it.
TOUCH_SECONDS = 10 * 60


class ServerSession(dict[str, Any], SessionMixin):
    """What one browser told us, and who it is."""

    def __init__(self, row: Session | None = None, *, kept: bool = True):
        super().__init__(json.loads(row.data) if row is not None else {})
        self.row = row
        self.kept = kept  # False: a request that has no use for a session
        self.trouble: Exception | None = None  # why nobody can tell whose session it is
        self.ended = False  # the browser is to forget its cookie
        self.wants_new_token = False
        self.is_visit = True  # False: nobody did this, and it keeps no session alive
        self.user: User | None = row.user if row is not None else None
        self.fresh_at: int = row.fresh_at if row is not None else 0
        self._loaded = self.state()

    def state(self) -> str:
        """Return everything worth saving as text (so that nested changes are noticed too)."""
        return json.dumps([self, self.user.id if self.user else None, self.fresh_at])

    @property
    def changed(self) -> bool:
        """Return whether the row must be written."""
        return self.state() != self._loaded

    def end(self) -> None:
        """Forget everything, in the database first."""
        if self.row is not None:
            Session.delete().where(Session.token_hash == self.row.token_hash).execute()
            self.ended = True
        self.row, self.user, self.fresh_at = None, None, 0
        self.clear()


class ServerSessions(SessionInterface):
    """Loads and saves `ServerSession` rows. Static files never touch the database."""

    def open_session(self, app: Flask, request: Request) -> ServerSession:
        """Find the row that the cookie names; without a valid one this is a new session."""
        if request.path == ALIVE or request.path.startswith(f"{app.static_url_path}/"):
            return ServerSession(kept=False)
        if request.path.startswith(PREFIX):  # scripts: no cookie of theirs is looked at
            return _without_session()
        token = request.cookies.get(self.get_cookie_name(app))
        try:
            open_connection()
            row = _find(token) if token else None
            return ServerSession(row)
        except Exception as error:
            # A request without a session has no error page, and no answer of it the headers that
            # all have: the guard raises this.
            broken = ServerSession(kept=False)
            broken.trouble = error
            return broken

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write the row if it changed; set the cookie when the token is new."""
        if not isinstance(session, ServerSession) or not session.kept:
            return
        now = int(time.time())
        if session.row is not None:
            token = _update(session, session.row, now)
        elif session or session.user is not None:
            token = _create(session, now)
        else:
            # A cookie that no row knows is let be: another request, just answered, may have
            # changed the token, and its new cookie must not be taken back.
            token = "" if session.ended else None
        if token is not None:
            # Signed in: the cookie may outlive the browser's window; the row decides anyway.
            age = ABSOLUTE_SECONDS if session.user is not None else None
            self._set_cookie(app, response, token, age if token else 0)

    def _set_cookie(self, app: Flask, response: Response, token: str, age: int | None) -> None:
        response.set_cookie(
            self.get_cookie_name(app),
            token,
            max_age=age,
            path="/",
            secure=self.get_cookie_secure(app),
            httponly=True,
            samesite="Lax",
        )


def _without_session() -> ServerSession:
    none = ServerSession(kept=False)
    try:
        open_connection()
    except Exception as error:  # the guard raises it
        none.trouble = error
    return none


def open_connection() -> None:
    """Open the database for this request, unless this thread has a connection already.

    An earlier one belongs to somebody else (a test) and is not closed by `close_connection`.
    """
    g.owns_connection = database.connect(reuse_if_open=True)


def close_connection(_error: BaseException | None = None) -> None:
    """Close what `open_connection` opened."""
    if g.pop("owns_connection", False):
        database.close()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _find(token: str) -> Session | None:
    now = int(time.time())
    found: Session | None = (
        Session.select(Session, User)
        .join(User, JOIN.LEFT_OUTER)
        .where((Session.token_hash == _hash(token)) & (Session.expires_at > now))
        .first()
    )
    if found is not None and found.user is not None and not found.user.is_active:
        return None
    return found


def _expiry(user: User | None, created_at: int, now: int) -> int:
    if user is None:
        return now + ANONYMOUS_SECONDS
    return min(created_at + ABSOLUTE_SECONDS, now + IDLE_SECONDS)


def _create(session: ServerSession, now: int) -> str:
    Session.delete().where(Session.expires_at <= now).execute()
    if session.user is not None:
        _make_place(session.user)
    elif next(_made) % _TIDY_EVERY == 0:
        _forget_visitors()
    token = secrets.token_urlsafe(32)
    Session.create(
        token_hash=_hash(token),
        user=session.user,
        data=json.dumps(session),
        created_at=now,
        **(_seen_of_the_browser() if session.user is not None else {}),
        seen_at=now,
        fresh_at=session.fresh_at,
        expires_at=_expiry(session.user, now, now),
    )
    return token


def _make_place(user: User) -> None:
    """End what *user* used longest ago, if there would be more sessions than one may have."""
    newest_first = Session.select(Session.token_hash).order_by(Session.seen_at.desc())
    too_many = newest_first.where(Session.user == user).offset(SESSIONS_MAX - 1)
    Session.delete().where(Session.token_hash.in_(too_many)).execute()


def _forget_visitors() -> None:
    """End the oldest sessions without a user, if a crowd of them has come within the hour."""
    visitors = Session.select(Session.expires_at).where(Session.user.is_null())
    newest_first = visitors.order_by(Session.expires_at.desc())
    oldest_kept = newest_first.offset(ANONYMOUS_MAX).limit(1).scalar()
    if oldest_kept is not None:
        too_old = Session.user.is_null() & (Session.expires_at <= oldest_kept)
        Session.delete().where(too_old).execute()


def _seen_of_the_browser() -> dict[str, str]:
    """Return what lets people know a log-in of theirs again; it decides nothing."""
    agent = "".join(sign for sign in request.user_agent.string if sign.isprintable())
    return {
        "user_agent": agent[:USER_AGENT_MAX],
        "address": (request.remote_addr or "")[:ADDRESS_MAX],
    }


def _update(session: ServerSession, row: Session, now: int) -> str | None:
    """Write what changed; return the token for the cookie if there is a new one."""
    changed = session.changed or session.wants_new_token
    if not changed and (row.seen_at + TOUCH_SECONDS > now or not session.is_visit):
        return None
    token = secrets.token_urlsafe(32) if session.wants_new_token else None
    # An UPDATE, never an insert: a session that was ended meanwhile stays ended.
    change = Session.update(
        token_hash=_hash(token) if token else row.token_hash,
        data=json.dumps(session),
        seen_at=now,
        fresh_at=session.fresh_at,
        expires_at=_expiry(session.user, row.created_at, now),
    ).where(Session.token_hash == row.token_hash)
    try:
        # Another request of this browser was first: its cookie is the good one.
        return token if change.execute() == 1 else None
    except OperationalError:
        if changed:
            raise
        return None  # only the time of the last visit: not worth an error while it is busy
