"""Every attempt is in the audit log: done, refused, failed, cancelled, interrupted."""

import hashlib
import io
import json

import pytest

from dashboard import backup, db
from dashboard.archive import ArchiveError
from dashboard.backup import BackupError, attempts, errors, processes, runs
from dashboard.models import AuditEvent, ImportTicket, RunKind, RunState
from dashboard.models.chain import verify
from tests import sqlite
from tests.backup.conftest import PASSWORD, Unchanged

WRONG = "wrong as can be"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Events:
    """What was added to the log since this was made."""

    def __init__(self):
        self.before = AuditEvent.select().count()

    def __call__(self) -> list[AuditEvent]:
        return list(AuditEvent.select().order_by(AuditEvent.id).offset(self.before))

    def only(self, action: str, outcome: str, unit, by: str) -> dict:
        """Return the detail of the one event there is."""
        (event,) = self()
        assert (event.action, event.outcome) == (action, outcome)
        assert (event.unit_uid, event.unit_name, event.user_email) == (unit.uid, unit.name, by)
        return json.loads(event.detail)


@pytest.fixture
def upload(engine, cast):
    return lambda data: backup.keep_upload(cast.daily, cast.alice, io.BytesIO(data), engine)


@pytest.fixture
def ticket(engine, cast, upload):
    """Validate some bytes and return the ticket's token."""
    return lambda data: backup.validate_upload(
        cast.daily, cast.alice, upload(data), PASSWORD, engine
    )[0]


def test_what_was_done_says_which_file_and_what_was_in_it(cast, make_backup, bring_in):
    events = Events()
    data = make_backup(cast.daily)
    run = bring_in(cast.daily, cast.alice, data)
    exported, validated, imported = (json.loads(event.detail) for event in events())
    for detail in (exported, validated, imported):
        assert detail["file_sha256"] == sha256(data)
        assert detail["content"] == run.content
        assert detail["counts"]["config_keys"] == 20
        assert "reason" not in detail
    assert validated["source"] == imported["source"]
    assert imported["source"].startswith("Harbour Daily, 2")


def test_imports_and_undos_only_add_to_the_log(cast, engine, make_backup, bring_in):
    data = make_backup(cast.daily)
    bring_in(cast.daily, cast.alice, data)
    before = list(AuditEvent.select().order_by(AuditEvent.id).tuples())
    bring_in(cast.daily, cast.alice, data)
    for _ in range(2):
        token, _ = backup.prepare_undo(cast.daily, cast.alice, engine)
        backup.import_ticket(cast.daily, cast.alice, token, engine)
    after = list(AuditEvent.select().order_by(AuditEvent.id).tuples())
    assert after[: len(before)] == before
    added = [(event.action, event.outcome) for event in _since(len(before))()]
    assert added == [("backup.validate", "done"), ("backup.import", "done")] + 2 * [
        ("backup.validate", "done"),
        ("backup.undo", "done"),
    ]
    assert (verify().fault, verify().events) == (None, len(after))


def _since(number: int) -> Events:
    found = Events()
    found.before = number
    return found


@pytest.mark.parametrize(
    ("make", "password", "says"),
    [
        (lambda data: data, WRONG, "password"),
        (lambda data: b"PK\x03\x04 a holiday picture", PASSWORD, "not a"),
        (lambda data: data[:-1], PASSWORD, "cut"),
        (lambda data: data[:-9] + bytes(9), PASSWORD, "damaged"),
    ],
)
def test_a_refused_validation_says_which_file_it_was(
    cast, engine, make_backup, upload, make, password, says
):
    data = make(make_backup(cast.daily))
    events = Events()
    with Unchanged(cast.daily, cast.weekly), pytest.raises(ArchiveError) as caught:
        backup.validate_upload(cast.daily, cast.alice, upload(data), password, engine)
    detail = events.only("backup.validate", "refused", cast.daily, cast.alice.email)
    assert detail == {"reason": str(caught.value), "file_sha256": sha256(data)}


