"""One's own account: another password, and the sessions."""

import hashlib

import pytest

from dashboard.models import AuditEvent, Session, User, audit
from dashboard.models.people import is_password, set_password
from dashboard.models.throttle import GATES
from dashboard.web.own_sessions import browser_in_words
from tests.factories import PASSWORD
from tests.web.conftest import COOKIE

NEW = "quiet harbour, slow tide"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def alice(client, cast, login):
    return login(client, cast.alice)


@pytest.fixture
def elsewhere(app, cast, login):
    """Alice in another browser."""
    return login(app.test_client(), cast.alice)


def change(client, old=PASSWORD, new=NEW, again=None):
    data = {"old": old, "password": new, "again": new if again is None else again}
    return client.post("/account/password", data=data)


def is_in(client):
    return client.get("/units").status_code == 200


def events():
    return [
        (event.action, event.subject, event.user_email, event.outcome)
        for event in AuditEvent.select().order_by(AuditEvent.id)
    ]


def uids(user):
    return {row.uid for row in Session.select().where(Session.user == user)}


def this_hash(client):
    return hashlib.sha256(client.get_cookie(COOKIE).value.encode()).hexdigest()


def test_the_menu_leads_to_the_account(alice):
    assert 'href="/account"' in alice.get("/u/daily/w/ws-one").text
    page = alice.get("/account").text
    assert "alice@harbour.example" in page
    assert '<label for="old">Password now</label>' in page


def test_a_new_password_ends_the_others_and_rotates_this_one(alice, elsewhere, app, cast):
    before = alice.get_cookie(COOKIE).value
    copy = app.test_client()
    copy.set_cookie(COOKIE, before)
    answer = change(alice)
    assert (answer.status_code, answer.location) == (303, "/account")
    assert "Your password is changed." in alice.get("/account").text
    assert alice.get_cookie(COOKIE).value != before
    assert not is_in(elsewhere)
    assert not is_in(copy)
    assert is_password(User.get_by_id(cast.alice.id), NEW)
    assert not is_password(User.get_by_id(cast.alice.id), PASSWORD)
    email = cast.alice.email
    assert events() == [("user.password", email, email, "done")]


@pytest.mark.parametrize(
    ("old", "new", "again", "words"),
    [
        ("not my password", NEW, NEW, "not your login password"),
        ("", NEW, NEW, "password of now"),
        (PASSWORD, "short", "short", "at least 8"),
        (PASSWORD, NEW, NEW + "!", "same password twice"),
        (PASSWORD, "", "", "Choose a password"),
    ],
)
def test_a_password_that_is_refused_changes_nothing(alice, elsewhere, cast, old, new, again, words):
    before, sessions = User.get_by_id(cast.alice.id).password_hash, uids(cast.alice)
    answer = change(alice, old, new, again)
    assert answer.status_code == 422
    assert words in answer.text
    assert NEW not in answer.text
    assert PASSWORD not in answer.text
    assert User.get_by_id(cast.alice.id).password_hash == before
    assert uids(cast.alice) == sessions
    assert is_in(elsewhere)
    refused = ("user.password", cast.alice.email, cast.alice.email, "refused")
    assert events() == ([refused] if old == "not my password" else [])


@pytest.mark.slow
def test_the_old_password_cannot_be_guessed_from_a_session(alice, cast):
    for _ in range(GATES["confirm"].at_once):
        assert change(alice, "not my password").status_code == 422
    refused = change(alice)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= GATES["confirm"].seconds
    assert is_password(User.get_by_id(cast.alice.id), PASSWORD)


def test_changing_the_password_needs_the_csrf_token(alice, cast):
    data = {"old": PASSWORD, "password": NEW, "again": NEW}
    assert alice.post("/account/password", data=data, csrf=False).status_code == 400
    assert is_password(User.get_by_id(cast.alice.id), PASSWORD)


def test_a_log_in_is_listed_with_browser_and_address(client, cast):
    data = {"email": cast.alice.email, "password": PASSWORD}
    client.post("/login", data=data, headers={"User-Agent": FIREFOX})
    page = client.get("/account").text
    assert "Firefox on Linux" in page
    assert "from 127.0.0.1" in page
    assert page.count("this one") == 1
    assert "End all others" not in page


def test_what_a_browser_says_of_itself_is_cut_and_never_markup(client, cast):
    data = {"email": cast.alice.email, "password": PASSWORD}
    said = "<script>alert(1)</script>\t" + "x" * 500
    client.post("/login", data=data, headers={"User-Agent": said})
    row = Session.get(Session.user == cast.alice)
    assert row.user_agent == ("<script>alert(1)</script>" + "x" * 500)[:200]
    page = client.get("/account").text
    assert "<script>alert" not in page
    assert "Unknown browser" in page


def test_a_visitor_who_is_not_logged_in_leaves_no_trace_of_himself(client, cast):
    client.get("/login", headers={"User-Agent": FIREFOX})
    assert [(row.user_agent, row.address) for row in Session.select()] == [("", "")]


