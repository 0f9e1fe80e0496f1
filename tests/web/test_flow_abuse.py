"""Export, Import and Undo out of their order, out of their time, and by the wrong hands.

What `test_backups`, `test_stale`, `test_permits` and `test_jobs` show of them is not repeated.
"""

import hashlib
import re

import pytest

from dashboard.backup.progress import Stage
from dashboard.models import BackupRun, ImportTicket, Role, Session, Unit
from dashboard.models.people import rename_unit, set_password, set_role
from tests.backup.conftest import Unchanged, state, wipe_some
from tests.web.conftest import COOKIE
from tests.web.test_backups import PAGE, admin, export, import_, saved, ticket_in, validate
from tests.web.test_permits import LOSSES, delete, demote, disable, expel, log_out
from tests.web.test_stale import poll_of, saved_by_job

__all__ = ["admin", "saved", "saved_by_job"]
WEEKLY = PAGE.replace("/daily/", "/weekly/")


@pytest.fixture
def ann(app, login, cast):
    """The browser of another admin of daily."""
    set_role(cast.bob, cast.daily, Role.ADMIN)
    return login(app.test_client(), cast.bob)


# Import without Validate, and with what is no ticket


FORGERIES = (
    lambda ticket: "",
    lambda ticket: "x",
    lambda ticket: ticket[:-1],
    lambda ticket: ticket + "=",
    lambda ticket: ticket.swapcase(),
    lambda ticket: f" {ticket}",
    lambda ticket: f"{ticket}\0",
    lambda ticket: hashlib.sha256(ticket.encode()).hexdigest(),  # what the database keeps
    lambda ticket: ImportTicket.get().upload,
    lambda ticket: "*",
    lambda ticket: "%",
    lambda ticket: "A" * 100_000,
)


def test_only_the_very_ticket_imports(admin, cast, saved):
    ticket = ticket_in(validate(admin, saved))
    wipe_some(cast.daily)
    with Unchanged(cast.daily, cast.weekly):
        assert admin.post(f"{PAGE}/import").status_code == 409
        for forge in FORGERIES:
            assert import_(admin, forge(ticket)).status_code == 409
    assert import_(admin, ticket).status_code == 303  # and it still does


@pytest.mark.parametrize("change", ["swap", "cut", "empty", "grow", "remove", "flip"])
def test_a_staged_file_that_is_not_the_one_any_more_is_not_imported(
    admin, cast, saved, folders, change
):
    ticket = ticket_in(validate(admin, saved))
    other = admin.get(export(admin).location, buffered=True).data
    [staged] = folders.uploads.iterdir()
    content = {
        "swap": other,
        "cut": saved[:-1],
        "empty": b"",
        "grow": saved + b"\0",
        "flip": saved[:-1] + bytes([saved[-1] ^ 1]),
    }
    staged.unlink() if change == "remove" else staged.write_bytes(content[change])
    with Unchanged(cast.daily, cast.weekly):
        assert import_(admin, ticket).status_code in (409, 422)
    assert [*folders.uploads.iterdir(), *folders.safety.iterdir()] == []


def test_a_ticket_is_worth_nothing_to_another_admin_of_the_unit(admin, ann, cast, saved, folders):
    ticket = ticket_in(validate(admin, saved))
    with Unchanged(cast.daily):
        assert import_(ann, ticket).status_code == 409
        assert ann.post(f"{PAGE}/preview", data={"ticket": ticket}).status_code == 409
        ann.post(f"{PAGE}/discard", data={"ticket": ticket})
    assert len(list(folders.uploads.iterdir())) == 1
    assert import_(admin, ticket).status_code == 303


def test_a_ticket_is_worth_nothing_in_another_unit_of_the_same_admin(admin, cast, saved):
    set_role(cast.alice, cast.weekly, Role.ADMIN)
    ticket = ticket_in(validate(admin, saved))
    with Unchanged(cast.daily, cast.weekly):
        refused = import_(admin, ticket, page=WEEKLY, unit_name="Coast Weekly")
    assert refused.status_code == 409


