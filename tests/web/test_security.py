import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.config import MIB, resource_root
from dashboard.models import Session, User
from dashboard.web import access, bodies, build_app, security, session_rows

ROOT = resource_root()
TEMPLATES = sorted([*ROOT.glob("templates/**/*.html"), *ROOT.glob("dashboard/plugins/**/*.html")])
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "frame-src": "'none'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "default",
}
ADDRESSES = (
    "/login",
    "/",
    "/units",
    "/u/daily/",
    "/u/none/",
    "/none",
    "/static/css/app.css",
    "/static/none",
)


def policy_of(answer):
    pairs = (part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    return dict(pairs)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("known", [False, True])
def test_every_answer_carries_the_headers(client, cast, login, address, known):
    if known:
        login(client, cast.alice)
    answer = client.get(address, buffered=True)
    assert policy_of(answer) == POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_refusals_carry_the_headers_too(client, cast):
    for answer in (client.post("/login", csrf=False), client.delete("/login")):
        assert answer.status_code in (400, 405)
        assert policy_of(answer) == POLICY


@pytest.mark.parametrize("address", [a for a in ADDRESSES if not a.startswith("/static")])
def test_no_page_is_kept_by_a_browser_or_a_proxy(client, cast, login, address):
    login(client, cast.alice)
    assert client.get(address).headers["Cache-Control"] == "no-store"


def test_a_download_is_not_kept_unless_its_view_says_private(app, client, cast):
    @app.get("/plain")
    @access.public
    def plain():
        answer = app.response_class("x")
        answer.cache_control.no_cache = True  # what send_file says
        return answer

    @app.get("/public")
    @access.public
    def public():
        answer = app.response_class("x")
        answer.cache_control.public, answer.cache_control.max_age = True, 60
        return answer

    @app.get("/private")
    @access.public
    def private():
        answer = app.response_class("x")
        answer.cache_control.private, answer.cache_control.max_age = True, 60
        return answer

    assert client.get("/plain").headers["Cache-Control"] == "no-store"
    assert client.get("/public").headers["Cache-Control"] == "no-store"
    assert client.get("/private").headers["Cache-Control"] == "private, max-age=60"


def test_static_files_with_a_version_are_kept_for_good(client, cast):
    page = client.get("/login").text
    addresses = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(addresses) >= 4
    for address in addresses:
        answer = client.get(address, buffered=True)
        assert answer.status_code == 200
        caching = answer.cache_control
        assert (caching.public, caching.max_age, caching.immutable) == (True, 31536000, True)
    answer = client.get("/static/css/app.css", buffered=True)
    assert "immutable" not in answer.headers["Cache-Control"]


def test_a_static_file_touches_no_session(client, cast):
    client.set_cookie("dashboard_session", "made-up")
    answer = client.get("/static/css/app.css", buffered=True)
    assert "Set-Cookie" not in answer.headers


def test_every_unsafe_route_refuses_a_missing_token(app, client, cast, login):
    login(client, cast.alice)
    rules = [rule for rule in app.url_map.iter_rules() if "POST" in rule.methods]
    # No cookie counts for the API: test_api_access.
    posts = [rule for rule in rules if not rule.endpoint.startswith("api.")]
    assert posts
    for rule in posts:
        values = dict.fromkeys(rule.arguments, "1") | {"slug": "daily"}
        address = app.url_map.bind("localhost").build(rule.endpoint, values, method="POST")
        answer = client.post(address, csrf=False)
        assert answer.status_code == 400, rule
        assert "This form is not valid any more" in answer.text


def test_over_https_the_referrer_must_be_ours(settings, folders, cast):
    client = build_app(replace(settings, secure_cookies=True), folders).test_client()
    base = "https://localhost"
    page = client.get("/login", base_url=base).text
    token = re.search(r'name="csrf-token" content="([^"]+)"', page)[1]
    data = {"csrf_token": token, "email": "x@y.example", "password": "12345678"}
    for referrer, status in ((f"{base}/login", 422), ("https://evil.example/", 400), (None, 400)):
        headers = {"Referer": referrer} if referrer else {}
        answer = client.post("/login", base_url=base, data=data, headers=headers)
        assert answer.status_code == status


def test_a_large_body_is_refused_before_it_is_read(client, cast, login):
    login(client, cast.alice)
    answer = client.post("/theme", data={"theme": "x" * (bodies.MAX_BODY_BYTES + 1)})
    assert answer.status_code == 413
    assert "larger than the server accepts" in answer.text
    assert User.get_by_id(cast.alice.id).theme == "auto"


def test_a_form_may_hold_a_config_value_of_one_mebibyte(client, cast, login):
    login(client, cast.alice)
    answer = client.post("/theme", data={"theme": "ä" * (MIB // 2)})
    assert answer.status_code == 422


def test_only_a_view_that_asks_for_it_takes_a_backup_file(app, client, settings, cast):
    sizes = {}

    @app.post("/large")
    @access.public
    @access.large_body
    def large():
        from flask import request

        sizes["large"] = request.max_content_length
        return "ok"

    assert client.post("/large").status_code == 200
    assert sizes["large"] == settings.max_upload_bytes + MIB


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_templates_have_no_inline_style_script_or_handler(file):
    source = file.read_text()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", source)
    for script in re.findall(r"<script([^>]*)>", source):
        assert " src=" in script


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_every_form_that_posts_carries_its_token(file):
    for form in re.findall(r"<form.*?</form>", file.read_text(), re.DOTALL):
        if 'method="post"' in form:
            assert "hidden(" in form or 'name="csrf_token"' in form, form[:100]


def test_vendored_files_are_the_ones_that_were_vetted():
    folder = ROOT / "static" / "vendor"
    lines = [line.split(" | ") for line in (folder / "VERSIONS").read_text().splitlines()]
    listed = {
        (folder / line[0]).resolve(): line[4]
        for line in lines
        if len(line) == 5 and line[0] != "# file"
    }
    for file, sha256 in listed.items():
        assert hashlib.sha256(file.read_bytes()).hexdigest() == sha256, file.name
    others = {Path(folder / "VERSIONS"), Path(folder / "LICENSES")}
    assert set(folder.iterdir()) - others <= set(listed)


def test_every_icon_that_a_template_draws_is_in_the_sprite():
    sprite = set(re.findall(r'<symbol id="([^"]+)"', (ROOT / "static/img/icons.svg").read_text()))
    call = re.compile(r"""(?:icon|draw)\("([a-z0-9-]+)"\s*[,)]|icon="([a-z0-9-]+)\"""")
    drawn = {
        first or second for file in TEMPLATES for first, second in call.findall(file.read_text())
    }
    assert "plus" in drawn
    assert drawn <= sprite


def test_no_header_names_the_server_or_its_version(client, cast):
    answer = client.get("/login")
    assert set(security.HEADERS) <= set(answer.headers.keys())
    assert not {"X-Powered-By", "Server"} & set(answer.headers.keys())


def test_a_crowd_of_visitors_fills_no_table(client, cast, login, monkeypatch):
    monkeypatch.setattr(session_rows, "ANONYMOUS_MAX", 5)
    monkeypatch.setattr(session_rows, "_TIDY_EVERY", 1)
    login(client.application.test_client(), cast.alice)
    for number in range(20):
        Session.update(expires_at=Session.expires_at - 1).where(Session.user.is_null()).execute()
        client.delete_cookie("dashboard_session")
        assert client.get("/login").status_code == 200, number
    assert Session.select().where(Session.user.is_null()).count() <= 6
    assert Session.select().where(Session.user == cast.alice).count() == 1
