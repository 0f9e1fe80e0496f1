"""Open pages learn that their unit has changed; stale forms are told what happened."""

import re
import time

import pytest

from dashboard.models import ConfigKey, Plugin, PluginPermission, Session, changing
from dashboard.plugins import registry
from dashboard.web import session_rows
from tests.backup.conftest import Unchanged, wipe_some
from tests.web.test_backups import admin, import_, saved, ticket_in, validate

__all__ = ["admin", "saved"]
UNIT = "/u/daily"


def change(cast, by):
    with changing(cast.daily, "key.create", by=by, subject="Added"):
        ConfigKey.create(unit=cast.daily, name=f"Added-{cast.daily.revision}", type="string")


def ask(browser, headers, *, seen, **more):
    return browser.get(f"{UNIT}/revision", query_string={"seen": seen, **more}, headers=headers)


def words_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text)).strip()


@pytest.fixture
def seen(cast):
    """The revision of the unit as somebody's page has it."""
    return cast.daily.revision


@pytest.mark.parametrize("page", ["/w/ws-one", "/admin/backup", "/admin/members", "/profiles"])
def test_every_page_of_a_unit_asks(admin, cast, page):
    html = admin.get(UNIT + page, follow_redirects=True).text
    asked = re.search(r'id="news"[^>]* hx-get="([^"]+)" hx-trigger="every 25s"', html)[1]
    assert asked == f"{UNIT}/revision?seen={cast.daily.revision}"


@pytest.mark.parametrize("address", ["/login", "/units", "/confirm", "/none", "/u/daily/w/none"])
def test_no_other_page_asks(admin, address):
    assert 'id="news"' not in admin.get(address).text


def test_nothing_new_is_no_content(admin, as_htmx, seen):
    answer = ask(admin, as_htmx, seen=seen)
    assert (answer.status_code, answer.data) == (204, b"")


def test_a_change_by_another_is_told_once(admin, cast, as_htmx, seen):
    change(cast, cast.bob)
    answer = ask(admin, as_htmx, seen=seen)
    assert answer.status_code == 200
    assert re.match(r"Harbour Daily was changed by bob@harbour.example at \d\d:", words_of(answer))
    assert "Reload" in answer.text
    again = re.search(r'hx-get="([^"]+)"', answer.text)[1].replace("&amp;", "&")
    assert admin.get(again, headers=as_htmx).status_code == 204
    change(cast, cast.bob)
    assert admin.get(again, headers=as_htmx).status_code == 200


def test_nobody_is_told_of_ones_own_change(admin, cast, as_htmx, seen):
    change(cast, cast.alice)
    assert ask(admin, as_htmx, seen=seen).status_code == 204
    change(cast, cast.bob)
    change(cast, cast.alice)
    assert "changed by bob@" in words_of(ask(admin, as_htmx, seen=seen))


@pytest.mark.slow
def test_a_restore_is_told_to_everybody_whatever_came_after(
    admin, app, login, cast, saved, as_htmx, seen
):
    import_(admin, ticket_in(validate(admin, saved)))
    cast.daily.revision = seen + 1
    change(cast, cast.bob)
    for person in (cast.alice, cast.rita):
        browser = login(app.test_client(), person)
        said = words_of(ask(browser, as_htmx, seen=seen))
        assert said.startswith("Harbour Daily was restored from a backup by alice@harbour.example")


def test_without_htmx_the_question_leads_to_the_unit(admin, cast, seen):
    change(cast, cast.bob)
    assert ask(admin, {}, seen=seen).location == f"{UNIT}/"


@pytest.mark.parametrize("wrong", ["", "x", "-1.5", "9" * 30])
def test_a_question_that_makes_no_sense_has_no_answer(admin, cast, as_htmx, wrong):
    assert ask(admin, as_htmx, seen=wrong).status_code in (200, 204)


def test_the_question_keeps_no_session_alive(admin, cast, as_htmx, seen):
    long_ago = int(time.time()) - 2 * session_rows.TOUCH_SECONDS
    admin.get(UNIT + "/w/ws-one")  # it gets its token
    Session.update(seen_at=long_ago).execute()
    change(cast, cast.bob)
    ask(admin, as_htmx, seen=seen)
    assert Session.get().seen_at == long_ago
    admin.get(UNIT + "/w/ws-one")
    assert Session.get().seen_at > long_ago


