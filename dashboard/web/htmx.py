"""How a view answers htmx, and how it answers everybody else."""

from flask import Response, make_response, redirect, render_template, request

# What a fragment may announce (`HX-Trigger`, "noun:changed") for others on the page to listen to.
EVENTS = frozenset({"toolbar:changed"})


def is_htmx() -> bool:
    """Return whether htmx sent this request: it chooses a shape, never a right."""
    return request.headers.get("HX-Request") == "true"


def answer(
    fragment: str,
    fallback_url: str,
    *,
    status: int = 200,
    event: str | None = None,
    **context: object,
) -> Response:
    """Send *fragment* to htmx; redirect everybody else to *fallback_url*."""
    if event is not None and event not in EVENTS:
        raise ValueError(f"{event} is not one of htmx.EVENTS")
    if not is_htmx():
        return see_other(fallback_url)
    response = make_response(render_template(fragment, **context), status)
    if event is not None:
        response.headers["HX-Trigger"] = event
    return response


def tell(response: Response) -> Response:
    """Have htmx tell what an error page of 422 says: by itself it would put it where a form is."""
    response.headers["HX-Retarget"], response.headers["HX-Reselect"] = "#toast", "#error"
    response.headers["HX-Reswap"] = "innerHTML"
    return response


def take_place(response: Response, fragment_id: str) -> Response:
    """Put a refusal in the place of the fragment *fragment_id*, where htmx would only tell it."""
    response.headers["HX-Retarget"] = response.headers["HX-Reselect"] = f"#{fragment_id}"
    response.headers["HX-Reswap"] = "outerHTML"
    return response


def refresh() -> Response:
    """Make htmx reload the whole page: everything on it has become old."""
    response = make_response("", 200)
    response.headers["HX-Refresh"] = "true"
    return response


def leave_to(url: str, *, status: int = 200) -> Response:
    """Send the browser to *url*: by `HX-Redirect` (with *status*) for htmx, by 303 otherwise."""
    if not is_htmx():
        return see_other(url)
    response = make_response("", status)
    response.headers["HX-Redirect"] = url
    return response


def see_other(url: str) -> Response:
    """Redirect with 303, which makes a GET of whatever this was."""
    return make_response(redirect(url, code=303))
