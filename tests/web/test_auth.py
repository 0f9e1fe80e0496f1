import hashlib
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from dashboard.models import AuditEvent, Session, User
from dashboard.models.people import set_password
from dashboard.web import session_rows, sessions
from tests.factories import PASSWORD
from tests.web.conftest import COOKIE, TOKEN

HOUR = 3600


def log_in(client, name="alice", password=PASSWORD, **query):
    data = {"email": f"{name}@harbour.example", "password": password}
    return client.post("/login", data=data, query_string=query)


def token_of(client):
    cookie = client.get_cookie(COOKIE)
    return cookie and cookie.value


def row_of(client):
    return Session.get_or_none(
        Session.token_hash == hashlib.sha256(token_of(client).encode()).hexdigest()
    )


def test_the_page_has_email_password_and_a_button(client, cast):
    page = client.get("/login").text
    assert '<label for="email">Email</label>' in page
    assert '<label for="password">Password</label>' in page
    assert ">Log in</button>" in page


def test_the_right_password_logs_in(client, cast):
    answer = log_in(client)
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get("/u/daily/").status_code in (200, 303)
    assert AuditEvent.get().action == "login"


def test_the_address_may_be_typed_in_any_case_and_with_spaces(client, cast):
    data = {"email": "  Alice@Harbour.Example ", "password": PASSWORD}
    assert client.post("/login", data=data).status_code == 303


@pytest.mark.parametrize(
    ("name", "password"),
    [("alice", "wrong horse battery"), ("nobody", PASSWORD), ("alice", PASSWORD + " ")],
)
def test_every_failure_has_the_same_words(client, cast, name, password):
    answer = log_in(client, name, password)
    assert answer.status_code == 422
    assert "This email and password do not belong together" in answer.text
    assert password not in answer.text
    assert Session.select().where(Session.user.is_null(False)).count() == 0


def test_a_refused_login_is_audited_but_never_an_address_that_nobody_has(client, cast):
    log_in(client, "alice", "wrong horse battery")
    log_in(client, "my password", "wrong horse battery")
    events = [(event.action, event.user_email, event.outcome) for event in AuditEvent.select()]
    assert events == [
        ("login", "alice@harbour.example", "refused"),
        ("login", "unknown address", "refused"),
    ]
    assert "my password" not in str(list(AuditEvent.select().dicts()))


def test_logging_in_and_out_and_confirming_is_audited(client, cast):
    log_in(client)
    client.post("/confirm", data={"password": "wrong horse"})
    client.post("/confirm", data={"password": PASSWORD})
    client.post("/logout")
    events = [(event.action, event.outcome) for event in AuditEvent.select()]
    assert events == [
        ("login", "done"),
        ("confirm", "refused"),
        ("confirm", "done"),
        ("logout", "done"),
    ]
    assert {event.user_email for event in AuditEvent.select()} == {cast.alice.email}


def test_a_disabled_user_cannot_log_in(client, cast):
    User.update(is_active=False).where(User.id == cast.alice.id).execute()
    assert log_in(client).status_code == 422


def test_disabling_a_user_ends_what_he_is_doing(client, cast, login):
    login(client, cast.alice)
    User.update(is_active=False).where(User.id == cast.alice.id).execute()
    assert client.get("/units").location.startswith("/login")


def test_logging_in_needs_the_csrf_token(client, cast):
    data = {"email": "alice@harbour.example", "password": PASSWORD}
    assert client.post("/login", data=data, csrf=False).status_code == 400


def test_logging_in_rotates_the_token(client, cast):
    client.get("/login")
    before = token_of(client)
    log_in(client)
    assert token_of(client) not in (None, before)
    assert not Session.select().where(Session.user.is_null()).exists()


def test_the_row_keeps_only_the_hash_of_the_token(client, cast):
    log_in(client)
    row = row_of(client)
    assert row.user_id == cast.alice.id
    assert token_of(client) not in str(row.__data__)


