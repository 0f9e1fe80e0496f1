"""The log-in of somebody who has a second factor: its second page, and who guesses there."""

import threading
import time

import pytest

from dashboard import db
from dashboard.models import (
    AuditEvent,
    RecoveryCode,
    Session,
    User,
    second_factor,
)
from dashboard.models.people import set_password
from dashboard.models.throttle import GATES
from dashboard.web.second_step import STEP_SECONDS
from tests.web.authenticator import (
    PAGE,
    Phone,
    events,
    first_step,
    is_in,
    rows,
    second,
    set_up,
)
from tests.web.conftest import COOKIE

GATE = GATES["code"]


def test_the_password_alone_gives_no_right(client, cast):
    set_up(cast.alice)
    answer = first_step(client, cast.alice)
    assert (answer.status_code, answer.location) == (303, "/login/code")
    assert Session.select().where(Session.user.is_null(False)).count() == 0
    for address in ("/units", "/account", "/u/daily/", PAGE):
        assert client.get(address).location.startswith("/login?")
    assert client.post("/account/sessions/end").location.startswith("/login")
    assert events("login") == []


def test_the_code_logs_in_and_rotates_the_session(client, cast):
    phone, _ = set_up(cast.alice)
    first_step(client, cast.alice)
    before = client.get_cookie(COOKIE).value
    answer = second(client, phone.code())
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get_cookie(COOKIE).value != before
    assert is_in(client)
    assert not Session.select().where(Session.user.is_null()).exists()
    assert events("login") == [(cast.alice.email, "done")]


def test_the_log_in_goes_on_where_the_user_was(client, cast):
    phone, _ = set_up(cast.alice)
    answer = first_step(client, cast.alice, next="/u/daily/admin/members")
    assert answer.location == "/login/code?next=/u/daily/admin/members"
    assert second(client, phone.code(), next="/u/daily/admin/members").location == (
        "/u/daily/admin/members"
    )


@pytest.mark.parametrize("next_", ["https://evil.example/", "//evil.example", "/login/code"])
def test_it_never_leads_elsewhere(client, cast, next_):
    phone, _ = set_up(cast.alice)
    assert first_step(client, cast.alice, next=next_).location == "/login/code"
    assert second(client, phone.code(), next=next_).location == "/"


def test_a_wrong_code_is_refused_audited_and_changes_nothing(client, cast):
    phone, _ = set_up(cast.alice)
    first_step(client, cast.alice)
    before = rows()
    answer = second(client, phone.wrong())
    assert answer.status_code == 422
    assert "This code is not right" in answer.text
    assert not is_in(client)
    assert rows() == before
    assert events("login") == [(cast.alice.email, "refused")]
    assert second(client, phone.code()).status_code == 303


@pytest.mark.parametrize(("steps", "status"), [(-2, 422), (-1, 303), (0, 303), (1, 303), (2, 422)])
def test_a_code_counts_one_step_before_and_after(client, cast, monkeypatch, steps, status):
    phone, _ = set_up(cast.alice)
    middle = time.time() // 30 * 30 + 15  # no step begins while the test runs
    monkeypatch.setattr("dashboard.models.second_factor.time.time", lambda: middle)
    first_step(client, cast.alice)
    assert second(client, phone.code(steps)).status_code == status


def test_a_code_works_once(app, cast):
    phone, _ = set_up(cast.alice)
    code = phone.code()
    one, two = app.test_client(), app.test_client()
    first_step(one, cast.alice)
    first_step(two, cast.alice)
    assert second(one, code).status_code == 303
    assert second(two, code).status_code == 422
    assert not is_in(two)


def test_a_code_older_than_the_last_one_is_refused(cast):
    phone, _ = set_up(cast.alice)
    second_factor.take_code(cast.alice, phone.code())
    with pytest.raises(second_factor.WrongCode):
        second_factor.take_code(cast.alice, phone.code(-1))


