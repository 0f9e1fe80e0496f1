"""Under which names the server answers, and which forwarded headers it believes."""

import json
import socket
from dataclasses import replace

import pytest
from flask import request

from dashboard import config
from dashboard.models import Session
from dashboard.web import access, build_app, front, security

MACHINE = "desk-7"
EVIL = "evil.example"
BY_DEFAULT = (
    ("localhost", 200),
    ("LOCALHOST:8000", 200),
    ("127.0.0.1", 200),
    ("127.0.0.1:8000", 200),
    ("10.1.2.3:80", 200),
    ("[::1]", 200),
    ("[::1]:8000", 200),
    ("[fd00::5]:8000", 200),
    (MACHINE, 200),
    (f"{MACHINE}:8000", 200),
    (EVIL, 421),
    (f"{EVIL}:8000", 421),
    ("localhost.evil.example", 421),
    ("evil.localhost", 421),
    ("localhost.", 421),
    ("127.0.0.1.evil.example", 421),
    ("127.1", 421),
    ("2130706433", 421),
    ("127.0.0.1:0", 400),
    ("127.0.0.1:123456", 400),
    ("localhost, evil.example", 400),
    ("localhost@evil.example", 400),
    ("user:word@localhost", 400),
    ("localhost/evil.example", 400),
    ("localhost\\evil.example", 400),
    ("localhost evil.example", 400),
    ("local_host", 400),
    ("[::1%25eth0]", 400),
    ("[v1.x]", 400),
    ("::1", 400),
    ("<b>", 400),
    ("löcalhost", 400),
    ("", 400),
)


@pytest.fixture
def ask(settings, folders, cast, monkeypatch):
    """`ask(name, **settings)`: look at the log-in page under that name."""
    monkeypatch.setattr(socket, "gethostname", lambda: MACHINE)

    def ask(name, **changed):
        client = build_app(replace(settings, **changed), folders).test_client()
        return client.get("/login", headers={"Host": name})

    return ask


@pytest.mark.slow
@pytest.mark.parametrize(("host", "status"), BY_DEFAULT)
def test_without_a_setting_it_has_the_names_that_nobody_else_can_have(ask, host, status):
    answer = ask(host)
    assert answer.status_code == status
    if status != 200:
        assert answer.get_data(as_text=True) == front.PAGE.format(
            front.NOT_OURS if status == 421 else front.NOT_A_NAME
        )
        assert set(security.HEADERS) <= set(answer.headers.keys())
        assert answer.headers["Cache-Control"] == "no-store"
        assert not {"Set-Cookie", "Location"} & set(answer.headers.keys())
        assert Session.select().count() == 0


def test_the_address_it_listens_on_may_be_a_name(ask):
    assert ask("Desk.Example", host="desk.example").status_code == 200
    assert ask("desk.example", host="127.0.0.1").status_code == 421


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("dash.example", 200),
        ("DASH.example:8000", 200),
        ("other.example:8443", 200),
        ("other.example", 421),
        ("other.example:8000", 421),
        ("[fd00::5]:9", 200),
        ("localhost", 421),
        ("127.0.0.1", 421),
        (MACHINE, 421),
    ],
)
def test_with_a_setting_it_has_the_names_that_this_says(ask, host, status):
    names = config.load({"DASHBOARD_SERVER_NAMES": "dash.example, other.example:8443, [fd00::5]"})
    assert ask(host, server_names=names.server_names).status_code == status


def test_the_port_that_https_implies_counts_as_written(ask):
    names, secure = {"server_names": ("dash.example:443",)}, {"secure_cookies": True}
    assert ask("dash.example", **names, **secure).status_code == 200
    assert ask("dash.example", **names).status_code == 421


@pytest.mark.parametrize("value", ["a_b.example", "http://a.example", "a.example:0", "*.example"])
def test_a_setting_that_can_be_no_name_stops_the_start(value):
    with pytest.raises(config.ConfigError, match="DASHBOARD_SERVER_NAMES"):
        config.load({"DASHBOARD_SERVER_NAMES": value})


