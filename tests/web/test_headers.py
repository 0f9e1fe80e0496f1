"""What every answer carries: each route, each refusal, each file, whoever asks."""

import re
from pathlib import Path

import pytest
from flask import abort

from dashboard.models import Plugin, Workspace
from dashboard.web import access, errors, security
from tests.web.test_csrf_matrix import ARGUMENTS

STATUSES = (
    400,
    401,
    403,
    404,
    405,
    408,
    409,
    410,
    413,
    414,
    415,
    418,
    421,
    422,
    429,
    431,
    500,
    503,
)
HTMX = {"HX-Request": "true"}
BACKUP = "/u/daily/admin/backup"
TYPES = re.compile(
    r"text/(html|css|javascript|plain); charset=utf-8|text/csv; charset=utf-8; header=present"
    r"|application/(octet-stream|json)"
    r"|image/(png|jpeg|svg\+xml; charset=utf-8|x-icon|vnd\.microsoft\.icon)|font/woff2"
)


def check(answer, *, kept=False):
    """Assert that *answer* carries everything, and nothing that it should not."""
    for name, value in security.HEADERS.items():
        assert answer.headers.get_all(name) == [value], name
    assert not {"Server", "X-Powered-By", "Via"} & set(answer.headers.keys())
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
    if not kept:
        assert answer.headers.get_all("Cache-Control") == ["no-store"]
    if answer.data:
        assert TYPES.fullmatch(answer.headers["Content-Type"]), answer.headers["Content-Type"]
        assert int(answer.headers["Content-Length"]) == len(answer.data)
    for name, value in answer.headers:
        assert value.isascii(), name
        assert value.isprintable(), name


@pytest.mark.slow
@pytest.mark.parametrize("who", ["nobody", "olga", "rita", "alice"])
def test_every_route_has_them_whatever_it_answers(app, cast, login, who):
    client = app.test_client()
    if who != "nobody":
        login(client, getattr(cast, who))
    seen, adapter = set(), app.url_map.bind("")
    for rule in app.url_map.iter_rules():
        for known in (True, False):
            value = ARGUMENTS if known else {"slug": "daily"}
            values = {name: value.get(name, "1") for name in rule.arguments}
            address = adapter.build(rule.endpoint, values)
            for method in ("GET", "HEAD", "OPTIONS", "POST", "DELETE"):
                for htmx in ({}, HTMX):
                    answer = client.open(address, method=method, headers=htmx, buffered=True)
                    if rule.endpoint == "audit.download" and answer.status_code == 200:
                        continue  # sent as it is read: without a length; see below
                    is_file = rule.endpoint == "static" and answer.status_code < 400
                    check(answer, kept=is_file)
                    seen.add(answer.status_code)
    assert {"nobody": {303, 401, 405}, "olga": {200, 404}, "rita": {200, 403}, "alice": {200, 400}}[
        who
    ] <= seen
    assert 500 not in seen


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_every_refusal_has_them(app, client, cast, status, headers):
    @app.get("/refuse")
    @access.public
    def refuse():
        abort(status)

    answer = client.get("/refuse", headers=headers)
    assert answer.status_code == status
    check(answer)


def test_our_own_mistakes_have_them(app, client, cast, monkeypatch):
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.get("/fail")
    @access.public
    def fail():
        raise RuntimeError

    answer = client.get("/fail")
    assert (answer.status_code, "incident id" in answer.text) == (500, True)
    check(answer)
    monkeypatch.setattr(errors, "page", lambda *_: 1 / 0)  # the page of the mistake, too
    answer = client.get("/fail")
    assert (answer.status_code, "incident id" in answer.text) == (500, True)
    check(answer)


def test_what_is_refused_before_all_has_them(client, cast):
    check(client.get("/login", headers={"Host": "evil.example"}))
    check(client.get("/login", headers={"Host": "/"}))
    check(client.get("/login", headers={"Sec-Fetch-Site": "cross-site"}))


def test_every_static_file_has_them(app, client):
    folder = app.static_folder
    files = [str(file.relative_to(folder)) for file in Path(folder).rglob("*.*")]
    assert len(files) > 15
    for file in files:
        answer = client.get(f"/static/{file}", buffered=True)
        check(answer, kept=True)


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("/static/none.js?v=1", {}, 404),
        ("/static/js/app.js?v=1", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("/static/../app.py?v=1", {}, 404),
    ],
)
def test_a_refusal_is_not_kept_in_the_place_of_a_file(client, cast, address, headers, status):
    answer = client.get(address, headers=headers)
    assert answer.status_code == status
    check(answer)


def test_a_log_out_clears_what_the_browser_has_kept(client, cast, login):
    login(client, cast.alice)
    assert "Clear-Site-Data" not in client.get("/units").headers
    assert "Clear-Site-Data" not in client.post("/logout", csrf=False).headers
    answer = client.post("/logout")
    assert answer.status_code == 303
    # Not cookies: that would end the sessions of every neighbour under the same domain.
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'


# --- files that are sent


@pytest.fixture
def alice(client, cast, login):
    return login(client, cast.alice)


def backup(alice):
    return alice.get(
        alice.post(f"{BACKUP}/export", data={"password": "harbour"}).location, buffered=True
    )


def workspace(alice):
    return alice.post("/u/daily/w/ws-one/export", data={"password": "harbour"}, buffered=True)


def plugin(alice):
    page = "/u/daily/admin/plugins/dashboard.core.notes"
    return alice.post(f"{page}/export", data={"password": "harbour"}, buffered=True)


def audit(alice):
    return alice.get("/u/daily/admin/audit.csv", buffered=True)


HOSTILE = (
    'a"; filename="evil.exe',
    "../../etc/passwd",
    "..\\..\\evil.exe",
    "a;b=c",
    "\u202egpj.exe",
    "二 – ä 😀",
    "%0d%0aSet-Cookie:a=b",
    " ",
    "." * 120,
    "CON",
    "=cmd|' /C calc'!A0",
)


@pytest.mark.slow
@pytest.mark.parametrize("send", [backup, workspace, plugin, audit])
def test_a_file_is_saved_under_a_plain_name(alice, cast, app, send):
    for name in HOSTILE:
        Workspace.update(name=name).where(Workspace.uid == "ws-one").execute()
        Plugin.update(name=name).where(Plugin.bundle == "dashboard.core.notes").execute()
        answer = send(alice)
        assert answer.status_code == 200, name
        (given,) = answer.headers.get_all("Content-Disposition")
        assert re.fullmatch(r'attachment; filename="?daily-[a-z0-9-]{1,80}\.(dbk|csv)"?', given)
        assert not {"X-Evil", "Set-Cookie"} & set(answer.headers.keys())
        if send is audit:
            assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
            assert answer.headers["Cache-Control"] == "no-store"
        else:
            assert answer.headers["Content-Type"] == "application/octet-stream"
            check(answer)