def test_the_code_that_set_it_up_does_not_log_in(cast):
    secret = second_factor.new_secret()
    code = Phone(secret).code()
    second_factor.turn_on(cast.alice, secret, code, here="")
    with pytest.raises(second_factor.WrongCode):
        second_factor.take_code(cast.alice, code)


@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_of_many_with_the_same_code_at_once_one_is_let_in(cast, kind):
    phone, codes = set_up(cast.alice)
    code = phone.code() if kind == "app" else codes[0]
    together, results = threading.Barrier(8), []

    def come():
        with db.database.connection_context():
            together.wait(10)
            try:
                second_factor.take_code(cast.alice, code)
                results.append("in")
            except second_factor.WrongCode:
                results.append("out")

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(results) == ["in"] + ["out"] * 7


def test_spaces_are_no_part_of_a_code(client, cast):
    phone, _ = set_up(cast.alice)
    first_step(client, cast.alice)
    code = phone.code()
    assert second(client, f" {code[:3]} {code[3:]} ").status_code == 303


@pytest.mark.parametrize(
    "code", ["", " ", "12345", "1234567", "000000000000", "x" * 65, "\x00" * 6]
)
def test_what_is_no_code_is_refused(client, cast, code):
    set_up(cast.alice)
    first_step(client, cast.alice)
    before = rows()
    assert second(client, code).status_code == 422
    assert rows() == before
    assert not is_in(client)


def test_a_code_of_somebody_else_is_refused(client, cast):
    set_up(cast.alice)
    phone, codes = set_up(cast.bob)
    first_step(client, cast.alice)
    before = rows()
    assert second(client, phone.code()).status_code == 422
    assert second(client, codes[0]).status_code == 422
    assert rows() == before


def test_the_step_lasts_5_minutes(client, cast, monkeypatch):
    phone, _ = set_up(cast.alice)
    first_step(client, cast.alice)
    later = time.time() + STEP_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    answer = second(client, phone.code())
    assert answer.location == "/login"
    assert "within 5 minutes" in client.get("/login").text
    assert not is_in(client)


def test_a_new_password_or_a_disabled_user_ends_the_step(app, cast):
    phone, _ = set_up(cast.alice)
    one, two = app.test_client(), app.test_client()
    first_step(one, cast.alice)
    set_password(cast.alice, "another long password")
    assert second(one, phone.code()).location == "/login"
    first_step(two, cast.alice, "another long password")
    User.update(is_active=False).where(User.id == cast.alice.id).execute()
    assert second(two, phone.code()).location == "/login"
    assert Session.select().where(Session.user.is_null(False)).count() == 0


def test_the_page_is_nothing_without_the_password(client, cast, login):
    set_up(cast.alice)
    assert client.get("/login/code").location == "/login"
    assert second(client, "123456").location == "/login"
    login(client, cast.bob)
    assert client.get("/login/code").location == "/"


def test_a_copy_of_the_half_cookie_is_dead_after_the_log_in(client, app, cast):
    phone, codes = set_up(cast.alice)
    first_step(client, cast.alice)
    copy = app.test_client()
    copy.set_cookie(COOKIE, client.get_cookie(COOKIE).value)
    second(client, phone.code())
    assert second(copy, codes[0]).location == "/login"
    assert not is_in(copy)


def test_only_the_right_password_shows_that_there_is_a_factor(app, cast):
    set_up(cast.alice)
    pages = []
    for user in (cast.alice, cast.bob):
        answer = first_step(app.test_client(), user, "wrong horse battery")
        assert answer.status_code == 422
        pages.append(len(answer.text) - len(user.email))
    assert pages[0] == pages[1]


def test_the_code_page_needs_the_csrf_token(client, cast):
    phone, _ = set_up(cast.alice)
    first_step(client, cast.alice)
    answer = client.post("/login/code", data={"code": phone.code()}, csrf=False)
    assert answer.status_code == 400
    assert not is_in(client)