def test_an_upload_is_worth_nothing_to_anybody_else(admin, ann, cast, saved):
    set_role(cast.alice, cast.weekly, Role.ADMIN)
    answer = validate(admin, saved, "wrong")
    form = {
        "upload": re.search(r'name="upload" value="(\w+)"', answer.text)[1],
        "password": "four words, one file",
    }
    with Unchanged(cast.daily, cast.weekly):
        for browser, page in ((ann, PAGE), (admin, WEEKLY)):
            refused = browser.post(f"{page}/validate", data=form)
            assert refused.status_code == 422
            assert "Choose it again" in refused.text
    assert ImportTicket.select().count() == 0


def test_two_browsers_of_one_admin_import_once(admin, app, login, cast, saved):
    """A ticket is its user's, and whoever has it twice has it once."""
    second = login(app.test_client(), cast.alice)
    ticket = ticket_in(validate(admin, saved))
    assert import_(second, ticket).status_code == 303
    wipe_some(cast.daily)
    with Unchanged(cast.daily):
        assert import_(admin, ticket).status_code == 303  # the result of the first
    assert BackupRun.select().where(BackupRun.kind == "import").count() == 1


def test_a_unit_that_was_renamed_wants_its_new_name(app, login, cast, saved):
    mallory = login(app.test_client(), cast.mallory)
    ticket = ticket_in(validate(mallory, saved, page=WEEKLY))
    rename_unit(cast.weekly, "Coast Monthly", by=cast.mallory, seen="Coast Weekly")
    with Unchanged(cast.daily, cast.weekly):
        refused = import_(mallory, ticket, page=WEEKLY, unit_name="Coast Weekly")
    assert refused.status_code == 422
    assert "Coast Monthly" in refused.text


# The right to it is lost on the way


def stay_out(browser, ticket):
    """Every step from here on, by somebody who may not."""
    return [
        import_(browser, ticket),
        browser.post(f"{PAGE}/preview", data={"ticket": ticket}),
        browser.post(f"{PAGE}/fields", data={"ticket": ticket, "section": "plugins", "key": "[]"}),
        browser.post(f"{PAGE}/undo"),
        export(browser),
    ]


@pytest.mark.parametrize("lose", LOSSES)
def test_a_right_that_is_lost_after_the_preview_ends_the_flow(admin, app, cast, saved, lose):
    ticket, cookie = ticket_in(validate(admin, saved)), admin.get_cookie(COOKIE).value
    wipe_some(cast.daily)
    lose(cast, admin)
    copied = app.test_client()
    copied.set_cookie(COOKIE, cookie)  # as somebody has it who copied it before
    with Unchanged(cast.daily, cast.weekly):
        for browser in (admin, copied):
            for answer in stay_out(browser, ticket):
                assert answer.status_code in (303, 403, 404)
                if answer.status_code == 303:
                    assert re.match("/(login|confirm|account/second-factor)", answer.location)
    assert BackupRun.select().where(BackupRun.kind == "import").count() == 0


def test_after_a_new_password_the_flow_goes_on_in_a_new_session_only(
    admin, app, login, cast, saved
):
    """A ticket that was got with a stolen session dies with that session."""
    ticket = ticket_in(validate(admin, saved))
    set_password(cast.alice, "another long password")
    with Unchanged(cast.daily):
        assert import_(admin, ticket).location.startswith("/login")
    assert import_(login(app.test_client(), cast.alice), ticket).status_code == 303


GONE = (demote, expel, disable, delete, log_out)


@pytest.mark.parametrize(
    ("step", "lose"),
    [*(("validate", lose) for lose in GONE), ("undo", demote), ("export", expel)],
)
def test_a_right_that_is_lost_during_the_key_derivation_shows_nothing(
    admin, cast, saved, slow, as_htmx, folders, lose, step
):
    if step == "undo":
        slow.hold(None)
        ticket = ticket_in(poll(admin, slow, validate(admin, saved, headers=as_htmx), as_htmx))
        poll(admin, slow, import_(admin, ticket, headers=as_htmx), as_htmx)
    slow.hold(Stage.CHECK if step == "undo" else Stage.UNLOCK)
    with Unchanged(cast.daily, cast.weekly):
        if step == "validate":
            begun = validate(admin, saved, headers=as_htmx)
        else:
            begun = export(admin, headers=as_htmx) if step == "export" else undo(admin, as_htmx)
        slow.wait()
        lose(cast, admin)
        slow.finish()
        for address in (poll_of(begun), poll_of(begun).removesuffix("/status")):
            ended = admin.get(address)
            assert ended.status_code in (303, 403, 404)
            assert "ticket" not in ended.text


