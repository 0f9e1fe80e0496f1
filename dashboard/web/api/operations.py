"""One line for each thing that the API does: what guards it, serves it and describes it.

A view is made a route by `operation` alone, so that there is none without access rule, decoded
body and description.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import msgspec
from flask import Blueprint, Response, make_response, request

from ...models.tokens import Scope
from .. import access
from ..refusals import JSON, WORDS, refuse

bp = Blueprint("api", __name__, url_prefix="/api/v1")

View = Callable[..., Any]
FILE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Operation:
    """What is known of one route beside its view."""

    name: str
    method: str
    path: str
    summary: str
    explained: str
    scope: Scope | None  # None: any good token, and the view looks further
    is_public: bool
    takes: Any  # a type of `shapes`, FILE, or None
    gives: Any
    status: int
    refuses: Sequence[int]


OPERATIONS: list[Operation] = []


def operation(
    method: str,
    path: str,
    *,
    scope: Scope | None = None,
    is_public: bool = False,
    takes: Any = None,
    gives: Any = None,
    status: int = 200,
    refuses: Sequence[int] = (),
) -> Callable[[View], View]:
    """Make a view the route *method* *path*; its docstring becomes the description.

    It gets the decoded body as `sent` if it *takes* a type, and returns the answer as a value of
    the type that it *gives*, or a whole response.
    """

    def register(view: View) -> View:
        summary, _, more = (view.__doc__ or "").strip().partition("\n\n")
        OPERATIONS.append(
            Operation(
                view.__name__,
                method,
                path,
                " ".join(summary.split()).removesuffix("."),
                " ".join(more.split()),
                scope,
                is_public,
                takes,
                gives,
                status,
                refuses,
            )
        )

        @wraps(view)
        def endpoint(**values: Any) -> Response:
            if takes not in (None, FILE):
                values["sent"] = _decoded(takes)
            found = view(**values)
            return found if isinstance(found, Response) else respond(found, status)

        guarded = access.public(endpoint) if is_public else access.by_token(scope)(endpoint)
        # OPTIONS is for the pages of other sites, which have no business here.
        bp.add_url_rule(
            path, view.__name__, guarded, methods=[method], provide_automatic_options=False
        )
        return endpoint

    return register


def respond(found: Any, status: int, **headers: str) -> Response:
    """Return *found*, a value of `shapes` or nothing, as an answer."""
    response = make_response(b"" if found is None else msgspec.json.encode(found), status)
    if found is not None:
        response.mimetype = JSON
    response.headers.update(headers)
    return response


def _decoded(kind: Any) -> Any:
    if request.mimetype != JSON:
        refuse(415, WORDS[415][0], f"This address takes {JSON}.")
    try:
        return msgspec.json.decode(request.get_data(), type=kind)
    except msgspec.ValidationError as error:
        refuse(422, WORDS[422][0], f"{error}.")
    except (msgspec.DecodeError, UnicodeDecodeError):
        refuse(400, WORDS[400][0], "The body is no JSON.")
