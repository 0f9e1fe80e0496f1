"""Who may do what: denied unless a view says otherwise, asked before every request.

Each view wears exactly one of `@public`, `@signed_in`, `@requires(*roles)` and `@by_token(scope)`.
The last is for scripts, the one before for pages of a unit: the address carries `<slug>`, and
membership and role are read from the database each time, never from cookie, form or file.
"""

import re
import string
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from flask import Flask, Response, abort, current_app, g, request, url_for
from werkzeug.exceptions import HTTPException

from ..backup.attempts import soon
from ..backup.store import Folders
from ..config import Settings
from ..models import Membership, Role, Unit, audit, second_factor
from ..models.tokens import Scope
from . import bearer, sessions
from .htmx import is_htmx, leave_to
from .refusals import Refused, refuse

ADMIN = (Role.ADMIN,)
EDITORS = (Role.ADMIN, Role.POWER_USER)
USERS = (Role.ADMIN, Role.POWER_USER, Role.USER)
MEMBERS = (Role.ADMIN, Role.POWER_USER, Role.USER, Role.READONLY)

NO_FACTOR = (
    "This unit asks its admins for a second factor, and this token's user has none. Set it up on "
    "the page of the account."
)
# Browsers drop some of them and read a backslash as a slash: what is seen is not what is followed.
_NOT_IN_ADDRESSES = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")

View = TypeVar("View", bound=Callable[..., Any])


class Undeclared(Exception):
    """A view does not say who may use it. Nobody may, then."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a view says about itself."""

    kind: str  # public, signed_in, unit or token
    roles: tuple[Role, ...] = ()
    scope: Scope | None = None


def public(view: View) -> View:
    """Let anybody use this view."""
    return _declare(view, Rule("public"))


def signed_in(view: View) -> View:
    """Let every signed-in user use this view, whatever the units."""
    return _declare(view, Rule("signed_in"))


def requires(*roles: Role) -> Callable[[View], View]:
    """Let members of the address's unit who have one of *roles* use this view."""

    def declare(view: View) -> View:
        return _declare(view, Rule("unit", roles))

    return declare


def by_token(scope: Scope | None) -> Callable[[View], View]:
    """Let access tokens of admins with *scope* use this view, and nobody else; no cookie counts.

    Without a *scope* any good token passes, and the view has to look what it is about.
    """

    def declare(view: View) -> View:
        return _declare(view, Rule("token", ADMIN, scope))

    return declare


def fresh(view: View) -> View:
    """Ask for the login password first, if it was typed more than 30 minutes ago."""
    view.access_fresh = True  # type: ignore[attr-defined]
    return view


def fresh_preview(view: View) -> View:
    """Like `fresh`, but for what a preview was made for: it may be done while that is open."""
    view.access_grace_seconds = sessions.PREVIEW_GRACE_SECONDS  # type: ignore[attr-defined]
    return fresh(view)


def large_body(view: View) -> View:
    """Accept a request body as large as a backup file may be."""
    view.access_large_body = True  # type: ignore[attr-defined]
    return view


def large_form(view: View) -> View:
    """Accept a form that carries the file of a part of a unit, at most 4 MiB of it."""
    view.access_large_form = True  # type: ignore[attr-defined]
    return view


def _declare(view: View, rule: Rule) -> View:
    if hasattr(view, "access_rule"):
        raise Undeclared(f"{view.__name__} declares its access twice")
    view.access_rule = rule  # type: ignore[attr-defined]
    return view


def rule_of(view: Callable[..., Any]) -> Rule:
    """Return what *view* declares; raise `Undeclared` if it is silent."""
    rule = getattr(view, "access_rule", None)
    if not isinstance(rule, Rule):
        raise Undeclared(f"{view.__name__} does not declare who may use it")
    return rule


def settings() -> Settings:
    """Return the settings of the running application."""
    found: Settings = current_app.config["SETTINGS"]
    return found


def folders() -> Folders:
    """Return where the running application keeps its files."""
    found: Folders = current_app.extensions["folders"]
    return found


