"""Guessing passwords and codes: how far it gets, what it leaves, and whom it does not keep out."""

import time
from dataclasses import replace

import pytest

from dashboard.models import AuditEvent, Session, Throttle, people, throttle
from dashboard.models.throttle import GATES, TooManyTries, trying
from dashboard.web import build_app, tries
from tests.factories import PASSWORD

ALICE, NOBODY = "alice@harbour.example", "nobody@harbour.example"
ACCOUNT, ADDRESS = GATES["account"], GATES["address"]


@pytest.fixture(autouse=True)
def hashed(monkeypatch):
    """Whose password was compared; comparing costs nothing here."""
    asked = []

    def compare(user, password):
        asked.append(user and user.email)
        return user is not None and user.is_active and password == PASSWORD

    monkeypatch.setattr(tries, "is_password", compare)
    return asked


@pytest.fixture
def clock(monkeypatch):
    """`clock(seconds)`: let the time of the gates go on (or back)."""
    now = [int(time.time())]
    monkeypatch.setattr(throttle.time, "time", lambda: now[0])

    def go_on(seconds):
        now[0] += seconds

    return go_on


def attempt(client, email=ALICE, password="wrong", address="192.0.2.1", **headers):
    """Try to log in; every try from a session of its own."""
    client.delete_cookie("dashboard_session")
    data = {"email": email, "password": password}
    return client.post("/login", data=data, environ_base={"REMOTE_ADDR": address}, headers=headers)


def addresses():
    """Yield addresses without end, each of another network."""
    number = 0
    while True:
        number += 1
        yield f"198.51.{number // 250}.{number % 250 + 1}"


def shut(client, email=ALICE):
    """Fill the bucket of an account from many addresses."""
    for _, address in zip(range(ACCOUNT.at_once), addresses(), strict=False):
        assert attempt(client, email, address=address).status_code == 422


@pytest.mark.parametrize("email", [ALICE, NOBODY])
def test_an_account_is_shut_wherever_the_tries_come_from(client, cast, hashed, email):
    shut(client, email)
    before = len(hashed), Session.select().count()
    refused = attempt(client, email, PASSWORD, "203.0.113.9")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= ACCOUNT.seconds
    assert "There were too many tries. Wait, and try again in 15 minutes." in refused.text
    assert email in refused.text  # what was typed is still there
    assert len(hashed) == before[0], "the password was looked at"
    assert not Session.select().where(Session.user.is_null(False)).exists()
    assert attempt(client, "ursula@harbour.example", PASSWORD).status_code == 303


def test_an_unknown_address_is_answered_as_a_known_one(client, cast, hashed):
    answers = {}
    for email in (ALICE, NOBODY):
        Throttle.delete().execute()
        answers[email] = [
            (answer.status_code, answer.text.replace(email, "…").count("too many"))
            for answer in (attempt(client, email) for _ in range(ACCOUNT.at_once + 2))
        ]
    assert answers[ALICE] == answers[NOBODY]
    assert hashed == [ALICE] * ACCOUNT.at_once + [None] * ACCOUNT.at_once


def test_the_owner_gets_in_from_a_browser_that_the_account_knows(app, client, cast):
    owner = app.test_client()
    assert attempt(owner, password=PASSWORD).status_code == 303
    shut(client)
    assert attempt(client, password=PASSWORD).status_code == 429
    assert attempt(owner, password=PASSWORD).status_code == 303
    # Guessing there is counted too, in a bucket of its own.
    for _ in range(GATES["browser"].at_once):
        assert attempt(owner).status_code == 422
    assert attempt(owner, password=PASSWORD).status_code == 429


def test_the_cookie_of_a_known_browser_is_for_one_account_and_one_password(app, client, cast):
    assert attempt(client, password=PASSWORD).status_code == 303
    bob = "bob@harbour.example"
    stranger = app.test_client()
    shut(stranger, bob)
    assert attempt(client, bob, PASSWORD).status_code == 429
    shut(stranger)
    assert attempt(client, password=PASSWORD).status_code == 303
    people.set_password(cast.alice, "another horse battery")
    assert attempt(client, password=PASSWORD).status_code == 429


@pytest.mark.parametrize("value", ["", "x", "A" * 22, "A" * 22 + "." + "0" * 64, "é.ü"])
def test_a_made_up_cookie_makes_no_browser_known(client, cast, value):
    shut(client)
    client.set_cookie("dashboard_browser", value)
    assert attempt(client, password=PASSWORD).status_code == 429


def test_the_cookie_is_kept_from_scripts_and_other_hosts(settings, folders, cast):
    app = build_app(replace(settings, secure_cookies=True), folders)
    client = app.test_client()
    token = client.get("/login", base_url="https://localhost").text.split('csrf-token" content="')
    answer = client.post(
        "/login",
        base_url="https://localhost",
        data={"email": ALICE, "password": PASSWORD},
        headers={"X-CSRFToken": token[1].split('"')[0], "Referer": "https://localhost/login"},
    )
    app.extensions["sources"].close()
    (cookie,) = [
        text for text in answer.headers.getlist("Set-Cookie") if "dashboard_browser" in text
    ]
    assert cookie.startswith("__Host-dashboard_browser=")
    for part in ("; Secure", "; HttpOnly", "; Path=/", "; SameSite=Lax"):
        assert part in cookie


