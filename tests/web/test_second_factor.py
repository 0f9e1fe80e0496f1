"""The second factor: set up, asked for at the log-in, used once, given back, and required."""

import re
import threading
import time

import pytest

from dashboard import db
from dashboard.models import (
    AuditEvent,
    RecoveryCode,
    Role,
    SecondFactor,
    Session,
    Unit,
    User,
    second_factor,
)
from dashboard.models.people import set_password, set_role
from dashboard.web.second_step import STEP_SECONDS
from tests.factories import PASSWORD
from tests.web.authenticator import Phone, set_up
from tests.web.conftest import COOKIE
from tests.web.unit_state import revision, state_of

PAGE = "/account/second-factor"
RULE = "/u/daily/admin/members/second-factor"
SECRET = re.compile(r'factor__secret">([A-Z2-7 ]+)<')
CODE = re.compile(r"\b[2-9a-km-np-z]{6}(?:-[2-9a-km-np-z]{6}){3}\b")


@pytest.fixture
def alice(client, cast, login):
    return login(client, cast.alice)


def rows():
    return (
        list(SecondFactor.select(SecondFactor.user, SecondFactor.last_step).tuples()),
        list(RecoveryCode.select(RecoveryCode.user, RecoveryCode.code_hash).tuples()),
    )


def events(action):
    found = AuditEvent.select().where(AuditEvent.action == action).order_by(AuditEvent.id)
    return [(event.user_email, event.outcome) for event in found]


def first_step(client, user, password=PASSWORD, **query):
    return client.post(
        "/login", data={"email": user.email, "password": password}, query_string=query
    )


def second(client, code, **query):
    return client.post("/login/code", data={"code": code}, query_string=query)


def is_in(client):
    return client.get("/units").status_code == 200


# Setting it up


def test_it_is_on_only_after_a_right_code(alice, cast):
    page = alice.get(PAGE).text
    phone = Phone(SECRET.search(page)[1].replace(" ", ""))
    assert rows() == ([], [])
    answer = alice.post(PAGE, data={"code": phone.wrong()})
    assert answer.status_code == 422
    assert "This code is not right" in answer.text
    assert SECRET.search(answer.text)[1] == SECRET.search(page)[1]
    assert rows() == ([], [])
    answer = alice.post(PAGE, data={"code": phone.code()})
    assert answer.status_code == 200
    assert len(CODE.findall(answer.text)) == 10
    assert second_factor.has_second_factor(cast.alice)
    assert events("second_factor.on") == [(cast.alice.email, "done")]


def test_setting_it_up_logs_the_other_browsers_out(alice, app, cast, login):
    other = login(app.test_client(), cast.alice)
    bob = login(app.test_client(), cast.bob)
    phone = Phone(SECRET.search(alice.get(PAGE).text)[1].replace(" ", ""))
    alice.post(PAGE, data={"code": phone.code()})
    assert is_in(alice)
    assert is_in(bob)
    assert not is_in(other)


def test_the_secret_and_the_codes_are_nowhere_else(alice, cast, folders, caplog):
    page = alice.get(PAGE).text
    secret = SECRET.search(page)[1].replace(" ", "")
    codes = CODE.findall(alice.post(PAGE, data={"code": Phone(secret).code()}).text)
    db.tidy()
    stored = b"".join(file.read_bytes() for file in folders.data.rglob("*") if file.is_file())
    told = alice.get(PAGE).text + alice.get("/account").text + caplog.text
    assert len(codes) == 10
    for hidden in (secret, *codes, *(code.replace("-", "") for code in codes)):
        assert hidden.encode() not in stored
        assert hidden not in told
    assert SECRET.search(told) is None
    assert '<svg class="factor__qr"' not in told


def test_the_secret_of_a_set_up_that_is_not_finished_is_sealed_too(alice, cast, folders):
    secret = SECRET.search(alice.get(PAGE).text)[1].replace(" ", "")
    db.tidy()
    stored = b"".join(file.read_bytes() for file in folders.data.rglob("*") if file.is_file())
    assert secret.encode() not in stored