def test_another_session_is_ended_and_dead_at_its_next_request(alice, elsewhere, cast):
    row = Session.get(Session.user == cast.alice, Session.token_hash != this_hash(alice))
    Session.update(user_agent=IPHONE).where(Session.uid == row.uid).execute()
    page = alice.get("/account").text
    assert "Safari on iPhone" in page
    answer = alice.post(f"/account/sessions/{row.uid}/end")
    assert (answer.status_code, answer.location) == (303, "/account")
    assert "This browser is logged out." in alice.get("/account").text
    assert not is_in(elsewhere)
    assert is_in(alice)
    assert events() == [("session.end", "Safari on iPhone", cast.alice.email, "done")]


def test_all_others_are_ended_at_once(alice, elsewhere, app, cast, login):
    third = login(app.test_client(), cast.alice)
    bob = login(app.test_client(), cast.bob)
    assert alice.post("/account/sessions/end").status_code == 303
    assert "Logged out elsewhere: 2." in alice.get("/account").text
    assert not is_in(elsewhere)
    assert not is_in(third)
    assert is_in(alice)
    assert is_in(bob)
    assert events() == [("session.end", "all others", cast.alice.email, "done")]


def test_a_foreign_session_answers_like_a_missing_one(alice, app, cast, login):
    bob = login(app.test_client(), cast.bob)
    before = uids(cast.alice) | uids(cast.bob)
    answers = []
    for uid in (uids(cast.bob).pop(), "0" * 32, "-", "{uid}"):
        answer = alice.post(f"/account/sessions/{uid}/end")
        answers.append((answer.status_code, answer.location))
        assert "was not logged in any more" in alice.get("/account").text
    assert set(answers) == {(303, "/account")}
    assert is_in(bob)
    assert uids(cast.alice) | uids(cast.bob) == before
    assert events() == []


def test_the_own_session_cannot_be_ended_by_its_uid(alice, cast):
    alice.post(f"/account/sessions/{uids(cast.alice).pop()}/end")
    assert is_in(alice)


def test_no_uid_opens_a_session(alice, app, cast):
    thief = app.test_client()
    for uid in uids(cast.alice):
        thief.set_cookie(COOKIE, uid)
        assert not is_in(thief)


def test_no_token_and_no_hash_is_on_the_page(alice, elsewhere):
    page = alice.get("/account").text
    for client in (alice, elsewhere):
        assert client.get_cookie(COOKIE).value not in page
        assert this_hash(client) not in page


def test_the_log_in_seen_longest_ago_makes_place_for_one_too_many(
    client, app, cast, login, monkeypatch
):
    monkeypatch.setattr("dashboard.web.session_rows.SESSIONS_MAX", 3)
    browsers = [login(app.test_client(), cast.alice) for _ in range(3)]
    bob = login(app.test_client(), cast.bob)
    for age, browser in enumerate(browsers):
        Session.update(seen_at=Session.seen_at - age).where(
            Session.token_hash == this_hash(browser)
        ).execute()
    client.post("/login", data={"email": cast.alice.email, "password": PASSWORD})
    assert [is_in(browser) for browser in (client, *browsers, bob)] == [
        True,
        True,
        True,
        False,
        True,
    ]


def test_ending_needs_a_fresh_login_and_the_csrf_token(app, client, cast, login, elsewhere):
    old = login(client, cast.alice, fresh=False)
    assert old.post("/account/sessions/end").location.startswith("/confirm")
    assert is_in(elsewhere)
    fresh = login(client, cast.alice)
    assert fresh.post("/account/sessions/end", csrf=False).status_code == 400
    assert is_in(elsewhere)


def test_what_was_done_with_the_account_is_shown_to_its_owner_alone(app, alice, cast, login):
    app.test_client().post("/login", data={"email": cast.alice.email, "password": "wrong horse"})
    set_password(cast.rita, NEW, by="command line")
    alice.post("/account/sessions/end")
    page = alice.get("/account").text
    assert 'Log-in <span class="tag tag--warning">refused' in page
    assert "Gave a new password" not in page
    rita = login(app.test_client(), cast.rita).get("/account").text
    assert "Gave a new password" in rita
    assert "by command line" in rita
    assert ">refused<" not in rita


def test_the_page_asks_as_much_after_years_as_on_the_first_day(alice, cast, query_count):
    for number in range(30):
        audit("login", by=cast.alice if number % 2 else cast.bob)
    with query_count() as queries:
        page = alice.get("/account").text
    assert page.count("Log-in <span") == 10
    assert len(queries) <= 10, queries


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (IPHONE, "Safari on iPhone"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0.0.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like "
            "Gecko) Version/18.5 Safari/605.1.15",
            "Safari on macOS",
        ),
        ("curl/8.14.1", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_is_named_as_people_know_it(agent, words):
    assert browser_in_words(agent) == words
