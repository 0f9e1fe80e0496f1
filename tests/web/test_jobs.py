"""Acts that take long: looked at, left and found again, cancelled, by htmx and without."""

import io
import re
import threading

import pytest

from dashboard.backup import runs, verbs
from dashboard.backup.progress import Stage
from dashboard.jobs import Jobs
from dashboard.models import BackupRun, Role, RunKind
from dashboard.models.people import set_role
from dashboard.web import backup_jobs
from tests.backup.conftest import Unchanged, state, wipe_some
from tests.web.conftest import COOKIE

PAGE = "/u/daily/admin/backup"
PASSWORD = "four words, one file"
LONG = 30
pytestmark = pytest.mark.usefixtures("slow")


@pytest.fixture
def admin(client, login, cast):
    return login(client, cast.alice)


@pytest.fixture
def bob(app, login, cast):
    """Another admin of the unit."""
    set_role(cast.bob, cast.daily, Role.ADMIN)
    return login(app.test_client(), cast.bob)


def export(browser, **kwargs):
    return browser.post(f"{PAGE}/export", data={"password": PASSWORD}, **kwargs)


def validate(browser, data, password=PASSWORD, **kwargs):
    form = {"file": (io.BytesIO(data), "x.dbk"), "password": password}
    return browser.post(f"{PAGE}/validate", data=form, **kwargs)


def import_(browser, ticket, **kwargs):
    return browser.post(f"{PAGE}/import", data={"ticket": ticket}, **kwargs)


def ticket_in(response) -> str:
    return re.search(r'name="ticket" value="([^"]+)"', response.text)[1]


def poll_of(response) -> str:
    """The address that the fragment asks, which it does while it runs."""
    return re.search(r'hx-get="([^"]+)"', response.text)[1]


@pytest.fixture
def saved(admin, slow, as_htmx, cast) -> bytes:
    """A backup of the unit, made by a job."""
    poll = poll_of(export(admin, headers=as_htmx))
    slow.finish()
    link = re.search(r'href="([^"]+)" download', admin.get(poll, headers=as_htmx).text)[1]
    return admin.get(link, buffered=True).data


def test_a_long_export_shows_where_it_is_and_ends_as_a_download(admin, slow, as_htmx):
    started = export(admin, headers=as_htmx)
    assert started.status_code == 202
    slow.wait()
    poll = poll_of(started)
    running = admin.get(poll, headers=as_htmx)
    assert running.status_code == 200
    assert 'id="backup-export"' in running.text
    assert 'hx-trigger="every 1s"' in running.text
    assert "Writing the backup" in running.text
    assert re.search(r'<progress [^>]*max="\d+" value="0"', running.text)
    assert "Cancel" in running.text
    slow.finish()
    ended = admin.get(poll, headers=as_htmx)
    assert "data-autoclick" in ended.text
    assert "every 1s" not in ended.text
    # Asked again (an answer may get lost), it says the same.
    assert "data-autoclick" in admin.get(poll, headers=as_htmx).text
    assert "The backup is being made" not in admin.get(PAGE).text


def test_the_whole_way_by_polling(admin, cast, saved, slow, as_htmx):
    before = state(cast.daily)
    wipe_some(cast.daily)
    slow.hold(Stage.CHECK)
    poll = poll_of(validate(admin, saved, headers=as_htmx))
    slow.wait()
    assert "Checking every record" in admin.get(poll, headers=as_htmx).text
    slow.finish()
    preview = admin.get(poll, headers=as_htmx)
    assert "What this backup contains" in preview.text
    assert "every 1s" not in preview.text
    slow.hold(Stage.LOAD)
    started = import_(admin, ticket_in(preview), headers=as_htmx)
    assert started.status_code == 202
    slow.wait()
    # Who looks does not wait for the import, on this page or another.
    assert "Loading the backup" in admin.get(PAGE).text
    slow.finish()
    ended = admin.get(poll_of(started), headers=as_htmx)
    assert ended.headers["HX-Refresh"] == "true"
    assert state(cast.daily) == before
    page = admin.get(PAGE).text
    assert "The backup is back" in page
    assert "every 1s" not in page
    slow.hold(Stage.CHECK)
    poll = poll_of(admin.post(f"{PAGE}/undo", headers=as_htmx))
    slow.finish()
    assert "What an undo brings back" in admin.get(poll, headers=as_htmx).text


