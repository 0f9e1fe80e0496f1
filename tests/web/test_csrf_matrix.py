"""Every route that takes a form, against every way to send one in somebody else's name.

Generated from the routes, so a new one is in it. Each view is replaced by one that notes that it
was asked, and the database is compared as a whole; that the right form reaches the view is tried
too.
"""

import hashlib

import pytest

from dashboard import db
from dashboard.models import Unit
from tests.web.conftest import COOKIE
from tests.web.test_access import EXPECTED

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
ARGUMENTS = {
    "slug": "daily",
    "uid": "ws-one",
    "bundle": "dashboard.core.notes",
    "name": "K0001",
    "app_uid": "app-1",
}
JUST_US = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}

# name -> (status, headers to send; `{token}` is the session's own, `{other}` another session's)
FORGERIES = {
    "no token": (400, {}),
    "no token, but ours": (400, JUST_US),
    "an empty token": (400, {"X-CSRFToken": ""}),
    "a made-up token": (400, {"X-CSRFToken": "a.b.c"}),
    "the token of another user": (400, {"X-CSRFToken": "{other}"}),
    "the token of nobody": (400, {"X-CSRFToken": "{nobody}"}),
    "htmx without a token": (400, {"HX-Request": "true", **JUST_US}),
    "another origin": (403, {"X-CSRFToken": "{token}", "Origin": "https://evil.example"}),
    "another port": (403, {"X-CSRFToken": "{token}", "Origin": "http://localhost:81"}),
    "no origin to speak of": (403, {"X-CSRFToken": "{token}", "Origin": "null"}),
    "another site": (403, {"X-CSRFToken": "{token}", "Sec-Fetch-Site": "cross-site"}),
    "a neighbour": (403, {"X-CSRFToken": "{token}", "Sec-Fetch-Site": "same-site"}),
    "another site, as a link": (
        403,
        {
            "X-CSRFToken": "{token}",
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
        },
    ),
}
# Ways to bring the token to where it does not count.
MISPLACED = {
    "in the address": {"query_string": {"csrf_token": "{token}"}},
    "in a text": {"data": "csrf_token={token}", "content_type": "text/plain"},
    "in JSON": {"json": {"csrf_token": "{token}"}},
    "in a cookie": {"headers": {"Cookie": "csrf_token={token}"}},
}


def state():
    """A digest of every row of every table; of sessions only whose they are."""
    digest = hashlib.sha256()
    for table in sorted(db.database.get_tables()):
        columns = "token_hash, user_id" if table == "session" else "*"
        rows = db.database.execute_sql(f'SELECT {columns} FROM "{table}"').fetchall()
        digest.update(repr((table, sorted(map(repr, rows)))).encode())
    return digest.hexdigest()


def filled(value, tokens):
    """Return *value* with the tokens put in."""
    if isinstance(value, dict):
        return {name: filled(item, tokens) for name, item in value.items()}
    return value.format(**tokens) if isinstance(value, str) else value


@pytest.fixture
def asked(app):
    """The names of the views that were asked, each replaced by one that only says so."""
    names = []

    def stand_in(name, view):
        def answer(**_values):
            names.append(name)
            return "", 204

        vars(answer).update(vars(view))
        return answer

    for name, view in app.view_functions.items():
        app.view_functions[name] = stand_in(name, view)
    return names


@pytest.fixture
def routes(app):
    """(endpoint, method, address) of every unsafe route."""
    adapter, found = app.url_map.bind(""), []
    for rule in app.url_map.iter_rules():
        if EXPECTED[rule.endpoint][0] == "token":  # no cookie counts there: see test_api_access
            continue
        values = {name: ARGUMENTS.get(name, "1") for name in rule.arguments}
        for method in rule.methods & UNSAFE:
            address = adapter.build(rule.endpoint, values, method=method)
            found.append((rule.endpoint, method, address))
    assert {method for _, method, _ in found} == {"POST"}
    return found


@pytest.fixture
def senders(app, cast, login):
    """Who sends, and to which routes: Alice to all, and nobody to those for everybody."""
    alice, nobody = login(app.test_client(), cast.alice), app.test_client()
    other = login(app.test_client(), cast.mallory)
    tokens = {"other": other.csrf_token(), "nobody": app.test_client().csrf_token()}
    return [
        (alice, tokens | {"token": alice.csrf_token()}, lambda endpoint: True),
        (
            nobody,
            tokens | {"token": nobody.csrf_token()},
            lambda endpoint: EXPECTED[endpoint] == ("public",),
        ),
    ]


def sent(senders, routes):
    for client, tokens, may in senders:
        for endpoint, method, address in routes:
            if may(endpoint):
                yield client, tokens, endpoint, method, address


def test_the_right_form_reaches_every_view(asked, senders, routes):
    for client, tokens, endpoint, method, address in sent(senders, routes):
        headers = JUST_US | {"X-CSRFToken": tokens["token"]}
        asked.clear()
        answer = client.open(address, method=method, headers=headers)
        assert (answer.status_code, asked) == (204, [endpoint]), endpoint


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_form_reaches_none(asked, senders, routes, name):
    status, template = FORGERIES[name]
    before = state()
    for client, tokens, endpoint, method, address in sent(senders, routes):
        headers = filled(template, tokens)
        answer = client.open(address, method=method, headers=headers)
        assert (answer.status_code, asked) == (status, []), endpoint
    assert state() == before


@pytest.mark.parametrize("name", MISPLACED)
def test_a_token_counts_in_the_form_and_its_header_only(asked, app, senders, routes, name):
    before = state()
    for client, tokens, endpoint, method, address in sent(senders, routes):
        more = filled(MISPLACED[name], tokens)
        if name == "in a cookie":
            cookie = client.get_cookie(COOKIE)
            more["headers"]["Cookie"] += f"; {COOKIE}={cookie.value if cookie else ''}"
            client = app.test_client(use_cookies=False)
        answer = client.open(address, method=method, **more)
        assert (answer.status_code, asked) == (400, []), endpoint
    assert state() == before


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_another_method_reaches_none(asked, senders, routes, method):
    before = state()
    for client, tokens, endpoint, _, address in sent(senders, routes):
        headers = {"X-CSRFToken": tokens["token"], "X-HTTP-Method-Override": "POST"}
        answer = client.open(address, method=method, headers=headers)
        assert (answer.status_code, asked) == (405, []), endpoint
    assert state() == before


@pytest.mark.slow
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_look_with_everything_that_the_form_has_changes_nothing(senders, routes, method, cast):
    """Here with the views as they are."""
    revision = str(Unit.get_by_id(cast.daily.id).revision)
    form = {"revision": revision, "name": "x", "confirm": "y", "theme": "dark", "role": "admin"}
    form |= {"email": cast.alice.email, "password": "correct horse battery", "_method": "POST"}
    before = state()
    for client, tokens, endpoint, _, address in sent(senders, routes):
        query = form | {"csrf_token": tokens["token"]}
        answer = client.open(address, method=method, query_string=query, buffered=True)
        assert answer.status_code < 500, endpoint
        assert state() == before, endpoint


def test_a_token_ends_with_its_session(client, cast, login):
    """A page that was open at log-out is worth nothing for whoever logs in next."""
    login(client, cast.alice)
    token = client.csrf_token()
    assert client.post("/logout", headers={"X-CSRFToken": token}, csrf=False).status_code == 303
    login(client, cast.bob)
    before = state()
    answer = client.post(
        "/theme", data={"theme": "dark"}, headers={"X-CSRFToken": token}, csrf=False
    )
    assert answer.status_code == 400
    assert state() == before
