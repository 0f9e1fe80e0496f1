"""The API as an OpenAPI 3.1 document, made from the very types and routes that serve it."""

import re
from http import HTTPStatus
from typing import Any

import msgspec

from ... import __version__
from ..refusals import JSON, Refusal
from .operations import FILE, OPERATIONS, Operation, bp, operation

_ARGUMENT = re.compile(r"<(\w+)>")
_ARGUMENTS = {
    "slug": ("The unit's short name, as in the addresses of its pages.", "[a-z0-9-]{2,40}"),
    "uid": ("The id that an answer gave.", "[0-9a-f]{32}"),
}
_ABOUT = (
    "The acts of the Backup page for scripts. Long acts answer with a job, to be asked for until "
    'it has ended. Every refusal is `{"error": {"code", "message"}}`.'
)


def describe() -> dict[str, Any]:
    """Return the document."""
    types = [kind for op in OPERATIONS for kind in (op.takes, op.gives) if _is_type(kind)]
    _, components = msgspec.json.schema_components(
        [*types, Refusal], ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, Any] = {}
    for op in OPERATIONS:
        path = str(bp.url_prefix) + _ARGUMENT.sub(r"{\1}", op.path)
        at = paths.setdefault(path, {})
        at[op.method.lower()] = _operation(op)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Dashboard", "version": __version__, "description": _ABOUT},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


@operation("GET", "/openapi.json", is_public=True, gives=dict)
def openapi() -> dict[str, Any]:
    """Describe the API as an OpenAPI document."""
    return describe()


def _is_type(kind: Any) -> bool:
    return kind not in (None, FILE, dict)


def _operation(op: Operation) -> dict[str, Any]:
    scope = f"Needs the scope `{op.scope}`." if op.scope is not None else ""
    found: dict[str, Any] = {
        "operationId": op.name.rstrip("_"),
        "summary": op.summary,
        "description": " ".join(filter(None, (op.explained, scope))),
        "parameters": [_parameter(name) for name in _ARGUMENT.findall(op.path)],
        "responses": _answers(op),
    }
    if op.takes is not None:
        found["requestBody"] = {"required": True, "content": _content(op.takes)}
    if not op.is_public:
        found["security"] = [{"token": []}]
    return found


def _parameter(name: str) -> dict[str, Any]:
    meaning, pattern = _ARGUMENTS[name]
    schema = {"type": "string", "pattern": f"^{pattern}$"}
    return {"name": name, "in": "path", "required": True, "description": meaning, "schema": schema}


def _answers(op: Operation) -> dict[str, Any]:
    refused = {400, *op.refuses}
    if not op.is_public:
        refused |= {401, 503}
        refused |= {403} if op.path != "/units" or op.scope else set()
    if "<" in op.path:
        refused.add(404)
    if op.takes is not None:
        refused |= {413, 415}
    if _is_type(op.takes):
        refused.add(422)
    good: dict[str, Any] = {"description": HTTPStatus(op.status).phrase}
    if op.gives is not None:
        good["content"] = _content(op.gives)
    answers = {str(op.status): good}
    return answers | {str(status): _refusal(status) for status in sorted(refused)}


def _refusal(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": _content(Refusal),
    }
    if status in (429, 503):
        seconds = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
        answer["headers"] = {"Retry-After": {"required": True, **seconds}}
    if status == 401:
        answer["headers"] = {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}}
    return answer


def _content(kind: Any) -> dict[str, Any]:
    if kind == FILE:
        return {FILE: {"schema": {"type": "string", "format": "binary"}}}
    if kind is dict:
        return {JSON: {"schema": {"type": "object"}}}
    return {JSON: {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}}
