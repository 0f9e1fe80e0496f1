"""Who asks by an access token: found anew for each request, and let do what the token is for."""

from flask import g, request

from ..models import ApiToken, Unit, tokens
from ..models.tokens import Scope
from .refusals import refuse

CHALLENGE = 'Bearer realm="dashboard"'


def enter() -> None:
    """Learn whose request this is; refuse with 401 what carries no token that works.

    Nothing else is looked at: no cookie makes anybody known here.
    """
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    token = tokens.find(secret.strip()) if kind.lower() == "bearer" else None
    if token is None:
        sentence = "Send an access token that works, as `Authorization: Bearer dbt_...`."
        refuse(401, "no_token", sentence, WWW_Authenticate=CHALLENGE)
    if not g.get("asked_ahead"):
        tokens.note_use(token)
    g.token, g.user = token, token.user
    g.user.via = token.label


def token() -> ApiToken | None:
    """Return the token of this request, None on a screen."""
    found: ApiToken | None = g.get("token")
    return found


def reaches(unit: Unit) -> bool:
    """Return whether nothing keeps this request's token from *unit*: a screen has none."""
    here = token()
    return here is None or here.unit is None or bool(here.unit == unit)


def require(*scopes: Scope) -> None:
    """Refuse with 403 unless this request's token has one of *scopes*."""
    here = token()
    if here is None or not set(here.scopes.split()) & set(scopes):
        wanted = " or ".join(f"`{scope}`" for scope in scopes)
        sentence = f"This token is not for that: it needs the scope {wanted}. Make another one."
        refuse(403, "scope", sentence)
