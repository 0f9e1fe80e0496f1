"""The HTTP API for scripts: the acts of the Backup page, asked for by an access token.

    operations    what a route is: guarded, decoded, described, all from one line
    shapes        every body and answer, as types
    units acts jobs    the routes; `answers` makes rows and jobs into shapes
    description   all of it as an OpenAPI document

No page, no cookie, no session: whoever asks shows an access token with each request (`bearer`), and
what is refused is JSON, too (`refusals`).
"""

from . import acts, description, jobs, units
from .operations import bp

__all__ = ["acts", "bp", "description", "jobs", "units"]