def test_the_question_costs_few_queries(admin, cast, as_htmx, seen, query_count):
    admin.get(UNIT + "/w/ws-one")
    with query_count() as queries:
        assert ask(admin, as_htmx, seen=seen).status_code == 204
    assert len([sql for sql in queries if sql.startswith("SELECT")]) <= 3


def new_key(browser, seen, **kwargs):
    data = {"name": "Mine", "type": "string", "value": "typed & kept", "revision": str(seen)}
    return browser.post(f"{UNIT}/admin/keys/-/new", data=data, **kwargs)


@pytest.mark.slow
@pytest.mark.parametrize("htmx", [False, True])
def test_a_stale_form_is_told_of_the_restore_and_keeps_what_was_typed(
    admin, cast, saved, as_htmx, seen, htmx
):
    wipe_some(cast.daily)
    import_(admin, ticket_in(validate(admin, saved)))
    with Unchanged(cast.daily):
        refused = new_key(admin, seen, headers=as_htmx if htmx else {})
    assert refused.status_code == 409
    assert "restored from a backup by alice@harbour.example" in words_of(refused)
    assert "Nothing was saved" in words_of(refused)
    if not htmx:  # for htmx it is a message, and the page stays
        assert "typed &amp; kept" in refused.text
        assert f'<a href="{UNIT}/admin/keys/-/new">Reload</a>' in refused.text


def test_a_stale_form_is_told_who_changed_the_unit(admin, cast, seen):
    change(cast, cast.bob)
    with Unchanged(cast.daily):
        refused = new_key(admin, seen)
    assert refused.status_code == 409
    assert "changed by bob@harbour.example" in words_of(refused)


def test_a_typed_secret_is_not_shown_again(admin, cast, seen):
    change(cast, cast.bob)
    data = {"name": "Mine", "type": "secret", "value": "hush-typed", "revision": str(seen)}
    refused = admin.post(f"{UNIT}/admin/keys/-/new", data=data)
    assert refused.status_code == 409
    assert "hush-typed" not in refused.text


def test_a_stale_form_about_something_that_is_gone_is_the_plain_page(admin, cast, seen):
    with changing(cast.daily, "key.delete", by=cast.bob, subject="K0001"):
        ConfigKey.delete().where(ConfigKey.unit == cast.daily, ConfigKey.name == "K0001").execute()
    data = {"type": "string", "value": "x", "revision": str(seen)}
    with Unchanged(cast.daily):
        refused = admin.post(f"{UNIT}/admin/keys/K0001", data=data)
    assert refused.status_code == 409
    assert "changed by" in words_of(refused)


@pytest.fixture
def notes(cast):
    """The notes of the unit, to which users may add."""
    bundle = "dashboard.core.notes"
    Plugin.update(manifest=registry.catalogue()[bundle].text).where(
        Plugin.bundle == bundle
    ).execute()
    PluginPermission.create(unit=cast.daily, bundle=bundle, key="ADD_TO_NOTE", role="user")


def test_what_is_done_on_a_page_from_before_a_restore_does_not_reach_the_new_state(
    app, login, admin, cast, notes, saved, as_htmx, seen
):
    ursula = login(app.test_client(), cast.ursula)
    card = ursula.get(f"{UNIT}/w/ws-one/a/app-1", headers=as_htmx).text
    act = re.search(r'action="([^"]+append-note[^"]*)"', card)[1]
    assert f"seen={seen}" in act
    import_(admin, ticket_in(validate(admin, saved)))
    with Unchanged(cast.daily):
        refused = ursula.post(act, data={"line": "slipped in"}, headers=as_htmx)
    assert refused.status_code == 409
    assert "was restored" in words_of(refused)
    # Nor does a page of then load cards of now.
    card = ursula.get(f"{UNIT}/w/ws-one/a/app-1", query_string={"seen": seen}, headers=as_htmx)
    assert card.status_code == 409
    # Another's ordinary change is no hindrance: a note is added to what is there.
    seen = seen + 1
    cast.daily.revision = seen
    change(cast, cast.alice)
    act = re.sub(r"seen=\d+", f"seen={seen}", act)
    assert ursula.post(act, data={"line": "added"}, headers=as_htmx).status_code == 200