def test_a_recovery_code_logs_in_once(app, cast):
    _, codes = set_up(cast.alice)
    one, two = app.test_client(), app.test_client()
    first_step(one, cast.alice)
    assert second(one, codes[3].upper()).status_code == 303
    assert "9 are left" in one.get("/units").text
    first_step(two, cast.alice)
    assert second(two, codes[3]).status_code == 422
    assert not is_in(two)
    assert RecoveryCode.select().count() == 9
    event = AuditEvent.select().where(AuditEvent.outcome == "done", AuditEvent.action == "login")
    assert "by_recovery_code" in event.get().detail


# Guessing


@pytest.fixture
def clock(monkeypatch):
    """`clock(seconds)`: let so much time go by; until then it stands still."""
    now = [time.time()]
    monkeypatch.setattr(time, "time", lambda: now[0])

    def go_on(seconds):
        now[0] += seconds

    return go_on


@pytest.mark.slow
def test_after_too_many_wrong_codes_not_even_a_right_one_counts(client, app, cast, clock):
    phone, codes = set_up(cast.alice)
    first_step(client, cast.alice)
    for _ in range(GATE.at_once):
        assert second(client, phone.wrong()).status_code == 422
    before = rows()
    answer = second(client, phone.code())
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == str(GATE.seconds)
    assert "A recovery code is taken at once." in answer.text
    assert not is_in(client)
    assert rows() == before
    for _ in range(5):
        second(client, phone.code())
    assert len(events("login")) == GATE.at_once + 1  # the refusals are one line
    # Another browser knocks at the same gate, and somebody else at his own.
    other, bob = app.test_client(), app.test_client()
    first_step(other, cast.alice)
    assert second(other, phone.code()).status_code == 429
    phone_of_bob, _ = set_up(cast.bob)
    first_step(bob, cast.bob)
    assert second(bob, phone_of_bob.code()).status_code == 303
    # Who knows the password, and keeps the gate shut, does not keep the owner out.
    assert second(other, codes[0]).status_code == 303


def test_wrong_recovery_codes_are_one_line_a_quarter_of_an_hour(client, cast, clock):
    _, codes = set_up(cast.alice)
    first_step(client, cast.alice)
    for _ in range(5):
        assert second(client, "2222222-2222222-2222222-2222222").status_code == 422
    assert len(events("login")) == 1
    clock(GATES["note"].seconds)
    first_step(client, cast.alice)
    second(client, "2222222-2222222-2222222-2222222")
    assert len(events("login")) == 2
    assert second(client, codes[0]).status_code == 303


@pytest.mark.slow
def test_a_try_comes_back_with_time(client, cast, clock):
    phone, _ = set_up(cast.alice)
    for _ in range(GATE.at_once):
        first_step(client, cast.alice)
        second(client, phone.wrong())
    first_step(client, cast.alice)
    assert second(client, phone.code()).status_code == 429
    clock(GATE.seconds - 1)
    first_step(client, cast.alice)
    assert second(client, phone.code()).status_code == 429
    clock(1)
    assert second(client, phone.code()).status_code == 303


@pytest.mark.slow
def test_right_codes_cost_nothing(client, cast, clock):
    phone, _ = set_up(cast.alice)
    for _ in range(GATE.at_once + 2):
        first_step(client, cast.alice)
        assert second(client, phone.code()).status_code == 303
        clock(30)


@pytest.mark.slow
def test_many_wrong_codes_at_once_get_no_further(app, cast):
    phone, _ = set_up(cast.alice)
    browsers = [app.test_client() for _ in range(GATE.at_once + 4)]
    tokens = []
    for browser in browsers:
        first_step(browser, cast.alice)
        tokens.append({"X-CSRFToken": browser.csrf_token()})
    wrong, together, results = phone.wrong(), threading.Barrier(len(browsers)), []

    def come(browser, headers):
        together.wait(10)
        answer = browser.post("/login/code", data={"code": wrong}, headers=headers, csrf=False)
        results.append(answer.status_code)

    threads = [
        threading.Thread(target=come, args=pair) for pair in zip(browsers, tokens, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(results) == [422] * GATE.at_once + [429] * 4