def test_tries_spread_over_accounts_are_counted_for_the_address(client, cast):
    for number in range(ADDRESS.at_once):
        assert attempt(client, f"user{number}@harbour.example").status_code == 422
    assert attempt(client, password=PASSWORD).status_code == 429
    assert attempt(client, password=PASSWORD, address="192.0.2.2").status_code == 303


def test_a_network_of_ipv6_is_one_guesser(client, cast):
    for number in range(ADDRESS.at_once):
        attempt(client, f"user{number}@harbour.example", address=f"2001:db8::{number:x}")
    assert attempt(client, password=PASSWORD, address="2001:db8::ffff").status_code == 429
    assert attempt(client, password=PASSWORD, address="2001:db8:0:1::1").status_code == 303


def test_a_forged_header_makes_no_other_address(client, cast):
    for number in range(ADDRESS.at_once):
        forged = {"X-Forwarded-For": f"203.0.113.{number}"}
        attempt(client, f"user{number}@harbour.example", **forged)
    assert attempt(client, password=PASSWORD, **{"X-Forwarded-For": "8.8.8.8"}).status_code == 429


def test_a_restart_forgets_nothing(app, settings, folders, client, cast):
    shut(client)
    again = build_app(settings, folders)
    again.test_client_class = app.test_client_class
    assert attempt(again.test_client(), password=PASSWORD).status_code == 429
    again.extensions["sources"].close()


def test_right_passwords_cost_nothing(client, cast):
    for _ in range(ADDRESS.at_once + 2):
        client.delete_cookie("dashboard_browser")
        assert attempt(client, password=PASSWORD).status_code == 303


def test_time_opens_the_gate_one_try_after_the_other(client, cast, clock):
    shut(client)
    assert attempt(client, password=PASSWORD).status_code == 429
    clock(ACCOUNT.seconds)
    assert attempt(client).status_code == 422
    assert attempt(client, password=PASSWORD).status_code == 429
    clock(ACCOUNT.seconds)
    assert attempt(client, password=PASSWORD).status_code == 303


def test_a_day_of_guessing_gets_a_hundred_tries(cast, clock):
    """NIST SP 800-63B, 5.2.2."""
    through = 0
    for _ in range(24 * 12):
        clock(300)
        try:
            trying(account=ALICE).take()
            through += 1
        except TooManyTries:
            pass
    assert 90 <= through <= ACCOUNT.at_once + 24 * 4


def test_a_clock_that_is_set_back_shuts_nothing_for_long(cast, clock):
    clock(10 * 365 * 86400)
    trying(account=ALICE).take()
    clock(-10 * 365 * 86400)
    with pytest.raises(TooManyTries) as refused:
        trying(account=ALICE).take()
    assert refused.value.seconds <= ACCOUNT.seconds
    clock(ACCOUNT.seconds)
    trying(account=ALICE).take()


def test_a_try_that_one_gate_refuses_fills_no_other(cast):
    for _ in range(ACCOUNT.at_once):
        trying(account=ALICE).take()
    with pytest.raises(TooManyTries):
        trying(address="192.0.2.1", account=ALICE).take()
    assert Throttle.select().count() == 1


def test_what_is_empty_is_swept_and_the_table_tells_no_address(cast, clock):
    for number in range(20):
        trying(account=f"user{number}@harbour.example").take()
    kept = list(Throttle.select().dicts())
    assert len(kept) == 20
    assert "user" not in str(kept)
    clock(ACCOUNT.seconds)
    trying(account=ALICE).take()
    assert Throttle.select().count() == 1


def test_refusals_are_one_line_of_the_audit_log(client, cast):
    shut(client)
    for _ in range(30):
        assert attempt(client).status_code == 429
    said = [event.detail for event in AuditEvent.select().where(AuditEvent.action == "login")]
    assert sum("too many tries" in detail for detail in said) == 1
    assert len(said) == ACCOUNT.at_once + 1


def test_the_password_typed_again_is_counted(client, cast, login):
    alice = login(client, cast.alice, fresh=False)
    for _ in range(GATES["confirm"].at_once):
        assert alice.post("/confirm", data={"password": "wrong"}).status_code == 422
    refused = alice.post("/confirm", data={"password": PASSWORD})
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] in ("59", "60")
    assert Session.get(Session.user == cast.alice).fresh_at == 0


def test_the_old_password_of_a_new_one_is_counted(client, cast, login):
    alice, stored = login(client, cast.alice), cast.alice.password_hash
    form = {"password": "a quite new sentence", "again": "a quite new sentence"}
    for _ in range(GATES["confirm"].at_once):
        assert alice.post("/account/password", data=form | {"old": "wrong"}).status_code == 422
    assert alice.post("/account/password", data=form | {"old": PASSWORD}).status_code == 429
    assert type(cast.alice).get_by_id(cast.alice.id).password_hash == stored
