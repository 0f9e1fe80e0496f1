"""A refused change keeps what was typed: the form is shown once more, with why it was not saved.

htmx needs none of this: there a refusal is a message, and the page with its form stays.
"""

import logging

from flask import Response, current_app, g, make_response, request

from .htmx import is_htmx

log = logging.getLogger(__name__)
STATUSES = (409, 503)


def shown_again(status: int, sentence: str) -> Response | None:
    """Answer a refused POST with the page of its form as it was filled in; None if it has none.

    The view runs once more. Its form (`forms.UnitForm`) knows of the refusal and does not
    validate, so the view takes the way of a form that is not right, and shows it. Only a view
    that asked such a form in the first place is run again.
    """
    if status not in STATUSES or is_htmx() or not g.get("has_unit_form") or "refusal" in g:
        return None
    g.refusal = sentence
    view = current_app.view_functions[request.endpoint or ""]
    try:
        response = make_response(view(**(request.view_args or {})))
    except Exception:  # what the form is about may be gone: the plain error page says enough
        log.info("%s could not be shown again", request.endpoint)
        return None
    response.status_code = status
    return response
