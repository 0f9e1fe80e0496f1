"""The log-in of somebody who has a second factor: its second page, and who guesses there."""

import re
import threading
import time

import pytest

from dashboard import db
from dashboard.installation import open_installation
from dashboard.models import (
    AuditEvent,
    RecoveryCode,
    Session,
    Throttle,
    User,
    second_factor,
)
from dashboard.models.people import set_password
from dashboard.models.throttle import TooManyTries
from dashboard.web.second_step import STEP_SECONDS
from tests.web.authenticator import (
    PAGE,
    Phone,
    events,
    first_step,
    is_in,
    owner,
    rows,
    second,
    set_up,
)
from tests.web.conftest import COOKIE

__all__ = ["owner"]


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
            except (second_factor.WrongCode, TooManyTries):
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


def test_after_five_wrong_codes_not_even_a_right_one_counts(client, app, cast, monkeypatch):
    phone, codes = set_up(cast.alice)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    first_step(client, cast.alice)
    for _ in range(5):
        assert second(client, phone.wrong()).status_code == 422
    before = rows()
    answer = second(client, phone.code())
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "300"
    assert "Try again in 5 minutes. A recovery code is taken at once." in answer.text
    assert not is_in(client)
    assert rows() == before
    assert len(events("login")) == 5  # what is not looked at is no attempt
    # Another browser, and the account page, knock at the same gate; others have their own.
    other = app.test_client()
    first_step(other, cast.alice)
    assert second(other, phone.code()).status_code == 429
    # Who knows the password, and keeps the gate shut, does not keep the owner out.
    assert second(other, codes[0]).status_code == 303


def test_a_try_comes_back_after_five_minutes(cast, monkeypatch):
    phone, _ = set_up(cast.alice)
    start = time.time()
    for seconds in (0, 0, 0, 0, 0, 300, 600):
        monkeypatch.setattr(time, "time", lambda at=start + seconds: at)
        with pytest.raises(second_factor.WrongCode):
            second_factor.take_code(cast.alice, phone.wrong())
    for seconds in (600, 899):
        monkeypatch.setattr(time, "time", lambda at=start + seconds: at)
        with pytest.raises(TooManyTries):
            second_factor.take_code(cast.alice, phone.code())
    monkeypatch.setattr(time, "time", lambda: start + 900)
    assert second_factor.take_code(cast.alice, phone.code()) is False


def test_right_codes_cost_nothing(cast, monkeypatch):
    phone, _ = set_up(cast.alice)
    start = time.time()
    for number in range(12):
        monkeypatch.setattr(time, "time", lambda at=start + 30 * number: at)
        second_factor.take_code(cast.alice, phone.code())


def test_many_wrong_codes_at_once_get_no_further(cast):
    phone, _ = set_up(cast.alice)
    wrong, together, results = phone.wrong(), threading.Barrier(12), []

    def come():
        with db.database.connection_context():
            together.wait(10)
            try:
                second_factor.take_code(cast.alice, wrong)
            except (second_factor.WrongCode, TooManyTries) as error:
                results.append(type(error))

    threads = [threading.Thread(target=come) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results.count(second_factor.WrongCode) == 5
    assert results.count(TooManyTries) == 7


def test_a_restart_forgets_nothing_and_the_table_holds_no_name(cast, settings):
    phone, _ = set_up(cast.alice)
    for _ in range(5):
        with pytest.raises(second_factor.WrongCode):
            second_factor.take_code(cast.alice, phone.wrong())
    db.database.close()
    open_installation(settings.data_dir)
    db.database.connect(reuse_if_open=True)
    with pytest.raises(TooManyTries):
        second_factor.take_code(cast.alice, phone.code())
    assert Throttle.select().count() == 1
    assert re.fullmatch("[0-9a-f]{64}", Throttle.get().bucket)


def test_the_account_page_has_the_same_gate(owner, cast):
    browser, phone, codes = owner
    for act in ("off", "codes", "off", "codes", "off"):
        assert browser.post(f"{PAGE}/{act}", data={"code": phone.wrong()}).status_code == 422
    before = rows()
    answer = browser.post(f"{PAGE}/off", data={"code": phone.code()})
    assert answer.status_code == 429
    assert 290 < int(answer.headers["Retry-After"]) <= 300
    assert rows() == before
    assert browser.post(f"{PAGE}/off", data={"code": codes[0]}).status_code == 303