def guard() -> Response | None:
    """Let the request pass, or answer for the view."""
    trouble = sessions.current().trouble
    if trouble is not None:
        raise trouble
    if request.endpoint is None:
        return None  # no such address or method: Flask answers 404 or 405
    view = current_app.view_functions[request.endpoint]
    rule = rule_of(view)
    if rule.kind == "token":
        _guard_token(rule)
        return None
    user = sessions.user()
    if user is not None:
        g.user = user
    if rule.kind == "public":
        return None
    if user is None:
        return leave_to(url_for("auth.login", next=place_to_return()), status=401)
    if rule.kind == "unit":
        _enter_unit((request.view_args or {})["slug"], rule.roles)
        if second_factor.is_missing(user, g.unit, g.role):
            if _is_attempt():
                note_refusal(reason="no second factor")
            return leave_to(url_for("second_factor.show", next=place_to_return()), status=401)
    grace = getattr(view, "access_grace_seconds", 0)
    if getattr(view, "access_fresh", False) and not sessions.is_fresh(grace_seconds=grace):
        return leave_to(url_for("auth.confirm", next=place_to_return()), status=401)
    return None


def _guard_token(rule: Rule) -> None:
    bearer.enter()
    slug = (request.view_args or {}).get("slug")
    if slug is not None and rule.scope is not None:
        enter_by_token(slug, rule.scope)
    elif rule.scope is not None:
        bearer.require(rule.scope)


def enter_by_token(slug: str, *scopes: Scope) -> None:
    """Enter a unit by the token of this request, which needs one of *scopes*.

    The user must be an admin there now, with a second factor if the unit asks for one.
    """
    _enter_unit(slug, ADMIN)
    try:
        if second_factor.is_missing(g.user, g.unit, g.role):
            refuse(403, "second_factor_missing", NO_FACTOR)
        bearer.require(*scopes)
    except Refused as refusal:
        if _is_attempt():
            note_refusal(reason=refusal.word)
        raise


def _is_attempt() -> bool:
    return request.method in ("POST", "DELETE")  # looking is not one


def _enter_unit(slug: str, roles: tuple[Role, ...]) -> None:
    membership = (
        Membership.select(Membership, Unit)
        .join(Unit)
        .where((Membership.user == g.user) & (Unit.slug == slug))
        .first()
    )
    if membership is None or not bearer.reaches(membership.unit):
        abort(404)
    # Known from here on, so that a refusal can lead a member back into the unit.
    g.unit, g.role, g.membership = membership.unit, Role(membership.role), membership
    if g.role not in roles:
        if _is_attempt():
            note_refusal()
        abort(403)


def note_refusal(*, reason: str = "") -> None:
    """Write into the audit log that the role, or *reason*, did not allow what was asked for."""
    if g.get("asked_ahead"):
        return
    event = {"subject": request.endpoint or "", "outcome": "refused", "reason": reason}
    soon(partial(audit, "access.refuse", by=g.user, unit=g.unit, at=int(time.time()), **event))


def place_to_return() -> str | None:
    """Return the page the user is on: this one, or the one that holds the form or fragment."""
    if request.method in ("GET", "HEAD") and not is_htmx():
        return own_page(request.full_path.removesuffix("?"))
    return own_page(request.headers.get("HX-Current-URL") or request.referrer)


def next_page() -> str:
    """Return the own page that the address names as the next one, or where everybody begins."""
    return own_page(request.args.get("next")) or url_for("units.start")


def own_page(url: str | None) -> str | None:
    """Return *url* as path and query if it leads to a page of ours, else None.

    Whatever it is, there is no error, and what comes back can stand in a header.
    """
    if not url or _NOT_IN_ADDRESSES.search(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    here = parts.scheme in ("http", "https") and parts.netloc == request.host
    if not here and (parts.scheme or parts.netloc):
        return None
    if not parts.path.startswith("/") or parts.path.startswith("//"):
        return None
    try:
        endpoint, _ = current_app.url_map.bind("").match(parts.path, method="GET")
    except HTTPException:
        return None
    if endpoint == "static" or endpoint.startswith(("auth.", "second_step.", "api.")):
        return None
    page = parts.path + (f"?{parts.query}" if parts.query else "")
    return quote(page, safe=string.punctuation)


def init_app(app: Flask) -> None:
    """Guard every route of *app*."""
    public(app.view_functions["static"])
    # Before the CSRF check: who is logged out meanwhile is led to the login page, not to an error.
    app.before_request(guard)
