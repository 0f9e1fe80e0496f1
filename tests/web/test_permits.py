"""An admin who loses the right to import while the import is under way."""

import pytest

from dashboard.backup.progress import Stage
from dashboard.models import AuditEvent, BackupRun, Role, Session, User, second_factor
from dashboard.models.people import set_password, set_role
from dashboard.web import sessions
from tests.backup.conftest import Unchanged, wipe_some
from tests.web.authenticator import set_up
from tests.web.test_backups import admin, import_, saved
from tests.web.test_stale import saved_by_job

__all__ = ["admin", "saved", "saved_by_job"]


def demote(cast, _browser):
    set_role(cast.bob, cast.daily, Role.ADMIN)
    set_role(cast.alice, cast.daily, Role.USER)


def expel(cast, _browser):
    set_role(cast.bob, cast.daily, Role.ADMIN)
    set_role(cast.alice, cast.daily, None)


def disable(cast, _browser):
    User.update(is_active=False).where(User.id == cast.alice.id).execute()


def delete(cast, _browser):
    User.delete().where(User.id == cast.alice.id).execute()


def log_out(_cast, browser):
    assert browser.post("/logout").status_code == 303


def new_password(cast, _browser):
    set_password(cast.alice, "another long password")


def end_sessions(cast, _browser):
    Session.update(expires_at=0).execute()


def forget_freshness(cast, _browser):
    seconds = sessions.FRESH_SECONDS + sessions.PREVIEW_GRACE_SECONDS
    Session.update(fresh_at=Session.fresh_at - seconds).execute()


def ask_for_a_second_factor(cast, _browser):
    set_role(cast.bob, cast.daily, Role.ADMIN)
    set_up(cast.bob)
    second_factor.require(cast.daily, True, by=cast.bob)


LOSSES = {
    ask_for_a_second_factor: "began to ask its admins for a second factor",
    demote: "stopped being an admin",
    expel: "stopped being an admin",
    disable: "account was disabled",
    delete: "account was disabled",
    log_out: "logged out",
    new_password: "logged out",
    end_sessions: "logged out",
    forget_freshness: "not fresh",
}


@pytest.mark.parametrize("lose", LOSSES)
def test_a_right_that_is_lost_before_the_wipe_stops_the_import(
    admin, cast, saved_by_job, slow, as_htmx, lose, folders
):
    wipe_some(cast.daily)
    slow.hold(Stage.SAVE)
    with Unchanged(cast.daily, cast.weekly):
        import_(admin, saved_by_job, headers=as_htmx)
        slow.wait()
        lose(cast, admin)
        slow.finish()
    run = BackupRun.select().order_by(BackupRun.id.desc()).first()
    assert (run.kind, run.state) == ("import", "refused")
    assert LOSSES[lose] in run.reason
    event = AuditEvent.select().order_by(AuditEvent.id.desc()).first()
    assert (event.action, event.outcome) == ("backup.import", "refused")
    assert event.user_email == "alice@harbour.example"
    assert LOSSES[lose] in event.detail
    assert [*folders.safety.iterdir(), *folders.uploads.iterdir()] == []


def test_a_login_that_grows_old_during_the_import_is_no_loss(
    admin, cast, saved_by_job, slow, as_htmx, monkeypatch
):
    """What counts is how fresh the login was at the press."""
    slow.hold(Stage.SAVE)
    import_(admin, saved_by_job, headers=as_htmx)
    slow.wait()
    now = sessions.time.time()
    monkeypatch.setattr("dashboard.web.sessions.time.time", lambda: now + sessions.FRESH_SECONDS)
    slow.finish()
    run = BackupRun.select().order_by(BackupRun.id.desc()).first()
    assert (run.kind, run.state) == ("import", "done")
