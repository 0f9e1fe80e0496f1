"""The second factor of one's own account: set up, renewed, switched off."""

import pytest

from dashboard import db
from dashboard.models import second_factor
from dashboard.models.throttle import GATES
from dashboard.web.tries import NOT_CONFIRMED
from tests.factories import PASSWORD
from tests.web.authenticator import (
    CODE,
    PAGE,
    SECRET,
    Phone,
    events,
    first_step,
    is_in,
    owner,
    phone_for,
    rows,
    second,
    set_up,
)

__all__ = ["owner"]


@pytest.fixture
def alice(client, cast, login):
    return login(client, cast.alice)


def test_it_is_on_only_after_a_right_code(alice, cast):
    page = alice.get(PAGE).text
    phone = phone_for(page)
    assert rows() == ([], [])
    answer = alice.post(PAGE, data={"code": phone.wrong(), "password": PASSWORD})
    assert answer.status_code == 422
    assert "This code is not right" in answer.text
    assert SECRET.search(answer.text)[1] == SECRET.search(page)[1]
    assert rows() == ([], [])
    answer = alice.post(PAGE, data={"code": phone.code(), "password": PASSWORD})
    assert answer.status_code == 200
    assert len(CODE.findall(answer.text)) == 10
    assert second_factor.has_second_factor(cast.alice)
    assert events("second_factor.on") == [(cast.alice.email, "done")]


def test_a_reload_of_the_codes_does_not_look_as_if_it_were_off(alice):
    phone = phone_for(alice.get(PAGE).text)
    sent = {"code": phone.code(), "password": PASSWORD}
    assert alice.post(PAGE, data=sent).status_code == 200
    before = rows()
    again = alice.post(PAGE, data=sent)
    assert (again.status_code, again.location) == (303, PAGE)
    assert "The second factor is on. Its recovery codes were shown once" in alice.get(PAGE).text
    assert rows() == before


def test_setting_it_up_logs_the_other_browsers_out(alice, app, cast, login):
    other = login(app.test_client(), cast.alice)
    bob = login(app.test_client(), cast.bob)
    phone = phone_for(alice.get(PAGE).text)
    alice.post(PAGE, data={"code": phone.code(), "password": PASSWORD})
    assert is_in(alice)
    assert is_in(bob)
    assert not is_in(other)


def test_the_secret_and_the_codes_are_nowhere_else(alice, cast, folders, caplog):
    page = alice.get(PAGE).text
    secret = SECRET.search(page)[1].replace(" ", "")
    codes = CODE.findall(
        alice.post(PAGE, data={"code": Phone(secret).code(), "password": PASSWORD}).text
    )
    db.tidy()
    stored = b"".join(file.read_bytes() for file in folders.data.rglob("*") if file.is_file())
    told = alice.get(PAGE).text + alice.get("/account").text + caplog.text
    assert len(codes) == 10
    for hidden in (secret, *codes, *(code.replace("-", "") for code in codes)):
        assert hidden.encode() not in stored
        assert hidden not in told
    assert SECRET.search(told) is None
    assert '<svg class="factor__qr"' not in told


@pytest.mark.slow
def test_setting_it_up_asks_for_the_password_however_fresh_the_log_in_is(alice, cast, app, login):
    other = login(app.test_client(), cast.alice)
    phone = phone_for(alice.get(PAGE).text)
    for password, words in (("", "Type your password."), ("wrong horse", NOT_CONFIRMED)):
        answer = alice.post(PAGE, data={"code": phone.code(), "password": password})
        assert answer.status_code == 422
        assert words in answer.text
    for _ in range(GATES["confirm"].at_once):
        answer = alice.post(PAGE, data={"code": phone.code(), "password": "wrong horse"})
    assert answer.status_code == 429
    assert not second_factor.has_second_factor(cast.alice)
    assert other.get("/units").status_code == 200  # nobody was logged out
    assert {outcome for _, outcome in events("second_factor.on")} == {"refused"}


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
    assert one.post(PAGE, data={"code": phones[0].code(), "password": PASSWORD}).status_code == 200
    before = rows()
    # The other one is logged out by it; and were it not, the model would refuse.
    assert two.post(
        PAGE, data={"code": phones[1].code(), "password": PASSWORD}
    ).location.startswith("/login")
    with pytest.raises(second_factor.OtherFactor):
        set_up(cast.alice)
    assert rows() == before


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
    assert events(f"second_factor.{act}") == [(cast.alice.email, "refused")]


def test_codes_are_not_guessed_here_either(owner, cast):
    browser, phone, codes = owner
    for number in range(GATES["code"].at_once):
        act = ("off", "codes")[number % 2]
        assert browser.post(f"{PAGE}/{act}", data={"code": phone.wrong()}).status_code == 422
    before = rows()
    answer = browser.post(f"{PAGE}/off", data={"code": phone.code()})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= GATES["code"].seconds
    assert rows() == before
    assert browser.post(f"{PAGE}/off", data={"code": codes[0]}).status_code == 303


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
