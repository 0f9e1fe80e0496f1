"""What other sites' pages may ask for: to be linked to us, and nothing else."""

from dataclasses import replace

import pytest

from dashboard.models import AuditEvent, Session, User
from dashboard.web import build_app, origin
from tests.web.conftest import COOKIE, TOKEN

PARTS = (
    ("no-cors", "image"),
    ("no-cors", "script"),
    ("no-cors", "style"),
    ("no-cors", "empty"),
    ("cors", "empty"),
    ("navigate", "iframe"),
    ("navigate", "frame"),
    ("navigate", "object"),
    ("navigate", "embed"),
    ("navigate", "fencedframe"),
    ("websocket", "empty"),
    ("", ""),
)
LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
FORM = {"theme": "dark"}


def of(site, **more):
    return {"Sec-Fetch-Site": site} | {name.replace("_", "-"): text for name, text in more.items()}


def theme(user):
    return User.get_by_id(user.id).theme


@pytest.mark.parametrize(
    "headers",
    [
        {},
        of("same-origin"),
        of("none"),
        {"Origin": "http://localhost"},
        {"Origin": "http://localhost", **of("same-origin")},
    ],
)
def test_a_form_of_ours_is_taken(client, cast, login, headers):
    login(client, cast.alice)
    assert client.post("/theme", data=FORM, headers=headers).status_code == 303
    assert theme(cast.alice) == "dark"


FOREIGN = [
    of("cross-site"),
    of("same-site"),
    of("cross-site") | LINK,
    of("same-site") | LINK,
    of("cross-site", Origin="http://localhost"),
    *(
        {"Origin": text}
        for text in (
            "null",
            "",
            "https://evil.example",
            "https://localhost",  # another scheme
            "http://localhost:81",
            "http://localhost:80",  # no browser writes it so
            "http://localhost.evil.example",
            "http://evil.localhost",
            "http://localhost/",
            "http://localhost@evil.example",
            "http://localhost http://evil.example",
            "http://127.0.0.1",
            "file://",
            "localhost",
        )
    ),
]


@pytest.mark.parametrize("known", [True, False])
def test_a_form_of_another_site_is_refused_whatever_it_knows(client, cast, login, known, caplog):
    if known:
        login(client, cast.alice)
    token = client.csrf_token()
    events, sessions = AuditEvent.select().count(), Session.select().count()
    for headers in FOREIGN:
        caplog.clear()
        headers = headers | {"X-CSRFToken": token}
        answer = client.post("/theme", data=FORM, headers=headers, csrf=False)
        assert answer.status_code == 403, headers
        assert "came from another site" in answer.text
        assert theme(cast.alice) == "auto"
        assert (AuditEvent.select().count(), Session.select().count()) == (events, sessions)
        assert "refused what another site asked of auth.theme: " in caplog.text
        assert "evil" not in caplog.text


def test_a_refusal_takes_nobodys_session_away(app, cast):
    """A foreign form comes without our cookie: what is answered must not replace it."""
    answer = app.test_client().post("/login", headers=of("cross-site"), csrf=False)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers
    assert Session.select().count() == 0


def test_a_link_may_lead_here(client, cast, login):
    login(client, cast.alice)
    for address in ("/units", "/u/daily/", "/u/daily/admin/audit.csv", "/none"):
        plain = client.get(address, buffered=True).status_code
        assert plain in (200, 303, 404)
        for site in ("same-origin", "same-site", "cross-site", "none"):
            answer = client.get(address, headers=LINK | of(site), buffered=True)
            assert answer.status_code == plain, (address, site)


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
def test_nothing_of_ours_is_part_of_another_sites_page(client, cast, login, site):
    login(client, cast.alice)
    for mode, target in PARTS:
        headers = of(site, Sec_Fetch_Mode=mode, Sec_Fetch_Dest=target)
        for address in ("/units", "/u/daily/news", "/static/css/app.css", "/none"):
            answer = client.get(address, headers=headers, buffered=True)
            assert answer.status_code == 403, (mode, target, address)
            assert "Harbour" not in answer.text
            assert not {"Set-Cookie", "Location"} & set(answer.headers.keys())


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_pages_have_all_their_parts(client, cast, login, site):
    login(client, cast.alice)
    for mode, target in PARTS:
        headers = of(site, Sec_Fetch_Mode=mode, Sec_Fetch_Dest=target)
        for address in ("/units", "/static/css/app.css"):
            answer = client.get(address, headers=headers, buffered=True)
            assert answer.status_code == 200, (mode, target, address)


def test_no_site_is_ever_told_that_it_may_read(client, cast, login):
    login(client, cast.alice)
    asks = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for method in ("GET", "OPTIONS"):
        answer = client.open("/units", method=method, headers=asks)
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(
    ("changed", "headers", "ours"),
    [
        ({"proxy_hops": 1}, {"X-Forwarded-Proto": "https"}, "https://localhost"),
        (
            {"proxy_hops": 1, "server_names": ("dash.example",)},
            {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "Dash.example:8443"},
            "https://dash.example:8443",
        ),
        ({"secure_cookies": True}, {}, "https://localhost"),
        ({"server_names": ("dash.example",)}, {"Host": "dash.example:8000"}, None),
    ],
)
def test_behind_a_proxy_our_origin_is_the_one_people_see(
    settings, folders, cast, login, changed, headers, ours
):
    app = build_app(replace(settings, **changed), folders)
    app.config["WTF_CSRF_SSL_STRICT"] = False  # about the referrer: test_security has it
    browser = app.test_client(use_cookies=False)
    cookie = login(app.test_client(), cast.alice).get_cookie(COOKIE).value
    headers = headers | {"Cookie": f"{app.config['SESSION_COOKIE_NAME']}={cookie}"}
    token = TOKEN.search(browser.get("/none", headers=headers).text)[1]
    headers |= {"X-CSRFToken": token}
    ours = ours or "http://dash.example:8000"
    for given in ("http://localhost", "https://localhost:8443", "https://evil.example"):
        if given != ours:
            answer = browser.post("/theme", data=FORM, headers=headers | {"Origin": given})
            assert answer.status_code == 403
            assert theme(cast.alice) == "auto"
    answer = browser.post("/theme", data=FORM, headers=headers | {"Origin": ours})
    assert answer.status_code == 303
    assert theme(cast.alice) == "dark"


def test_the_sentence_says_what_to_do_behind_a_proxy():
    assert "DASHBOARD_PROXY_HOPS" in origin.SENTENCE