def test_a_request_without_a_name_gets_nowhere(app):
    started = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/login", "wsgi.url_scheme": "http"}
    body = b"".join(app.wsgi_app(environ, lambda status, headers: started.append(status)))
    assert started == ["400 BAD REQUEST"]
    assert front.NOT_A_NAME.encode() in body


# --- proxies


@pytest.fixture
def seen(settings, folders, cast):
    """`seen(hops, headers)`: what a view sees of who asks, and how; or the status of a refusal."""

    def seen(hops, headers, **changed):
        app = build_app(replace(settings, proxy_hops=hops, **changed), folders)

        @app.get("/seen")
        @access.public
        def view():
            return {"who": request.remote_addr, "url": request.url_root}

        answer = app.test_client().get("/seen", headers=headers)
        return json.loads(answer.text) if answer.status_code == 200 else answer.status_code

    return seen


DIRECT = {"who": "127.0.0.1", "url": "http://localhost/"}
FORGED = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": EVIL,
    "X-Forwarded-Port": "1",
    "X-Forwarded-Prefix": "/evil",
    "Forwarded": f"for=6.6.6.6;host={EVIL};proto=https",
    "X-Real-IP": "6.6.6.6",
    "X-Original-URL": "/units",
    "X-Rewrite-URL": "/units",
    "X-HTTP-Method-Override": "POST",
}


def test_without_proxies_every_forwarded_header_is_nothing(seen):
    assert seen(0, FORGED) == DIRECT


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hops", "headers", "wanted"),
    [
        (1, {}, DIRECT),
        (1, {"X-Forwarded-For": "6.6.6.6, 9.9.9.9"}, DIRECT | {"who": "9.9.9.9"}),
        (2, {"X-Forwarded-For": "6.6.6.6, 9.9.9.9, 10.0.0.1"}, DIRECT | {"who": "9.9.9.9"}),
        (2, {"X-Forwarded-For": "6.6.6.6"}, DIRECT),
        (1, {"X-Forwarded-Proto": "https"}, DIRECT | {"url": "https://localhost/"}),
        (1, {"X-Forwarded-Proto": "http, https"}, DIRECT | {"url": "https://localhost/"}),
        (1, {"X-Forwarded-Proto": "javascript"}, 400),
        (1, {"X-Forwarded-Proto": "https:"}, 400),
        (1, {"X-Forwarded-Host": "10.0.0.9:8443"}, DIRECT | {"url": "http://10.0.0.9:8443/"}),
        (1, {"X-Forwarded-Host": f"{EVIL}, localhost"}, DIRECT),
        (1, {"X-Forwarded-Host": EVIL}, 421),
        (1, {"X-Forwarded-Host": f"localhost, {EVIL}"}, 421),
        (1, {"X-Forwarded-Host": f"localhost@{EVIL}"}, 400),
        (1, {"X-Forwarded-Port": "1", "X-Forwarded-Prefix": "/evil"}, DIRECT),
        (1, {"Forwarded": f"for=6.6.6.6;host={EVIL};proto=https", "X-Real-IP": "6.6.6.6"}, DIRECT),
    ],
)
def test_as_many_entries_are_believed_as_there_are_proxies(seen, hops, headers, wanted):
    assert seen(hops, headers) == wanted


def test_where_people_come_by_https_only_a_proxy_need_not_say_so(seen):
    assert seen(0, {}, secure_cookies=True) == DIRECT | {"url": "https://localhost/"}


@pytest.mark.parametrize("address", ["/login", "/none", "/static/css/app.css", "/logout"])
@pytest.mark.parametrize("host", ["localhost", EVIL])
def test_browsers_are_told_to_come_by_https_alone_where_they_can(
    settings, folders, cast, host, address
):
    for secure in (False, True):
        client = build_app(replace(settings, secure_cookies=secure), folders).test_client()
        answer = client.get(address, headers={"Host": host}, buffered=True)
        said = answer.headers.get("Strict-Transport-Security")
        assert said == ("max-age=31536000; includeSubDomains" if secure else None)