def test_without_javascript_the_job_is_a_page_that_reloads_itself(admin, cast, saved, slow):
    slow.hold(Stage.WRITE)
    page = export(admin)
    assert page.status_code == 303
    slow.wait()
    running = admin.get(page.location)
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in running.text
    assert "Writing the backup" in running.text
    assert admin.get(f"{page.location}/status").location == page.location
    slow.finish()
    ready = admin.get(page.location).text
    link = re.search(r'content="1; url=([^"]+)"', ready)[1]
    assert admin.get(link, buffered=True).data.startswith(b"dashboard-backup/1\n")

    slow.hold(Stage.CHECK)
    page = validate(admin, saved)
    slow.finish()
    preview = admin.get(page.location)
    assert "<html" in preview.text
    slow.hold(Stage.LOAD)
    wipe_some(cast.daily)
    page = import_(admin, ticket_in(preview))
    assert page.status_code == 303
    slow.finish()
    assert admin.get(page.location).location == PAGE


def test_a_tab_may_be_closed_and_opened_again(admin, cast, saved, slow, as_htmx):
    slow.hold(Stage.CHECK)
    validate(admin, saved, headers=as_htmx)
    slow.wait()
    running = admin.get(PAGE).text
    assert "The backup is being checked" in running
    assert 'hx-trigger="every 1s"' in running
    assert 'id="import-file"' not in running
    slow.finish()
    again = admin.get(PAGE)
    assert 'hx-trigger="load"' in again.text
    assert "What this backup contains" in admin.get(poll_of_import(again), headers=as_htmx).text
    # Shown once, it leaves the page to the form.
    assert 'id="import-file"' in admin.get(PAGE).text


def poll_of_import(page) -> str:
    return re.search(r'id="backup-import"[^>]*hx-get="([^"]+)"', page.text)[1]


STAGES = [Stage.SAVE, Stage.LOAD, Stage.VERIFY]


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize("stage", STAGES)
def test_an_import_cancelled_before_the_commit_changes_nothing(
    admin, cast, saved, slow, as_htmx, stage, htmx, folders
):
    headers = as_htmx if htmx else {}
    slow.hold(None)
    poll = poll_of(validate(admin, saved, headers=as_htmx))
    slow.finish()
    ticket = ticket_in(admin.get(poll, headers=as_htmx))
    wipe_some(cast.daily)
    slow.hold(stage)
    with Unchanged(cast.daily, cast.weekly):
        poll = poll_of(import_(admin, ticket, headers=as_htmx))
        slow.wait()
        cancelled = admin.post(poll.replace("/status", "/cancel"), headers=headers)
        assert cancelled.status_code == (202 if htmx else 303)
        slow.finish()
    ended = admin.get(poll if htmx else cancelled.location, headers=headers)
    assert "Cancelled. Nothing was changed." in ended.text
    assert ended.status_code == 200
    assert "every 1s" not in ended.text
    assert [*folders.safety.iterdir(), *folders.uploads.iterdir()] == []
    assert "cancelled" in admin.get(PAGE).text


def test_after_the_commit_has_begun_no_cancel_is_offered(admin, cast, saved, slow, as_htmx):
    slow.hold(None)
    poll = poll_of(validate(admin, saved, headers=as_htmx))
    slow.finish()
    slow.hold(Stage.COMMIT)
    poll = poll_of(import_(admin, ticket_in(admin.get(poll, headers=as_htmx)), headers=as_htmx))
    slow.wait()
    running = admin.get(poll, headers=as_htmx).text
    assert "Making it final" in running
    assert "Cancel" not in running
    slow.finish()


