"""People who work while an import is under way: what waits, what is refused, what is seen."""

import threading
import time

import pytest

from dashboard import db
from dashboard.backup.progress import Stage
from dashboard.models import ConfigKey, Membership, Role, Unit, changes, changing
from dashboard.models.people import set_role
from dashboard.plugins import placing
from dashboard.web import access, snapshots
from tests.backup.conftest import Unchanged, state
from tests.web.conftest import LONG
from tests.web.test_backups import admin, import_, saved
from tests.web.test_stale import saved_by_job

__all__ = ["admin", "saved", "saved_by_job"]
BOTH = pytest.mark.parametrize("htmx", [False, True])


@pytest.fixture
def bob(app, login, cast):
    """Another admin of the unit, with a page open."""
    set_role(cast.bob, cast.daily, Role.ADMIN)
    return warm(login(app.test_client(), cast.bob))


@pytest.fixture
def mallory(app, login, cast):
    """The admin of another unit, with a page open."""
    return warm(login(app.test_client(), cast.mallory))


def warm(browser):
    browser.token = browser.csrf_token()
    browser.csrf_token = lambda: browser.token
    return browser


def new_key(browser, unit, *, slug="daily", headers=None):
    data = {"name": "Mine", "type": "string", "value": "typed & kept"}
    data["revision"] = str(Unit.get_by_id(unit.id).revision)
    return browser.post(f"/u/{slug}/admin/keys/-/new", data=data, headers=headers or {})


@pytest.mark.slow
@BOTH
def test_a_writer_in_a_unit_that_is_being_restored_is_told_so_at_once(
    admin, bob, cast, saved_by_job, slow, as_htmx, htmx
):
    headers = as_htmx if htmx else {}
    slow.hold(Stage.LOAD)
    import_(admin, saved_by_job, headers=as_htmx)
    slow.wait()
    began = time.monotonic()
    with Unchanged(cast.daily, cast.weekly):
        refused = new_key(bob, cast.daily, headers=headers)
        data = {"revision": str(Unit.get_by_id(cast.daily.id).revision)}
        address = "/u/daily/admin/plugins/dashboard.core.notes/active"
        switched = bob.post(address, data=data, headers=headers)
    assert time.monotonic() - began < db.BUSY_TIMEOUT_SECONDS
    assert refused.status_code == 409
    assert "being restored from a backup just now" in refused.text
    assert switched.status_code == 409
    if not htmx:
        assert "typed &amp; kept" in refused.text
    before = bob.get("/u/daily/w/ws-one")
    assert before.status_code == 200  # who looks does not wait
    slow.finish()


def test_a_change_before_the_wipe_is_saved_and_makes_the_plan_stale(
    admin, bob, cast, saved_by_job, slow, as_htmx
):
    slow.hold(Stage.SAVE)
    import_(admin, saved_by_job, headers=as_htmx)
    slow.wait()
    assert new_key(bob, cast.daily).status_code == 303
    changed = state(cast.daily)
    slow.finish()
    assert state(cast.daily) == changed


@pytest.mark.slow
@BOTH
def test_a_writer_in_another_unit_waits_for_so_long_and_is_told_why(
    admin, mallory, cast, saved_by_job, slow, as_htmx, htmx, monkeypatch
):
    monkeypatch.setattr(changes, "BUSY_TIMEOUT_SECONDS", 2)
    slow.hold(Stage.LOAD)
    import_(admin, saved_by_job, headers=as_htmx)
    slow.wait()
    headers = as_htmx if htmx else {}
    with Unchanged(cast.daily, cast.weekly):
        refused = new_key(mallory, cast.weekly, slug="weekly", headers=headers)
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "5"
    assert "A backup is being imported just now" in refused.text
    if not htmx:
        assert "typed &amp; kept" in refused.text
    slow.finish()
    assert new_key(mallory, cast.weekly, slug="weekly").status_code == 303


