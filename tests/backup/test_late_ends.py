"""What is done stays done: a Ctrl-C or a failing disk after the commit takes nothing back."""

import io
import signal
from pathlib import Path

import pytest
from playhouse.apsw_ext import APSWDatabase

from dashboard import backup, db
from dashboard.archive import NotABackup
from dashboard.backup import imports
from dashboard.backup.progress import Stage
from dashboard.models import AuditEvent, BackupRun, SafetyCopy
from tests.backup.conftest import PASSWORD, state, wipe_some


@pytest.fixture
def interrupted_after(monkeypatch):
    """`interrupted_after(kind)`: Ctrl-C comes while the commit that records such a run syncs.

    Python hands it over as soon as SQLite has returned, before anybody knows that it did.
    """

    def arm(kind):
        honest, once = APSWDatabase.commit, []

        def commit(self):
            done = honest(self)
            was = BackupRun.select().where(BackupRun.kind == kind, BackupRun.state == "done")
            if not once and was.exists():
                once.append(True)
                signal.raise_signal(signal.SIGINT)
            return done

        monkeypatch.setattr(APSWDatabase, "commit", commit)

    return arm


def _import(unit, data, engine):
    source = io.BytesIO(data)
    found = backup.preview(backup.validate_with_password(source, PASSWORD), unit)
    return imports.import_file(unit, source, found, "command line", engine)


def _is_done_and_can_be_undone(unit, engine, before, after):
    run = BackupRun.select().where(BackupRun.kind == "import").get()
    assert (state(unit), run.state, run.reason) == (after, "done", "")
    events = AuditEvent.select().where(AuditEvent.action == "backup.import")
    assert [event.outcome for event in events] == ["done"]
    assert backup.last_import(unit) == run
    assert SafetyCopy.get().uid == run.uid
    with backup.open_safety_copy(unit, engine) as (_, _, found):
        assert found.report.content == before


@pytest.mark.parametrize("moment", ["commit", "tidy"])
def test_a_ctrl_c_after_the_commit_does_not_stop_an_import(
    cast, engine, make_backup, interrupted_after, monkeypatch, moment
):
    after, data = state(cast.daily), make_backup(cast.daily)
    wipe_some(cast.daily)
    before = state(cast.daily)
    if moment == "commit":
        interrupted_after("import")
    else:
        monkeypatch.setattr(db, "tidy", lambda: signal.raise_signal(signal.SIGINT))
    run = _import(cast.daily, data, engine)
    assert run.unit.revision == BackupRun.get_by_id(run.id).unit.revision
    _is_done_and_can_be_undone(cast.daily, engine, before, after)


def test_a_ctrl_c_before_the_commit_stops_it(cast, engine, make_backup):
    data = make_backup(cast.daily)
    wipe_some(cast.daily)
    before = state(cast.daily)

    def progress(stage, done, total):
        if stage is Stage.COMMIT:
            raise KeyboardInterrupt

    source = io.BytesIO(data)
    found = backup.preview(backup.validate_with_password(source, PASSWORD), cast.daily)
    with pytest.raises(KeyboardInterrupt):
        imports.import_file(cast.daily, source, found, "command line", engine, progress=progress)
    run = BackupRun.select().where(BackupRun.kind == "import").get()
    assert (state(cast.daily), run.state) == (before, "cancelled")
    assert not SafetyCopy.select().exists()
    assert list(engine.folders.safety.iterdir()) == []


def test_a_ctrl_c_after_the_record_leaves_the_file_of_an_export(
    cast, engine, interrupted_after, tmp_path
):
    interrupted_after("export")
    path = tmp_path / "x.dbk"
    backup.export_to_file(cast.daily, path, PASSWORD, "command line", engine)
    assert path.exists()
    assert BackupRun.get().state == "done"


def _failing(monkeypatch, folder):
    honest = Path.unlink

    def unlink(self, missing_ok=False):
        if self.parent.name == folder:
            raise OSError(5, "Input/output error")
        honest(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)


def test_an_upload_that_cannot_be_deleted_is_no_failed_import(
    cast, engine, make_backup, monkeypatch
):
    after, data = state(cast.daily), make_backup(cast.daily)
    wipe_some(cast.daily)
    before = state(cast.daily)
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(data), engine)
    token, _ = backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    _failing(monkeypatch, "uploads")
    backup.import_ticket(cast.daily, cast.alice, token, engine)
    _is_done_and_can_be_undone(cast.daily, engine, before, after)


def test_an_older_export_that_cannot_be_deleted_is_no_failed_export(cast, engine, monkeypatch):
    monkeypatch.setattr("dashboard.backup.quotas.EXPORTS_OF_USER", 1)
    backup.export_for_download(cast.daily, cast.alice, PASSWORD, engine)
    _failing(monkeypatch, "exports")
    run = backup.export_for_download(cast.daily, cast.alice, PASSWORD, engine)
    assert BackupRun.get_by_id(run.id).state == "done"


def test_an_upload_that_cannot_be_deleted_does_not_hide_why_it_was_refused(
    cast, engine, monkeypatch
):
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(b"no backup"), engine)
    _failing(monkeypatch, "uploads")
    with pytest.raises(NotABackup):
        backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    assert BackupRun.get().state == "refused"
