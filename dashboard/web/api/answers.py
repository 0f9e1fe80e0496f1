"""How units and jobs look from outside: rows and jobs in the shapes of the API."""

import json
from contextlib import suppress
from typing import Any, cast

from ... import backup
from ...archive import ArchiveError
from ...backup import BackupError
from ...backup.errors import UnitBusy
from ...backup.sections import count_rows
from ...jobs import Act as JobAct
from ...jobs import Job as RunningJob
from ...models import BackupRun, RunKind, RunState, Unit
from ...models.figures import last_backup
from .. import access, backup_page, errors, job_view
from ..refusals import Error
from . import shapes
from .shapes import moment


def status_of(unit: Unit) -> shapes.Status:
    """Return how *unit* stands."""
    return shapes.Status(
        slug=unit.slug,
        name=unit.name,
        revision=unit.revision,
        counts=count_rows(unit),
        last_backup=_last_backup(unit),
        running=_running(unit),
        undo=_undoable(unit),
    )


def _last_backup(unit: Unit) -> shapes.LastBackup | None:
    run = last_backup(unit)
    if run is None:
        return None
    return shapes.LastBackup(
        made_at=moment(run.finished_at or run.started_at),
        made_by=run.user_email,
        file_bytes=run.file_bytes or 0,
        file_sha256=run.file_sha256 or "",
        content=run.content or "",
    )


def _running(unit: Unit) -> shapes.Running | None:
    run = BackupRun.running(unit)
    if run is None:
        return None
    return shapes.Running(run.uid, act_of(run, None), run.user_email, moment(run.started_at))


def _undoable(unit: Unit) -> shapes.Undoable | None:
    copies = backup.standing_copies(unit, access.settings().safety_copy_days)
    if not copies:
        return None
    newest = copies[0]
    kind = cast("Any", newest.kind or "unknown")
    return shapes.Undoable(kind, moment(newest.made_at), newest.by, newest.source)


def act_of(run: BackupRun, job: RunningJob | None) -> shapes.Act:
    """Return what *run* does; without its job a validation and that of an undo look alike."""
    if run.kind == RunKind.UNDO:
        return "undo"
    act = job.act if job is not None else job_view.act_of(run)
    return act.value


def job_of(run: BackupRun) -> shapes.Job:
    """Return where *run* is, or what came of it."""
    job = backup_page.jobs().find(run.uid, run.unit)
    if job is not None and not job.has_ended:
        return job_under_way(job)
    run = BackupRun.get_by_id(run.id)  # after its job: once that has ended, so has the row
    if job is None and run.state == RunState.RUNNING:
        with suppress(UnitBusy):
            backup.require_free(run.unit)  # closes it if its program has died
        run = BackupRun.get_by_id(run.id)
    return _ended(run, job)


def job_under_way(job: RunningJob) -> shapes.Job:
    """Return where *job* is."""
    step = job.step
    return _job(
        job.run,
        job,
        "running" if step.stage is not None else "queued",
        stage=step.stage.value if step.stage is not None else None,
        rows_done=step.done,
        rows_total=step.total,
    )


def _ended(run: BackupRun, job: RunningJob | None) -> shapes.Job:
    """Return what came of *run*; without its *job*, of a command or forgotten, as its row tells."""
    state, act = cast("shapes.State", run.state), act_of(run, job)
    is_done = state == "done"
    if job is not None and state == "running":
        state = "failed"  # so badly that not even its row could be written
    return _job(
        run,
        job,
        state,
        error=_error(run, job),
        export=_export(run) if is_done and act == "export" else None,
        preview=_preview(job),
        imported=_imported(run) if is_done and act in ("import", "undo") else None,
    )


def _job(run: BackupRun, job: RunningJob | None, state: shapes.State, **more: Any) -> shapes.Job:
    nothing: dict[str, Any] = {"stage": None, "rows_done": 0, "rows_total": 0}
    nothing |= dict.fromkeys(("error", "export", "preview", "imported"))
    act = act_of(run, job)
    return shapes.Job(id=run.uid, unit=run.unit.slug, act=act, state=state, **(nothing | more))


def _error(run: BackupRun, job: RunningJob | None) -> Error | None:
    if job is None:
        return Error(run.state, run.reason) if run.reason else None
    if job.error is None:
        return None
    if isinstance(job.error, ArchiveError | BackupError):
        return Error(job.error.code, str(job.error))
    found = errors.lookup(job.error)
    incident = "The server made a mistake, and nothing was changed. Its incident id is"
    return Error("internal", found[1] if found else f"{incident} {job.incident}.")


def _export(run: BackupRun) -> shapes.Export:
    return shapes.Export(
        id=run.uid,
        file_bytes=run.file_bytes or 0,
        file_sha256=run.file_sha256 or "",
        content=run.content or "",
        counts=json.loads(run.counts),
    )


def _imported(run: BackupRun) -> shapes.Imported:
    return shapes.Imported(content=run.content or "", counts=json.loads(run.counts))


def _preview(job: RunningJob | None) -> shapes.Preview | None:
    if job is None or job.act not in (JobAct.VALIDATE, JobAct.PREPARE_UNDO) or not job.result:
        return None
    ticket, found = job.result
    report, manifest = found.report, found.report.manifest
    made_of = manifest.unit
    return shapes.Preview(
        ticket=ticket,
        same_unit=found.same_unit,
        unit_revision=found.unit_revision,
        app=manifest.app,
        created_at=manifest.created_at,
        created_by=manifest.created_by,
        organisation=manifest.organisation,
        unit=shapes.MadeOf(made_of.uid, made_of.slug, made_of.name),
        file_bytes=report.file_bytes,
        file_sha256=report.file_sha256,
        content=report.content,
        counts=report.counts,
        sections=[
            shapes.Section(at.section, at.now, at.then, at.come, at.gone, at.change)
            for at in found.comparison.sections
        ],
    )
