"""Jobs: what each state tells, how they are stopped, and what is left of them."""

import io
import threading
from functools import partial

import pytest

from dashboard import backup, db
from dashboard.backup import errors, runs
from dashboard.backup.progress import Stage
from dashboard.jobs import Act, Jobs, runner
from dashboard.models import BackupRun, RunKind
from tests.backup.conftest import PASSWORD, Unchanged

LONG = 30


@pytest.fixture
def jobs(folders):
    found = Jobs()
    yield found
    found.close()


@pytest.fixture
def held():
    """Work that reaches LOAD and waits there for `held.go`; `held.there` says that it waits."""

    def work(*, run, progress):
        with backup.context.recorded(run):
            progress(Stage.LOAD, 3, 10)
            work.there.set()
            assert work.go.wait(LONG)
            progress(Stage.LOAD, 10, 10)
            progress(Stage.COMMIT, 0, 0)
            runs.end(run, backup.runs.RunState.DONE)
            return "result"

    work.there, work.go = threading.Event(), threading.Event()
    yield work
    work.go.set()


@pytest.fixture
def start(jobs, cast):
    def start(work, unit=cast.daily, user=cast.alice):
        return jobs.start(runs.begin(unit, RunKind.IMPORT, user), Act.IMPORT, user, work)

    return start


def state_of(job):
    return BackupRun.get(BackupRun.uid == job.uid).state


def test_a_job_tells_where_it_is_and_keeps_its_result(jobs, cast, start, held):
    job = start(held)
    assert held.there.wait(LONG)
    assert (job.step.stage, job.step.done, job.step.total) == (Stage.LOAD, 3, 10)
    assert (job.has_ended, job.can_be_cancelled, jobs.are_running()) == (False, True, True)
    assert jobs.of_unit(cast.daily) == [job]
    assert jobs.of_unit(cast.weekly) == []
    assert jobs.find(job.uid, cast.weekly) is None
    held.go.set()
    assert job.wait(LONG)
    assert (job.result, job.error, job.can_be_cancelled) == ("result", None, False)
    assert state_of(job) == "done"
    assert not jobs.are_running()


def test_a_real_export_runs_on_a_connection_of_its_own(cast, jobs, engine):
    run = runs.begin(cast.daily, RunKind.EXPORT, cast.alice)
    work = partial(backup.export_for_download, cast.daily, cast.alice, PASSWORD, engine)
    job = jobs.start(run, Act.EXPORT, cast.alice, work)
    assert job.wait(LONG)
    assert job.result.file_bytes > 0
    assert (engine.folders.exports / f"{job.uid}.dbk").exists()


def test_cancelled_before_the_commit(cast, start, held):
    with Unchanged(cast.daily):
        job = start(held)
        assert held.there.wait(LONG)
        job.cancel()
        assert not job.can_be_cancelled
        held.go.set()
        assert job.wait(LONG)
    assert isinstance(job.error, errors.Cancelled)
    assert state_of(job) == "cancelled"


def test_a_job_that_waits_for_a_worker_can_be_cancelled(cast, start, held, monkeypatch, jobs):
    monkeypatch.setattr(jobs._pool, "_max_workers", 1)
    first = start(held)
    assert held.there.wait(LONG)
    second = start(held, cast.weekly, cast.mallory)
    assert second.step.stage is None
    second.cancel()
    held.go.set()
    assert second.wait(LONG)
    assert (state_of(first), state_of(second)) == ("done", "cancelled")


def test_after_the_commit_began_there_is_nothing_to_cancel(cast, start):
    def work(*, run, progress):
        with backup.context.recorded(run):
            progress(Stage.COMMIT, 0, 0)
            assert not job_there[0].can_be_cancelled
            job_there[0].cancel()
            runs.end(run, backup.runs.RunState.DONE)

    job_there = []
    ready = threading.Event()

    def after(*, run, progress):
        assert ready.wait(LONG)
        return work(run=run, progress=progress)

    job_there.append(start(after))
    ready.set()
    assert job_there[0].wait(LONG)
    assert job_there[0].error is None
    assert state_of(job_there[0]) == "done"


def test_a_closing_program_interrupts_what_runs_and_takes_nothing_more(cast, jobs, start, held):
    job = start(held)
    assert held.there.wait(LONG)
    closing = threading.Thread(target=jobs.close)
    closing.start()
    while job._stop is None:
        closing.join(0.01)
    held.go.set()
    closing.join(LONG)
    assert state_of(job) == "interrupted"
    with pytest.raises(errors.Interrupted):
        start(held)
    assert BackupRun.running(cast.daily) is None


def test_what_nobody_expected_is_logged_once_with_an_id(cast, start, caplog):
    def broken(*, run, progress):
        with backup.context.recorded(run):
            raise RuntimeError("the disk is on fire")

    job = start(broken)
    assert job.wait(LONG)
    assert state_of(job) == "failed"
    (record,) = caplog.records
    assert job.incident
    assert job.incident in record.getMessage()
    assert "the disk is on fire" in caplog.text


def test_a_job_that_never_reached_its_act_does_not_keep_the_unit_busy(cast, start, monkeypatch):
    def unreachable():
        raise db.DatabaseError("unable to open database file")

    with monkeypatch.context() as patch:
        patch.setattr(db.database.obj, "connect", unreachable)
        job = start(lambda **_: None)
        assert job.wait(LONG)
    assert job.error is not None
    runs.begin(cast.daily, RunKind.EXPORT, cast.alice)
    assert state_of(job) == "interrupted"


def test_a_result_is_dropped_after_a_quarter_of_an_hour(cast, jobs, start, held, monkeypatch):
    held.go.set()
    job = start(held)
    assert job.wait(LONG)
    assert jobs.find(job.uid, cast.daily) is job
    monkeypatch.setattr(runner, "KEPT_SECONDS", -1)
    assert jobs.find(job.uid, cast.daily) is None
    assert jobs.of_unit(cast.daily) == []
    start(held, cast.weekly, cast.mallory).wait(LONG)
    assert job.uid not in jobs._jobs


def test_nothing_of_a_result_is_in_the_database(cast, jobs, engine, make_backup):
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(make_backup(cast.daily)), engine)
    run = backup.begin_validation(cast.daily, cast.alice, uid, engine)
    work = partial(backup.validate_upload, cast.daily, cast.alice, uid, PASSWORD, engine)
    job = jobs.start(run, Act.VALIDATE, cast.alice, work)
    assert job.wait(LONG)
    token, found = job.result
    db.tidy()
    stored = b"".join(path.read_bytes() for path in engine.folders.data.glob("dashboard.db*"))
    assert token.encode() not in stored
    assert found.report.file_key not in stored