def test_each_browser_gets_a_secret_of_its_own(app, cast, login):
    pages = [login(app.test_client(), user).get(PAGE).text for user in (cast.alice, cast.bob)]
    assert len({SECRET.search(page)[1] for page in pages}) == 2


def test_the_page_draws_the_code_without_style(alice):
    page = alice.get(PAGE).text
    drawing = page[page.index('<svg class="factor__qr"') :].partition("</svg>")[0]
    assert "style" not in drawing
    assert 'role="img"' in drawing


def test_it_needs_a_fresh_login_and_the_csrf_token(client, cast, login):
    login(client, cast.alice, fresh=False)
    for address in (PAGE, f"{PAGE}/codes", f"{PAGE}/off"):
        assert client.post(address, data={"code": "1"}).location.startswith("/confirm")
    assert client.get(PAGE).location == f"/confirm?next={PAGE}"
    login(client, cast.alice)
    assert client.post(PAGE, data={"code": "1"}, csrf=False).status_code == 400
    assert rows() == ([], [])


def test_two_browsers_that_set_it_up_at_once_make_one(app, cast, login):
    one, two = (login(app.test_client(), cast.alice) for _ in range(2))
    phones = [
        Phone(SECRET.search(browser.get(PAGE).text)[1].replace(" ", "")) for browser in (one, two)
    ]
    assert one.post(PAGE, data={"code": phones[0].code()}).status_code == 200
    before = rows()
    # The other one is logged out by it; and were it not, the model would refuse.
    assert two.post(PAGE, data={"code": phones[1].code()}).location.startswith("/login")
    with pytest.raises(second_factor.OtherFactor):
        set_up(cast.alice)
    assert rows() == before


# The log-in


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


# Recovery codes


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


@pytest.fixture
def owner(app, cast, login):
    """Alice, logged in, with a second factor: (browser, phone, recovery codes)."""
    phone, codes = set_up(cast.alice)
    return login(app.test_client(), cast.alice), phone, codes


def test_new_codes_take_the_place_of_all(owner, cast):
    browser, phone, old = owner
    answer = browser.post(f"{PAGE}/codes", data={"code": phone.code()})
    new = CODE.findall(answer.text)
    assert len(new) == 10
    assert not set(new) & set(old)
    with pytest.raises(second_factor.WrongCode):
        second_factor.take_code(cast.alice, old[0])
    assert second_factor.take_code(cast.alice, new[0])
    assert events("second_factor.codes") == [(cast.alice.email, "done")]


@pytest.mark.parametrize("act", ["codes", "off"])
def test_a_wrong_code_changes_nothing(owner, cast, act):
    browser, phone, _ = owner
    before = rows()
    answer = browser.post(f"{PAGE}/{act}", data={"code": phone.wrong()})
    assert answer.status_code == 422
    assert answer.text.count("This code is not right") == 1
    assert rows() == before
    assert events("second_factor.off") == events("second_factor.codes") == []


# Switching it off


@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_it_is_switched_off_with_a_code(owner, app, cast, kind):
    browser, phone, codes = owner
    code = phone.code() if kind == "app" else codes[0]
    answer = browser.post(f"{PAGE}/off", data={"code": code})
    assert (answer.status_code, answer.location) == (303, "/account")
    assert rows() == ([], [])
    assert events("second_factor.off") == [(cast.alice.email, "done")]
    other = app.test_client()
    assert first_step(other, cast.alice).location == "/"
    assert is_in(other)


def test_what_is_off_cannot_be_renewed_or_switched_off(alice, cast):
    for act in ("codes", "off"):
        assert alice.post(f"{PAGE}/{act}", data={"code": "123456"}).status_code == 422
    for refused in (
        second_factor.renew_recovery_codes,
        lambda user: second_factor.turn_off(user, by=user),
    ):
        with pytest.raises(second_factor.OtherFactor):
            refused(cast.alice)
    assert rows() == ([], [])


def test_switched_off_between_password_and_code_the_password_is_enough(client, cast):
    set_up(cast.alice)
    first_step(client, cast.alice)
    second_factor.turn_off(cast.alice, by="command line")
    assert second(client, "123456").status_code == 303
    assert is_in(client)


# Required in a unit


