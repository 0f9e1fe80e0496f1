"""Who is signed in: logs somebody in, asks whether the password was typed lately."""

import time

from flask import Flask, session
from flask_login import LoginManager, UserMixin, current_user, login_user

from ..backup.tickets import TICKET_SECONDS
from ..models import User
from . import known_browsers
from .session_rows import ServerSession, ServerSessions, close_connection

FRESH_SECONDS = 30 * 60
# What was previewed with a fresh login may be done for as long as the preview is open: to ask for
# the password in between would throw the preview away.
PREVIEW_GRACE_SECONDS = TICKET_SECONDS


class Visitor(UserMixin):
    """A signed-in user, as flask-login wants to see one."""

    def __init__(self, user: User):
        self.user = user

    def get_id(self) -> str:
        """Return what flask-login keeps in the session."""
        return str(self.user.id)


def _load_visitor(user_id: str) -> Visitor | None:
    user = current().user
    return Visitor(user) if user is not None and str(user.id) == user_id else None


def current() -> ServerSession:
    """Return the session of this request."""
    found: ServerSession = session._get_current_object()  # type: ignore[attr-defined]
    return found


def user() -> User | None:
    """Return who is signed in."""
    return current_user.user if current_user.is_authenticated else None


def log_in(user: User) -> None:
    """Begin a new session for *user*, who has just proven the login password."""
    here = current()
    here.end()
    here.user = user
    here.fresh_at = int(time.time())
    login_user(Visitor(user))
    known_browsers.remember(user)


def confirm() -> None:
    """Note that the login password was typed right now, and go on under a new token."""
    here = current()
    here.fresh_at = int(time.time())
    here.wants_new_token = True


def is_fresh(*, grace_seconds: int = 0) -> bool:
    """Return whether the login password was typed within the last 30 minutes, and a grace."""
    return current().fresh_at + FRESH_SECONDS + grace_seconds > time.time()


def init_app(app: Flask) -> None:
    """Keep the sessions of *app* in the database."""
    secure = app.config["SETTINGS"].secure_cookies
    app.config["SESSION_COOKIE_NAME"] = ("__Host-" if secure else "") + "dashboard_session"
    app.config["SESSION_COOKIE_SECURE"] = secure
    app.session_interface = ServerSessions()
    app.teardown_appcontext(close_connection)
    manager = LoginManager(app)
    manager.session_protection = None  # our token is the whole proof; networks change under laptops
    manager.user_loader(_load_visitor)