@pytest.mark.parametrize("kind", RunKind)
def test_a_busy_unit(cast, kind):
    run = runs.begin(cast.daily, RunKind.EXPORT, cast.alice)
    events = Events()
    with Unchanged(cast.daily, cast.weekly), pytest.raises(errors.UnitBusy):
        runs.begin(cast.daily, kind, cast.bob)
    detail = events.only(f"backup.{kind}", "refused", cast.daily, cast.bob.email)
    assert detail == {"reason": str(errors.UnitBusy())}
    runs.end(run, RunState.DONE)


def test_a_busy_unit_at_a_validation(cast, engine, make_backup, upload):
    data = make_backup(cast.daily)
    uid = upload(data)
    runs.begin(cast.daily, RunKind.EXPORT, cast.alice)
    events = Events()
    with Unchanged(cast.daily), pytest.raises(errors.UnitBusy):
        backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    detail = events.only("backup.validate", "refused", cast.daily, cast.alice.email)
    assert detail["file_sha256"] == sha256(data)


def test_an_upload_that_is_gone(cast, engine):
    events = Events()
    with Unchanged(cast.daily), pytest.raises(errors.UploadGone):
        backup.begin_validation(cast.daily, cast.alice, "0" * 32, engine)
    assert events.only("backup.validate", "refused", cast.daily, cast.alice.email)["reason"]


def test_a_ticket_of_somebody_else(cast, engine, make_backup, ticket):
    token = ticket(make_backup(cast.daily))
    events = Events()
    with Unchanged(cast.daily), pytest.raises(errors.TicketUnusable):
        backup.import_ticket(cast.daily, cast.bob, token, engine)
    assert events.only("backup.import", "refused", cast.daily, cast.bob.email)["reason"]
    assert token not in str(list(AuditEvent.select().dicts()))


def test_a_ticket_that_has_expired(cast, engine, make_backup, ticket):
    data = make_backup(cast.daily)
    token = ticket(data)
    ImportTicket.update(expires_at=0).execute()
    events = Events()
    with Unchanged(cast.daily), pytest.raises(errors.TicketUnusable):
        backup.import_ticket(cast.daily, cast.alice, token, engine)
    detail = events.only("backup.import", "refused", cast.daily, cast.alice.email)
    assert detail["file_sha256"] == sha256(data)


def test_a_backup_of_another_unit_without_the_name_of_this_one(cast, engine, make_backup, ticket):
    data = make_backup(cast.weekly)
    token = ticket(data)
    events = Events()
    with Unchanged(cast.daily), pytest.raises(errors.WrongUnit):
        backup.import_ticket(cast.daily, cast.alice, token, engine, typed_name="Coast Weekly")
    detail = events.only("backup.import", "refused", cast.daily, cast.alice.email)
    assert detail["file_sha256"] == sha256(data)


def test_a_unit_that_changed_since_the_preview(cast, engine, make_backup, ticket):
    data = make_backup(cast.daily)
    token = ticket(data)
    cast.daily.revision += 1
    cast.daily.save()
    events = Events()
    with Unchanged(cast.daily), pytest.raises(errors.UnitChanged):
        backup.import_ticket(cast.daily, cast.alice, token, engine)
    detail = events.only("backup.import", "refused", cast.daily, cast.alice.email)
    assert (detail["reason"], detail["file_sha256"]) == (str(errors.UnitChanged(0)), sha256(data))
    assert detail["source"].startswith("Harbour Daily, ")


def test_a_password_that_is_too_short(cast, engine, tmp_path):
    events = Events()
    with Unchanged(cast.daily), pytest.raises(errors.PasswordTooShort):
        backup.export_for_download(cast.daily, cast.alice, "abc", engine)
    detail = events.only("backup.export", "refused", cast.daily, cast.alice.email)
    assert detail == {"reason": str(errors.PasswordTooShort(4))}


def test_nothing_to_undo(cast, engine):
    events = Events()
    with Unchanged(cast.daily), pytest.raises(errors.NothingToUndo):
        backup.prepare_undo(cast.daily, cast.alice, engine)
    assert events.only("backup.validate", "refused", cast.daily, cast.alice.email)["reason"]