@pytest.mark.parametrize("lose", [demote, disable, log_out])
def test_a_right_that_is_lost_before_the_wipe_stops_an_undo(
    admin, cast, saved, slow, as_htmx, lose
):
    slow.hold(None)
    wipe_some(cast.daily)
    ticket = ticket_in(poll(admin, slow, validate(admin, saved, headers=as_htmx), as_htmx))
    poll(admin, slow, import_(admin, ticket, headers=as_htmx), as_htmx)
    ticket = ticket_in(poll(admin, slow, undo(admin, as_htmx), as_htmx))
    slow.hold(Stage.SAVE)
    with Unchanged(cast.daily, cast.weekly):
        import_(admin, ticket, headers=as_htmx)
        slow.wait()
        lose(cast, admin)
        slow.finish()
    run = BackupRun.select().order_by(BackupRun.id.desc()).first()
    assert (run.kind, run.state) == ("undo", "refused")


def poll(browser, slow, begun, as_htmx):
    """Let a job end, and return what its page shows then."""
    slow.finish()
    return browser.get(poll_of(begun), headers=as_htmx)


def undo(browser, as_htmx):
    return browser.post(f"{PAGE}/undo", headers=as_htmx)


def test_a_ticket_that_is_thrown_away_under_its_import_leaves_one_whole_state(
    admin, cast, saved_by_job, slow, as_htmx
):
    full = state(cast.daily)
    wipe_some(cast.daily)
    poor = state(cast.daily)
    slow.hold(Stage.SAVE)
    import_(admin, saved_by_job, headers=as_htmx)
    slow.wait()
    admin.post(f"{PAGE}/discard", data={"ticket": saved_by_job})
    slow.finish()
    run = BackupRun.select().order_by(BackupRun.id.desc()).first()
    assert state(cast.daily) == (full if run.state == "done" else poor)


# What an export leaves


@pytest.mark.parametrize("lose", GONE)
def test_a_download_ends_with_the_right_to_it(admin, cast, lose):
    link = export(admin).location
    assert admin.get(link, buffered=True).data.startswith(b"dashboard-backup/1\n")
    lose(cast, admin)
    refused = admin.get(link, buffered=True)
    assert refused.status_code in (303, 403, 404)
    assert b"dashboard-backup" not in refused.data


def test_a_download_is_of_its_unit_and_its_admin(admin, ann, app, login, cast):
    set_role(cast.alice, cast.weekly, Role.ADMIN)
    link = export(admin).location
    assert admin.get(link.replace("/daily/", "/weekly/")).status_code == 404
    assert ann.get(link).status_code == 404
    second = login(app.test_client(), cast.alice)
    assert second.get(link, buffered=True).status_code == 200


def test_no_other_run_can_be_downloaded(admin, cast, saved, folders):
    """Neither an upload nor a safety copy, though both are files of the same name."""
    ticket = ticket_in(validate(admin, saved))
    [upload] = folders.uploads.iterdir()
    assert admin.get(f"{PAGE}/exports/{upload.stem}").status_code == 404
    import_(admin, ticket)
    [copy] = folders.safety.iterdir()
    assert admin.get(f"{PAGE}/exports/{copy.stem}").status_code == 404
    for name in ("../server.key", "..%2f..%2fserver.key", "%2e%2e", copy.name, "server.key"):
        assert admin.get(f"{PAGE}/exports/{name}").status_code == 404


def test_a_stolen_cookie_is_worth_what_its_user_is_worth_now(admin, app, ann, cast):
    """The role is not in the cookie: it falls with the user, in every browser at once."""
    thief = app.test_client()
    thief.set_cookie(COOKIE, admin.get_cookie(COOKIE).value)
    assert thief.get(PAGE).status_code == 200
    set_role(cast.alice, cast.daily, Role.READONLY)
    with Unchanged(cast.daily):
        for browser in (thief, admin):
            assert browser.get(PAGE).status_code == 403
            assert export(browser).status_code == 403
    Session.delete().where(Session.user == cast.alice).execute()
    assert thief.get("/units").location.startswith("/login")
    assert Unit.select().count() == 2
