"""Browsers that an account was logged in to before, told by a cookie of their own.

Whoever guesses passwords fills the bucket of the account for all browsers that it does not know,
so guessing cannot keep its owner out of his own. (OWASP calls it a device cookie.) The cookie opens
nothing: it only chooses which bucket a wrong password fills.
"""

import hashlib
import re
import secrets

from flask import Response, after_this_request, current_app, request

from ..models import User
from ..vault import vault

SECONDS = 365 * 24 * 3600
_VALUE = re.compile(r"([A-Za-z0-9_-]{22})\.([0-9a-f]{64})")


def cookie_name() -> str:
    """Return the cookie's name: with TLS one that no other host can set."""
    return ("__Host-" if _is_secure() else "") + "dashboard_browser"


def remember(user: User) -> None:
    """Let the answer to this request make the browser known to *user*."""
    number = known_to(user) or secrets.token_urlsafe(16)
    value, name, is_secure = f"{number}.{_proof(user, number)}", cookie_name(), _is_secure()

    @after_this_request
    def keep(response: Response) -> Response:
        response.set_cookie(
            name, value, max_age=SECONDS, path="/", secure=is_secure, httponly=True, samesite="Lax"
        )
        return response


def known_to(user: User | None) -> str | None:
    """Return the number of this browser if *user* logged in here before, with this password."""
    found = _VALUE.fullmatch(request.cookies.get(cookie_name(), ""))
    if user is None or found is None:
        return None
    return found[1] if secrets.compare_digest(found[2], _proof(user, found[1])) else None


def _proof(user: User, number: str) -> str:
    _, secret = vault.key_pair()
    own = hashlib.blake2b(b"known browsers", digest_size=32, key=secret).digest()
    said = f"{number}\0{user.id}\0{user.password_hash}".encode()
    return hashlib.blake2b(said, digest_size=32, key=own).hexdigest()


def _is_secure() -> bool:
    return bool(current_app.config["SESSION_COOKIE_SECURE"])
