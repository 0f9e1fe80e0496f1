"""An import of another unit may take long: what others have worked out meanwhile is not lost."""

import io
import threading

import pytest

from dashboard import backup, db
from dashboard.backup import turn
from dashboard.backup.errors import Cancelled
from dashboard.backup.progress import Stage
from dashboard.models import BackupRun
from tests.backup.conftest import PASSWORD, Unchanged, wipe_some

LONG = 30


class Other:
    """Somebody who holds the write lock from the first progress of an act until it waits."""

    def __init__(self):
        self.stages = []
        self.go = threading.Event()
        self._held = threading.Event()
        self._thread = threading.Thread(target=self._hold)

    def _hold(self):
        with db.database.connection_context(), db.write_transaction():
            self._held.set()
            assert self.go.wait(LONG)

    def progress(self, stage, done, total):
        self.stages.append(stage)
        if not self._held.is_set():
            self._thread.start()
            assert self._held.wait(LONG)
        if stage is Stage.WAIT:
            self.when_waiting()

    def when_waiting(self):
        self.go.set()

    def end(self):
        self.go.set()
        if self._thread.ident:
            self._thread.join(LONG)


@pytest.fixture
def other():
    other = Other()
    yield other
    other.end()


@pytest.fixture
def acts(cast, engine, make_backup):
    """Each act by its name, to be called with a progress."""
    unit, user = cast.daily, cast.alice
    data = make_backup(unit)
    wipe_some(unit)

    def uploaded():
        return backup.keep_upload(unit, user, io.BytesIO(data), engine)

    def validated():
        return backup.validate_upload(unit, user, uploaded(), PASSWORD, engine)[0]

    backup.import_ticket(unit, user, validated(), engine)
    uid, token = uploaded(), validated()
    acts = {
        "export": (backup.export_for_download, PASSWORD),
        "validate": (backup.validate_upload, uid, PASSWORD),
        "undo": (backup.prepare_undo,),
        "renew": (backup.renew, token),
        "import": (backup.import_ticket, token),
    }
    return lambda name, progress: acts[name][0](
        unit, user, *acts[name][1:], engine, progress=progress
    )


ALL = pytest.mark.parametrize("name", ["export", "validate", "undo", "renew", "import"])


@ALL
def test_the_end_of_an_act_waits_for_its_turn(acts, other, name):
    acts(name, other.progress)
    assert Stage.WAIT in other.stages
    newest = BackupRun.select().order_by(BackupRun.id.desc()).first()
    assert newest.state == "done"


@ALL
def test_whoever_waits_can_still_give_up(acts, cast, other, name):
    def give_up():
        other.end()
        raise Cancelled

    other.when_waiting = give_up
    with Unchanged(cast.daily), pytest.raises(Cancelled):
        acts(name, other.progress)
    assert BackupRun.select().where(BackupRun.state == "cancelled").count() == 1


def test_nobody_waits_for_longer_than_any_import_takes(acts, cast, other, monkeypatch):
    monkeypatch.setattr(turn, "PATIENCE_SECONDS", 0.1)
    other.when_waiting = lambda: None
    monkeypatch.setattr(
        db, "BUSY_TIMEOUT_SECONDS", 0.1
    )  # the failure cannot be written down either
    with pytest.raises(db.DatabaseBusy):
        acts("import", other.progress)
    other.end()
    assert BackupRun.select().where(BackupRun.state == "running").count() <= 1


def test_an_upload_that_cannot_be_recorded_stays(acts, cast, engine, monkeypatch):
    def busy(*args, **columns):
        raise db.DatabaseBusy("database is locked")

    before = sorted(engine.folders.uploads.iterdir())
    monkeypatch.setattr("dashboard.backup.verbs.end_validation", busy)
    with Unchanged(cast.daily), pytest.raises(db.DatabaseBusy):
        acts("validate", lambda *_: None)
    assert sorted(engine.folders.uploads.iterdir()) == before