@pytest.fixture
def strict(cast, owner):
    """The unit `daily` asks its admins for a second factor, and only alice has one."""
    second_factor.require(cast.daily, True, by=cast.alice)
    set_role(cast.bob, cast.daily, Role.ADMIN)
    return cast.daily


def test_only_an_admin_who_has_one_can_ask_for_it(alice, cast):
    assert "Set up yours" in alice.get("/u/daily/admin/members").text
    answer = alice.post(RULE, data={"required": "yes"})
    assert answer.status_code == 422
    assert "Set up your own second factor first" in answer.text
    assert not Unit.get_by_id(cast.daily.id).admins_need_second_factor
    assert events("unit.second_factor") == []


def test_it_is_asked_for_and_no_more(owner, cast):
    browser = owner[0]
    before = revision(cast.daily), state_of(cast.daily)
    for required in ("yes", "no"):
        assert f'value="{required}"' in browser.get("/u/daily/admin/members").text
        assert browser.post(RULE, data={"required": required}).status_code == 303
        assert Unit.get_by_id(cast.daily.id).admins_need_second_factor is (required == "yes")
        assert not Unit.get_by_id(cast.weekly.id).admins_need_second_factor
    assert events("unit.second_factor") == [(cast.alice.email, "done")] * 2
    assert (revision(cast.daily), state_of(cast.daily)) == before


@pytest.mark.parametrize("required", ["", "maybe", None])
def test_the_switch_says_what_it_wants(owner, cast, required):
    data = {} if required is None else {"required": required}
    assert owner[0].post(RULE, data=data).status_code == 422
    assert not Unit.get_by_id(cast.daily.id).admins_need_second_factor


def test_the_members_page_shows_who_has_one(owner):
    page = owner[0].get("/u/daily/admin/members").text
    assert page.count('data-label="Second factor:"><span class="tag tag--success">on') == 1
    assert page.count('data-label="Second factor:"><span class="tag tag--neutral">off') == 3


def test_an_admin_without_one_is_led_to_it_first(app, strict, cast, login, as_htmx):
    bob = login(app.test_client(), cast.bob)
    answer = bob.get("/u/daily/admin/members")
    assert (answer.status_code, answer.location) == (
        303,
        f"{PAGE}?next=/u/daily/admin/members",
    )
    answer = bob.get("/u/daily/admin/members", headers=as_htmx)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"].startswith(PAGE)
    before = state_of(cast.daily)
    answer = bob.post("/u/daily/workspaces/new", data={"name": "New", "layout": "1"})
    assert answer.location.startswith(PAGE)
    assert state_of(cast.daily) == before
    assert events("access.refuse") == [(cast.bob.email, "refused")]

    page = bob.get(f"{PAGE}?next=/u/daily/admin/members").text
    assert "Harbour Daily asks every admin for a second factor." in page
    phone = Phone(SECRET.search(page)[1].replace(" ", ""))
    answer = bob.post(f"{PAGE}?next=/u/daily/admin/members", data={"code": phone.code()})
    assert 'href="/u/daily/admin/members"' in answer.text
    assert bob.get("/u/daily/admin/members").status_code == 200


def test_everybody_else_is_left_alone(app, strict, cast, login):
    for user in (cast.ursula, cast.rita):
        assert login(app.test_client(), user).get("/u/daily/w/ws-one").status_code == 200
    mallory = login(app.test_client(), cast.mallory)
    assert mallory.get("/u/weekly/admin/members").status_code == 200
    assert mallory.get("/u/daily/admin/members").status_code == 404


def test_the_own_role_elsewhere_is_not_touched(app, strict, cast, login):
    set_role(cast.bob, cast.weekly, Role.ADMIN)
    bob = login(app.test_client(), cast.bob)
    assert bob.get("/u/weekly/admin/members").status_code == 200


def test_switching_it_off_closes_the_unit_again(strict, owner):
    browser, phone, _ = owner
    assert browser.get("/u/daily/admin/members").status_code == 200
    browser.post(f"{PAGE}/off", data={"code": phone.code()})
    assert browser.get("/u/daily/admin/members").location.startswith(PAGE)