@pytest.mark.parametrize("step", ["export", "validate", "undo"])
def test_one_at_a_time_in_each_unit(admin, bob, cast, saved, slow, as_htmx, step):
    slow.hold(Stage.WRITE)
    export(admin, headers=as_htmx)
    slow.wait()
    act = {
        "export": lambda who: export(who, headers=as_htmx),
        "validate": lambda who: validate(who, saved, headers=as_htmx),
        "undo": lambda who: who.post(f"{PAGE}/undo", headers=as_htmx),
    }[step]
    for who in (admin, bob):
        refused = act(who)
        assert refused.status_code == 409
        assert "One at a time" in refused.text


def test_a_second_press_of_import_finds_the_same_job(admin, cast, saved, slow, as_htmx):
    slow.hold(None)
    poll = poll_of(validate(admin, saved, headers=as_htmx))
    slow.finish()
    ticket = ticket_in(admin.get(poll, headers=as_htmx))
    slow.hold(Stage.SAVE)
    first = import_(admin, ticket, headers=as_htmx)
    slow.wait()
    second = import_(admin, ticket, headers=as_htmx)
    assert (second.status_code, poll_of(second)) == (202, poll_of(first))
    slow.finish()


def test_ten_presses_at_once_are_one_import(admin, app, cast, saved, slow, as_htmx):
    slow.hold(None)
    poll = poll_of(validate(admin, saved, headers=as_htmx))
    slow.finish()
    ticket = ticket_in(admin.get(poll, headers=as_htmx))
    token, cookie = admin.csrf_token(), admin.get_cookie(COOKIE).value
    slow.hold(Stage.SAVE)
    line, answers = threading.Barrier(10), []

    def press():
        browser = app.test_client()
        browser.set_cookie(COOKIE, cookie)
        browser.csrf_token = lambda: token
        line.wait(LONG)
        answers.append(import_(browser, ticket, headers=as_htmx))

    presses = [threading.Thread(target=press) for _ in range(10)]
    for thread in presses:
        thread.start()
    for thread in presses:
        thread.join(LONG)
    slow.finish()
    assert [answer.status_code for answer in answers] == [202] * 10
    assert len({poll_of(answer) for answer in answers}) == 1
    assert BackupRun.select().where(BackupRun.kind == "import").count() == 1


def test_another_admin_sees_that_something_runs_and_no_result(
    admin, bob, cast, saved, slow, as_htmx
):
    slow.hold(Stage.CHECK)
    poll = poll_of(validate(admin, saved, headers=as_htmx))
    slow.wait()
    page = bob.get(PAGE).text
    assert f"The backup is being checked</strong> by {cast.alice.email}" in page
    assert "Cancel" not in page
    assert bob.post(poll.replace("/status", "/cancel")).status_code == 404
    slow.finish()
    for address in (poll, poll.removesuffix("/status")):
        ended = bob.get(address, headers=as_htmx if address == poll else {})
        assert 'name="ticket"' not in ended.text
        assert 'id="import-file"' in ended.text
    # It still waits for whom it belongs to.
    assert ticket_in(admin.get(poll, headers=as_htmx))


def test_another_unit_has_no_such_job(admin, app, login, cast, slow, as_htmx):
    poll = poll_of(export(admin, headers=as_htmx))
    mallory = login(app.test_client(), cast.mallory)
    assert mallory.get(poll, headers=as_htmx).status_code == 404
    foreign = poll.replace("/daily/", "/weekly/")
    assert mallory.get(foreign, headers=as_htmx).status_code == 404
    assert mallory.post(foreign.replace("/status", "/cancel")).status_code == 404
    assert "being made" not in mallory.get(PAGE.replace("/daily/", "/weekly/")).text