def test_a_failure_that_nobody_expected(cast, engine, make_backup, ticket, monkeypatch):
    data = make_backup(cast.daily)
    token = ticket(data)

    def break_down(*_args, **_kwargs):
        raise ZeroDivisionError("a secret might be here")

    monkeypatch.setattr("dashboard.backup.imports.restore", break_down)
    events = Events()
    with Unchanged(cast.daily), pytest.raises(ZeroDivisionError):
        backup.import_ticket(cast.daily, cast.alice, token, engine)
    detail = events.only("backup.import", "failed", cast.daily, cast.alice.email)
    assert (detail["reason"], detail["file_sha256"]) == ("ZeroDivisionError", sha256(data))


def test_one_that_was_cancelled(cast, engine, make_backup, ticket):
    token = ticket(make_backup(cast.daily))

    def cancel(*_step):
        raise errors.Cancelled

    events = Events()
    with Unchanged(cast.daily), pytest.raises(errors.Cancelled):
        backup.import_ticket(cast.daily, cast.alice, token, engine, progress=cancel)
    assert events.only("backup.import", "cancelled", cast.daily, cast.alice.email)["file_sha256"]


def test_one_whose_program_died(cast, engine, make_backup, ticket):
    data = make_backup(cast.daily)
    backup.begin_import(cast.daily, cast.alice, ticket(data), engine)
    processes.at_work.clear()
    events = Events()
    with Unchanged(cast.daily):
        assert backup.mark_interrupted() == 1
    detail = events.only("backup.import", "interrupted", cast.daily, cast.alice.email)
    assert detail["file_sha256"] == sha256(data)
    assert detail["source"].startswith("Harbour Daily, ")
    assert "Nothing was changed" in detail["reason"]


def test_who_is_refused_during_an_import_does_not_wait_and_is_written_down_after_it(
    cast, settings, monkeypatch
):
    run = runs.begin(cast.daily, RunKind.IMPORT, cast.alice)
    events = Events()
    monkeypatch.setattr(attempts, "RETRY_SECONDS", 0)
    with sqlite.opened(settings.data_dir) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(errors.UnitBusy):
            runs.begin(cast.daily, RunKind.EXPORT, cast.bob)
        assert events() == []
    attempts._later.submit(str).result(timeout=30)  # when it comes to this, the event is written
    assert events.only("backup.export", "refused", cast.daily, cast.bob.email)["reason"]
    assert verify().fault is None
    # Afterwards this connection waits for the lock again.
    assert db.database.execute_sql("PRAGMA busy_timeout").fetchone() == (15_000,)
    runs.end(run, RunState.DONE)


def test_a_log_that_cannot_be_written_keeps_nobody_from_the_refusal(cast, caplog):
    run = runs.begin(cast.daily, RunKind.IMPORT, cast.alice)
    events = Events()
    db.database.execute_sql("PRAGMA query_only = 1")
    try:
        with pytest.raises(errors.UnitBusy):
            runs.begin(cast.daily, RunKind.EXPORT, cast.bob)
    finally:
        db.database.execute_sql("PRAGMA query_only = 0")
    assert events() == []
    assert "could not be written into the audit log" in caplog.text
    runs.end(run, RunState.DONE)


def test_no_event_holds_a_secret(cast, engine, make_backup, bring_in, ticket):
    data = make_backup(cast.daily)
    token = ticket(data)
    backup.import_ticket(cast.daily, cast.alice, token, engine)
    for attempt in (
        lambda: bring_in(cast.daily, cast.alice, data, password=WRONG),
        lambda: backup.import_ticket(cast.weekly, cast.alice, token, engine),
    ):
        with pytest.raises((ArchiveError, BackupError)):
            attempt()
    written = str(list(AuditEvent.select().dicts()))
    for secret in (PASSWORD, WRONG, token, "hush-key-store", "hush-plugin"):
        assert secret not in written
