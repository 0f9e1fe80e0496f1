"""Where somebody is logged in: the sessions of one user, as people know them again."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

import peewee
from flask import g

from ..models import Session, audit
from . import sessions

# What a User-Agent says -> its name, the first that fits: most claim to be the later ones too.
BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser/": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """One session of the user."""

    uid: str
    browser: str
    address: str
    since: datetime
    seen: datetime
    is_here: bool


def browser_in_words(user_agent: str) -> str:
    """Return browser and system as *user_agent* claims them: `Firefox on Linux`."""
    browser = _first(BROWSERS, user_agent) or "Unknown browser"
    system = _first(SYSTEMS, user_agent)
    return f"{browser} on {system}" if system else browser


def _first(names: dict[str, str], text: str) -> str | None:
    return next((name for mark, name in names.items() if mark in text), None)


def present() -> list[LoggedIn]:
    """Return where the user is logged in: here first, then what was seen last."""
    mine = Session.select().where(Session.user == g.user, Session.expires_at > int(time.time()))
    found = [
        LoggedIn(
            uid=row.uid,
            browser=browser_in_words(row.user_agent),
            address=row.address,
            since=datetime.fromtimestamp(row.created_at, UTC),
            seen=datetime.fromtimestamp(row.seen_at, UTC),
            is_here=row.token_hash == here(),
        )
        for row in mine.order_by(Session.seen_at.desc(), Session.created_at.desc())
    ]
    return sorted(found, key=lambda one: not one.is_here)


def here() -> str:
    """Return the token hash of the session of this request."""
    row = sessions.current().row
    return str(row.token_hash) if row is not None else ""


def end(uid: str) -> bool:
    """End another session of the user; return whether there was one."""
    one: Session | None = Session.select().where(_is_other() & (Session.uid == uid)).first()
    if one is None or Session.delete().where(Session.token_hash == one.token_hash).execute() != 1:
        return False
    audit("session.end", by=g.user, subject=browser_in_words(one.user_agent))
    return True


def end_others() -> int:
    """End every session of the user but this one; return how many there were."""
    count = int(Session.delete().where(_is_other()).execute())
    if count:
        audit("session.end", by=g.user, subject="all others", number=count)
    return count


def _is_other() -> peewee.Expression:
    mine: peewee.Expression = Session.user == g.user
    return mine & (Session.token_hash != here())
