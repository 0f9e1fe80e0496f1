"""How units and jobs look from outside: rows and jobs in the shapes of the API."""

import json
from typing import Any, cast

from ... import backup
from ...archive import ArchiveError
from ...backup import BackupError
from ...backup.sections import count_rows
from ...jobs import Act as JobAct
from ...jobs import Job as RunningJob
from ...models import BackupRun, RunKind, RunState, Unit
from ...models.figures import last_backup
from .. import access, errors, job_view
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


def job_of(run: BackupRun, job: RunningJob | None) -> shapes.Job:
    """Return where *run* is, and what came of it. *job* was found before *run* was read."""
    is_done = run.state == RunState.DONE
    step = job.step if job is not None and not job.has_ended else None
    act = act_of(run, job)
    return shapes.Job(
        id=run.uid,
        unit=run.unit.slug,
        act=act,
        state=_state(run, job),
        stage=step.stage.value if step is not None and step.stage is not None else None,
        rows_done=step.done if step is not None else 0,
        rows_total=step.total if step is not None else 0,
        error=_error(run, job),
        export=_export(run) if is_done and act == "export" else None,
        preview=_preview(job),
        imported=_imported(run) if is_done and act in ("import", "undo") else None,
    )


def _state(run: BackupRun, job: RunningJob | None) -> shapes.State:
    if job is not None and not job.has_ended:
        return "running" if job.step.stage is not None else "queued"
    return cast("shapes.State", run.state)


def _error(run: BackupRun, job: RunningJob | None) -> Error | None:
    if job is None or not job.has_ended:
        return Error(run.state, run.reason) if run.reason and run.finished_at else None
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