@pytest.mark.slow
def test_a_writer_in_another_unit_gets_its_turn(
    admin, mallory, cast, saved_by_job, slow, as_htmx, monkeypatch
):
    waits, honest = threading.Event(), changes.being_restored

    def asked(unit=None):
        waits.set()
        return honest(unit)

    monkeypatch.setattr(changes, "being_restored", asked)
    slow.hold(Stage.LOAD)
    import_(admin, saved_by_job, headers=as_htmx)
    slow.wait()
    answers = []
    writer = threading.Thread(
        target=lambda: answers.append(new_key(mallory, cast.weekly, slug="weekly"))
    )
    writer.start()
    assert waits.wait(LONG)
    slow.finish()
    writer.join(LONG)
    assert [answer.status_code for answer in answers] == [303]
    assert ConfigKey.get_or_none(ConfigKey.unit == cast.weekly, ConfigKey.name == "Mine")


def test_only_so_many_wait(admin, mallory, cast, saved_by_job, slow, as_htmx, monkeypatch):
    monkeypatch.setattr(changes, "WAITING_MAX", 1)
    slow.hold(Stage.LOAD)
    import_(admin, saved_by_job, headers=as_htmx)
    slow.wait()
    assert changes._queue.enter(cast.weekly)  # somebody waits already
    began = time.monotonic()
    refused = new_key(mallory, cast.weekly, slug="weekly")
    assert refused.status_code == 503
    assert time.monotonic() - began < changes.LOOK_SECONDS + 5
    changes._queue.leave(cast.weekly)
    slow.finish()


def test_a_full_disk_is_not_called_busy(client, app, cast):
    import peewee

    def fail():
        raise peewee.OperationalError("database or disk is full")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.add_url_rule("/broken", "broken", access.public(fail))
    answer = client.get("/broken")
    assert answer.status_code == 503
    assert "disk is full" in answer.text


@pytest.fixture
def add_one(cast):
    """Have somebody else add a key to the unit, while a request is under way."""

    def add():
        with db.database.connection_context(), changing(cast.daily, "key.create", by="test"):
            name = f"Between-{cast.daily.revision}"
            ConfigKey.create(unit=cast.daily, name=name, type="string")

    def in_thread():
        writer = threading.Thread(target=add)
        writer.start()
        writer.join(LONG)

    return in_thread


@pytest.fixture
def look_twice(app, cast, admin, add_one):
    """A page that counts the keys of the unit, lets somebody add one, and counts again."""

    def view():
        first = ConfigKey.of(cast.daily).count()
        add_one()
        return f"{first} {ConfigKey.of(cast.daily).count()}"

    def look(method="GET", wrap=lambda view: view):
        def wrapped():
            return view()

        app.add_url_rule("/two", "two", wrap(access.signed_in(wrapped)), methods=["GET", "POST"])
        answer = admin.get("/two") if method == "GET" else admin.post("/two")
        return [int(count) for count in answer.text.split()]

    return look


def test_a_page_is_of_one_moment(look_twice):
    first, second = look_twice()
    assert first == second


def test_who_writes_has_no_snapshot(look_twice):
    first, second = look_twice("POST")
    assert second == first + 1


def test_a_view_that_may_write_has_none_either(look_twice):
    first, second = look_twice(wrap=snapshots.writes)
    assert second == first + 1


def test_what_a_page_notes_on_the_way_is_noted_outside_its_snapshot(
    admin, cast, add_one, monkeypatch
):
    """Inside, it would be refused: the snapshot is older than what somebody saved meanwhile."""
    honest = placing.layout_of

    def layout_of(workspace):
        add_one()
        return honest(workspace)

    monkeypatch.setattr(placing, "layout_of", layout_of)
    assert admin.get("/u/daily/w/ws-one").status_code == 200
    own = (Membership.user == cast.alice) & (Membership.unit == cast.daily)
    assert Membership.get(own).workspace_uid == "ws-one"


def test_those_of_one_unit_do_not_take_the_places_of_another(cast, monkeypatch):
    monkeypatch.setattr(changes, "WAITING_OF_UNIT", 2)
    queue = changes._Queue()
    assert [queue.enter(cast.daily) for _ in range(3)] == [True, True, False]
    assert queue.enter(cast.weekly)
    queue.leave(cast.daily)
    assert queue.enter(cast.daily)