def test_a_copied_cookie_is_worthless_after_logging_out(client, app, cast):
    log_in(client)
    copy = token_of(client)
    assert client.post("/logout").status_code == 303
    thief = app.test_client()
    thief.set_cookie(COOKIE, copy)
    assert thief.get("/units").location.startswith("/login")


def test_logging_out_is_not_a_link(client, cast, login):
    login(client, cast.alice)
    assert client.get("/logout").status_code == 405
    assert client.post("/logout", csrf=False).status_code == 400
    assert client.get("/units").status_code == 200


def test_a_new_password_ends_every_session(client, cast, login):
    login(client, cast.alice)
    set_password(cast.alice, "another long password")
    assert client.get("/units").location.startswith("/login")


@pytest.mark.parametrize(
    ("age", "quiet", "alive"),
    [
        (HOUR, HOUR, True),
        (13 * HOUR, 1, True),
        (13 * HOUR, 12 * HOUR + 1, False),
        (7 * 24 * HOUR + 1, 1, False),
    ],
)
def test_a_session_ends_after_12_idle_hours_and_after_7_days(
    client, cast, monkeypatch, age, quiet, alive
):
    log_in(client)
    start = time.time()
    # Seen every eleven hours until the quiet begins.
    moments = [start + age - quiet - pause * HOUR for pause in range(0, age // HOUR, 11)]
    for moment in [*reversed(moments), start + age]:
        monkeypatch.setattr(time, "time", lambda moment=moment: moment)
        answer = client.get("/units")
    assert (answer.status_code == 200) is alive


def test_only_a_rare_visit_writes_to_the_database(client, cast, login, monkeypatch):
    login(client, cast.alice)
    client.get("/units")
    seen = row_of(client).seen_at
    monkeypatch.setattr(time, "time", lambda: seen + session_rows.TOUCH_SECONDS - 1)
    client.get("/units")
    assert row_of(client).seen_at == seen
    monkeypatch.setattr(time, "time", lambda: seen + session_rows.TOUCH_SECONDS)
    client.get("/units")
    assert row_of(client).seen_at == seen + session_rows.TOUCH_SECONDS


def test_anonymous_rows_are_short_lived_and_swept(app, cast, monkeypatch):
    app.test_client().get("/login")
    assert Session.select().count() == 1
    later = time.time() + session_rows.ANONYMOUS_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    app.test_client().get("/login")
    assert Session.select().count() == 1


def test_an_unknown_cookie_opens_nothing_and_makes_no_row(client, cast):
    client.set_cookie(COOKIE, "made-up")
    assert client.get("/units").location.startswith("/login")
    assert Session.select().count() == 0


def test_a_session_that_was_ended_is_not_written_back(client, app, cast, login):
    login(client, cast.alice)
    with app.test_request_context(headers={"Cookie": f"{COOKIE}={token_of(client)}"}):
        here = sessions.current()
        here["late"] = True
        Session.delete().execute()
        app.session_interface.save_session(app, here, app.response_class())
    assert Session.select().count() == 0


@pytest.mark.parametrize(
    ("secure", "name"), [(False, "dashboard_session"), (True, "__Host-dashboard_session")]
)
def test_the_cookie_is_for_this_server_only(settings, folders, cast, secure, name):
    from dataclasses import replace

    from dashboard.web import build_app

    client = build_app(replace(settings, secure_cookies=secure), folders).test_client()
    words = client.get("/login").headers["Set-Cookie"].split("; ")
    assert words[0].startswith(f"{name}=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(words)
    assert ("Secure" in words) is secure
    assert not any(word.startswith("Domain") for word in words)


@pytest.mark.parametrize(
    ("wanted", "landed"),
    [
        ("/units", "/units"),
        ("/u/daily/?a=b", "/u/daily/?a=b"),
        ("http://localhost/units", "/units"),
        ("https://evil.example/units", "/"),
        ("//evil.example/units", "/"),
        ("/\\evil.example/units", "/"),
        ("javascript:alert(1)", "/"),
        ("/no/such/page", "/"),
        ("/logout", "/"),
        ("/login?next=/units", "/"),
        ("units", "/"),
        ("", "/"),
    ],
)
def test_next_leads_to_pages_of_ours_only(client, cast, wanted, landed):
    assert log_in(client, next=wanted).location == landed


def test_a_page_asked_for_before_is_opened_after(client, cast):
    sent = client.get("/u/daily/?x=1").location
    assert urlsplit(sent).path == "/login"
    assert parse_qs(urlsplit(sent).query) == {"next": ["/u/daily/?x=1"]}
    assert 'action="/login?next=/u/daily/?x%3D1"' in client.get(sent).text


def test_who_is_logged_in_is_led_on(client, cast, login):
    login(client, cast.alice)
    assert client.get("/login?next=/units").location == "/units"


def test_confirming_makes_the_login_fresh(client, cast, login):
    login(client, cast.alice, fresh=False)
    assert "alice@harbour.example" in client.get("/confirm").text
    assert client.post("/confirm", data={"password": "wrong horse"}).status_code == 422
    assert row_of(client).fresh_at == 0
    answer = client.post("/confirm?next=/units", data={"password": PASSWORD})
    assert (answer.status_code, answer.location) == (303, "/units")
    assert row_of(client).fresh_at >= time.time() - 60
    assert AuditEvent.get().outcome == "refused"


def test_confirming_changes_the_token_of_the_same_session(client, app, cast, login):
    login(client, cast.alice, fresh=False)
    copy, before = token_of(client), row_of(client)
    assert client.post("/confirm", data={"password": "wrong horse"}).status_code == 422
    assert token_of(client) == copy
    client.post("/confirm", data={"password": PASSWORD})
    assert token_of(client) != copy
    assert (row_of(client).uid, row_of(client).created_at) == (before.uid, before.created_at)
    assert client.get("/units").status_code == 200
    thief = app.test_client()
    thief.set_cookie(COOKIE, copy)
    assert thief.get("/units").location.startswith("/login")


def test_an_answer_that_comes_late_takes_no_new_cookie_back(client, app, cast, login):
    login(client, cast.alice, fresh=False)
    late = app.test_client()
    late.set_cookie(COOKIE, token_of(client))
    with app.test_request_context("/confirm", headers={"Cookie": f"{COOKIE}={token_of(client)}"}):
        here = sessions.current()
        sessions.confirm()
        client.post("/confirm", data={"password": PASSWORD})
        slower = app.response_class()
        app.session_interface.save_session(app, here, slower)
    assert "Set-Cookie" not in slower.headers
    assert "Set-Cookie" not in late.get("/units").headers
    assert client.get("/units").status_code == 200


@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_the_theme_is_kept_with_the_user(client, cast, login, theme):
    login(client, cast.alice)
    referrer = {"Referer": "http://localhost/units"}
    answer = client.post("/theme", data={"theme": theme}, headers=referrer)
    assert (answer.status_code, answer.location) == (303, "/units")
    assert User.get_by_id(cast.alice.id).theme == theme
    assert (f'data-theme="{theme}"' in client.get("/units").text) is (theme != "auto")


def test_an_unknown_theme_is_refused(client, cast, login):
    login(client, cast.alice)
    assert client.post("/theme", data={"theme": "pink"}).status_code == 422
    assert User.get_by_id(cast.alice.id).theme == "auto"


def test_a_token_stays_good_after_a_restart(client, settings, folders, cast, login):
    from dashboard.web import build_app

    login(client, cast.alice)
    token = TOKEN.search(client.get("/units").text)[1]
    again = build_app(settings, folders).test_client()
    again.set_cookie(COOKIE, token_of(client))
    data = {"csrf_token": token, "theme": "dark"}
    assert again.post("/theme", data=data).status_code == 303