def test_a_wrong_password_found_late_keeps_the_upload(admin, cast, saved, slow, as_htmx):
    slow.hold(Stage.UNLOCK)
    poll = poll_of(validate(admin, saved, "wrong", headers=as_htmx))
    slow.finish()
    refused = admin.get(poll, headers=as_htmx)
    assert refused.status_code == 422
    assert "not the password" in refused.text
    kept = re.search(r'name="upload" value="(\w+)"', refused.text)[1]
    slow.hold(None)
    form = {"upload": kept, "password": PASSWORD}
    again = admin.post(f"{PAGE}/validate", data=form, headers=as_htmx)
    slow.finish()
    assert ticket_in(admin.get(poll_of(again), headers=as_htmx))


@pytest.mark.parametrize("htmx", [False, True])
def test_a_refusal_found_late_brings_the_form_back_with_its_sentence(
    admin, cast, saved, slow, as_htmx, htmx, folders
):
    slow.hold(None)
    poll = poll_of(validate(admin, saved, headers=as_htmx))
    slow.finish()
    ticket = ticket_in(admin.get(poll, headers=as_htmx))
    [upload] = folders.uploads.iterdir()
    upload.write_bytes(saved + b"x")
    with Unchanged(cast.daily):
        poll = poll_of(import_(admin, ticket, headers=as_htmx))
        slow.finish()
    address = poll if htmx else poll.removesuffix("/status")
    refused = admin.get(address, headers=as_htmx if htmx else {})
    assert refused.status_code == 422
    assert "not the one that was validated" in refused.text
    assert 'id="import-file"' in refused.text


def test_what_nobody_expected_has_an_incident_id_and_is_logged_once(
    admin, cast, slow, as_htmx, monkeypatch, caplog
):
    def broken(*_args, **_kwargs):
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(verbs, "export", broken)
    poll = poll_of(export(admin, headers=as_htmx))
    slow.finish()
    ended = admin.get(poll, headers=as_htmx)
    incident = re.search(r"incident id: (\w+)", ended.text)[1]
    assert "on fire" not in ended.text
    monkeypatch.setattr(backup_jobs, "DIRECT_SECONDS", LONG)
    caplog.clear()
    direct = export(admin, headers=as_htmx)
    assert direct.status_code == 500
    (record,) = caplog.records
    second = re.search(r"incident id: (\w+)", direct.text)[1]
    assert second in record.getMessage()
    assert second != incident


def test_after_a_restart_the_row_says_how_it_ended(admin, app, cast, slow, as_htmx):
    poll = poll_of(export(admin, headers=as_htmx))
    slow.finish()
    app.extensions["jobs"] = Jobs()  # nothing is known any more
    assert "data-autoclick" in admin.get(poll, headers=as_htmx).text
    run = runs.begin(cast.daily, RunKind.IMPORT, cast.alice)
    runs.abandon(run)
    ended = admin.get(f"{PAGE}/jobs/{run.uid}/status", headers=as_htmx)
    assert "The program stopped. Nothing was changed." in ended.text


def test_what_a_command_does_is_seen_too(admin, cast, as_htmx):
    run = runs.begin(cast.daily, RunKind.IMPORT, "command line")
    page = admin.get(PAGE)
    assert "The backup is being imported</strong> by command line" in page.text
    assert "<progress aria-label" in page.text
    assert "Cancel" not in page.text
    poll = poll_of_import(page)
    assert "every 1s" in admin.get(poll, headers=as_htmx).text
    runs.end(run, "done")
    assert admin.get(poll, headers=as_htmx).headers["HX-Refresh"] == "true"


def test_a_command_that_died_is_not_waited_for(admin, cast, as_htmx):
    run = runs.begin(cast.daily, RunKind.EXPORT, "command line")
    BackupRun.update(process="gone nothing 1 1").where(BackupRun.id == run.id).execute()
    poll = f"{PAGE}/jobs/{run.uid}/status"
    admin.get(poll, headers=as_htmx)
    assert "every 1s" not in admin.get(poll, headers=as_htmx).text
    assert BackupRun.get_by_id(run.id).state == "interrupted"
