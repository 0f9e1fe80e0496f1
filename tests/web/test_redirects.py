"""Where one is led: to our own pages, whatever the address, the referrer or htmx say."""

import html
import re
from urllib.parse import urlsplit

import pytest
from flask import request

from dashboard.web import access
from tests import factories

FOREIGN = (
    "//evil.example",
    "//evil.example/units",
    "///evil.example/units",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example\\units",
    "\\/evil.example",
    "/\\/evil.example/units",
    "/units\\@evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:/units",
    "https:///units",
    "http:units",
    "https://evil.example/units",
    "HTTPS://EVIL.EXAMPLE/units",
    "http://localhost@evil.example/units",
    "http://localhost:80@evil.example/units",
    "http://user@localhost/units",
    "http://localhost.evil.example/units",
    "http://evil.example#http://localhost/units",
    "http://evil.example?http://localhost/units",
    "http://localhost:81/units",
    "http://[::1/units",
    "http://[evil/units",
    "//localhost/units",
    "ftp://localhost/units",
    "javascript:alert(1)",
    "javascript://localhost/%0aalert(1)",
    "javascript:/units",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "blob:http://localhost/units",
    "file:///units",
    " //evil.example/units",
    "\t//evil.example/units",
    "/\t/evil.example/units",
    "/\n/evil.example",
    "\x00//evil.example",
    "/units\r\nSet-Cookie: a=b",
    "/units\r\nLocation: https://evil.example",
    "/units\x7f",
    "/units\x85",
    "/%2f%2fevil.example",
    "/%2fevil.example",
    "%2f%2fevil.example",
    "/%5cevil.example",
    "/%0d%0aSet-Cookie:a=b",
    "／／evil.example",
    "//evil。example/units",
    "http://localhost／units@evil.example/",
    "/units//evil.example",
    "/..//evil.example",
    "/.//evil.example/units",
    "//[::1]/units",
    "evil.example",
    "?next=//evil.example",
    "#//evil.example",
    "",
    "/logout",
    "/login?next=/units",
    "/static/css/app.css",
    "/u/" + "x" * 9000,
)
OURS = {
    "/units": "/units",
    "/units?q=a%20b&page=2": "/units?q=a%20b&page=2",
    "/units?q=a b": "/units?q=a%20b",
    "/units?q=二": "/units?q=%E4%BA%8C",
    "/units?q=//evil.example": "/units?q=//evil.example",
    "/units#//evil.example": "/units",
    "http://localhost/units": "/units",
    "https://localhost/units?a=b": "/units?a=b",
    "/u/daily/": "/u/daily/",
    "/u/ä/": "/u/%C3%A4/",
    "/u/@evil.example/": "/u/@evil.example/",
    "/u/..;evil.example/": "/u/..;evil.example/",
}


# No server lets those with a line's end in as a header: tests/web/test_http_oddities.py.
IN_HEADERS = [url for url in (*FOREIGN, *OURS) if not set(url) & {"\r", "\n"}]


def as_header(url):
    return url.encode("utf-8").decode("latin-1")


def is_ours(location):
    parts = urlsplit(location)
    return location.startswith("/") and not (parts.scheme or parts.netloc) and location.isascii()


def test_what_leads_elsewhere_is_no_page_of_ours(app, cast):
    with app.test_request_context("/units"):
        assert {url: access.own_page(url) for url in FOREIGN} == dict.fromkeys(FOREIGN)


def test_a_page_of_ours_is_led_to_in_signs_that_a_header_can_hold(app, cast):
    with app.test_request_context("/units"):
        assert {url: access.own_page(url) for url in OURS} == OURS
        for found in OURS.values():
            assert is_ours(found)
            assert access.own_page(found) == found


@pytest.mark.parametrize("address", ["/login", "/confirm"])
@pytest.mark.parametrize("url", ["//evil.example", "http://localhost@evil.example/", "/units?q=二"])
def test_after_the_password_one_stays_here(client, cast, login, address, url):
    login(client, cast.alice)
    form = {"email": cast.alice.email, "password": factories.PASSWORD}
    answer = client.post(address, query_string={"next": url}, data=form)
    assert (answer.status_code, answer.location) == (303, OURS.get(url, "/"))


def test_who_is_logged_in_already_stays_here_too(client, cast, login, as_htmx):
    login(client, cast.alice)
    for url in (*FOREIGN, *OURS):
        wanted = OURS.get(url, "/")
        answer = client.get("/login", query_string={"next": url})
        assert (answer.status_code, answer.location) == (303, wanted), url
        answer = client.get("/login", query_string={"next": url}, headers=as_htmx)
        assert answer.headers["HX-Redirect"] == wanted, url


def test_who_has_to_log_in_comes_back_to_a_page_of_ours(client, cast, as_htmx):
    for url in IN_HEADERS:
        answer = client.get("/units", headers=as_htmx | {"HX-Current-URL": as_header(url)})
        assert answer.status_code == 401
        target = answer.headers["HX-Redirect"]
        assert is_ours(target), url
        assert urlsplit(target).path == "/login"
        assert "evil" not in target or url in OURS
    for url in IN_HEADERS:
        answer = client.post("/theme", headers={"Referer": as_header(url)})
        assert answer.status_code == 303
        assert is_ours(answer.location), url
        assert urlsplit(answer.location).path == "/login"


@pytest.mark.parametrize("name", ["Referer", "HX-Current-URL"])
def test_a_form_leads_back_to_a_page_of_ours(client, cast, login, name):
    login(client, cast.alice)
    token = client.csrf_token()
    for url in IN_HEADERS:
        headers = {name: as_header(url), "X-CSRFToken": token}
        answer = client.post("/theme", data={"theme": "dark"}, headers=headers, csrf=False)
        assert answer.status_code == 303
        assert is_ours(answer.location), url
        assert "evil" not in answer.location or url in OURS


@pytest.mark.parametrize("name", ["Referer", "HX-Current-URL"])
def test_an_error_offers_to_reload_a_page_of_ours(client, cast, login, name):
    login(client, cast.alice)
    for url in IN_HEADERS:
        answer = client.post("/theme", headers={name: as_header(url)}, csrf=False)
        assert answer.status_code == 400
        link = html.unescape(re.search(r'<a href="([^"]+)">Reload</a>', answer.text)[1])
        assert is_ours(link), url
        assert "evil" not in answer.text or url in OURS


def test_an_address_is_led_back_to_as_it_was_asked_for(app, client, cast):
    for asked in ("/units?q=a%20b", "/u/daily/?x=%E4%BA%8C", "/u/%C3%A4/"):
        answer = client.get(asked)
        assert answer.status_code == 303
        with app.test_request_context(answer.location):
            assert access.own_page(request.args["next"]) == asked


@pytest.mark.parametrize(
    "address", ["/u//daily/", "/u/daily", "/u/daily?next=//evil.example", "/static//evil.example"]
)
def test_a_better_spelling_of_an_address_is_on_this_server(client, cast, address):
    answer = client.get(address)
    assert answer.status_code == 308
    assert urlsplit(answer.location).netloc in ("", "localhost")
    assert urlsplit(answer.location).path.startswith(("/u/", "/static/"))
