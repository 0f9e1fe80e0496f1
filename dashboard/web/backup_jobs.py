"""Acts on backups as jobs: begun by a request, answered at once or looked at until they end."""

import threading
from contextlib import suppress
from typing import Any, NoReturn

from flask import Response, abort, g, make_response, render_template, url_for

from .. import backup
from ..archive import ArchiveError, WrongPassword
from ..backup import BackupError
from ..backup import errors as situations
from ..jobs import Act, Job
from ..models import BackupRun, RunState
from . import access, backup_page, errors, job_view, snapshots, stale
from .backup_page import bp
from .forms_backup import ExportForm
from .htmx import answer, is_htmx, see_other

DIRECT_SECONDS = 2.0  # what is done by then is answered at once, without a job to look at
DIRECT_AT_ONCE = 4  # each holds a thread of the server; the others look at their job
_waiting = threading.BoundedSemaphore(DIRECT_AT_ONCE)


def answer_job(job: Job) -> Response:
    """Answer with the end of *job* if it is near; else show where it is, to be asked again."""
    if _wait_directly(job):
        return _ended(job, direct=True)
    return show_progress(job_view.view_of(job, g.user), status=202)


def _wait_directly(job: Job) -> bool:
    """Wait a moment for the end of *job*, unless as many threads of the server do that already."""
    if not _waiting.acquire(blocking=False):
        return job.wait(0)
    try:
        return job.wait(DIRECT_SECONDS)
    finally:
        _waiting.release()


def show_progress(view: job_view.JobView, *, status: int = 200) -> Response:
    """Show where a job is: in its place for htmx, as its own page otherwise."""
    page = url_for(".show_job", slug=g.unit.slug, uid=view.uid)
    return answer("jobs/_job.html", page, status=status, job=view)


def _ended(job: Job, *, direct: bool) -> Response:
    """Answer with what came of the user's own *job*.

    *direct*: to the request that began it, which gets refusals as it would from any other view,
    but of what the form is about with the form. Later there is no page behind that a refusal could
    leave as it is: the form comes back with it.
    """
    job.seen = True
    error = job.error
    if error is None:
        if job.act is Act.EXPORT:
            return backup_page.exported(job.run, direct=direct)
        if job.act is Act.IMPORT:
            return backup_page.imported()
        token, found = job.result
        return backup_page.show_preview(token, found, undo=job.act is Act.PREPARE_UNDO)
    if isinstance(error, situations.Cancelled):
        return _form_again(job.act, note=str(error))
    if job.act is Act.VALIDATE and isinstance(error, WrongPassword):
        return backup_page.validate_refused(str(error), field="password", kept=job.uid)
    if isinstance(error, situations.UnitChanged):
        return stale.answer(error)
    expected = isinstance(error, (ArchiveError, BackupError))
    if direct and not _is_of_form(job.act, error):
        _raise(job, error)
    return _refused(job.act, str(error) if expected else _sentence(job, error))


def _is_of_form(act: Act, error: BaseException) -> bool:
    """Return whether *error* is of the file to be validated, or of the unit to be exported."""
    if act is Act.EXPORT:
        return isinstance(error, ArchiveError)
    is_of_file = isinstance(error, (ArchiveError, BackupError))
    return act is Act.VALIDATE and is_of_file and not isinstance(error, situations.DiskUnusable)


def _raise(job: Job, error: BaseException) -> NoReturn:
    if job.incident and errors.lookup(error) is None:
        g.incident = job.incident  # it was logged where it happened
        abort(500)
    raise error


def _sentence(job: Job, error: BaseException) -> str:
    if found := errors.lookup(error):
        return found[1]
    return (
        "The server made a mistake, and nothing was changed. If it happens again, tell the people "
        f"who run it this incident id: {job.incident}."
    )


def _form_again(act: Act, *, note: str = "") -> Response:
    """Answer with the form in whose place a job stood, and a word on what became of it."""
    shown: dict[str, Any] = {"export_form": ExportForm(formdata=None), "export_note": note}
    template = "_export_form.html"
    if act is not Act.EXPORT:
        shown = {**backup_page.upload_context(), "upload_note": note}
        template = "_upload_form.html"
    if is_htmx():
        return answer(f"backups/{template}", "", **shown)
    return make_response(backup_page.page(**shown))


def _refused(act: Act, sentence: str) -> Response:
    if act is not Act.EXPORT:
        return backup_page.validate_refused(sentence)
    form = ExportForm(formdata=None)
    form.password.errors = [sentence]
    return backup_page.export_refused(form)


@bp.get("/jobs/<uid>/status")
@access.requires(*access.ADMIN)
@snapshots.writes
def job(slug: str, uid: str) -> Response:
    """Show where a job is, in its place on the page, or how it ended."""
    if not is_htmx():
        return see_other(url_for(".show_job", slug=slug, uid=uid))
    view, end = _look(uid)
    return end or show_progress(view)


@bp.get("/jobs/<uid>")
@access.requires(*access.ADMIN)
@snapshots.writes
def show_job(slug: str, uid: str) -> Response:
    """Show where a job is, or how it ended, as a page."""
    view, end = _look(uid)
    return end or make_response(render_template("jobs/show.html", section="Backup", job=view))


def _look(uid: str) -> tuple[job_view.JobView, Response | None]:
    """Return what to show of the run *uid*, and the answer if it has ended."""
    job = backup_page.jobs().find(uid, g.unit)  # before its row: once it has ended, so has the row
    run = BackupRun.get_or_none(BackupRun.uid == uid, BackupRun.unit == g.unit)
    if run is None:
        abort(404, "There is no such job in this unit.")
    if job is not None:
        view = job_view.view_of(job, g.user)
        if not job.has_ended:
            return view, None
        if job.user_id == g.user.id:
            return view, _ended(job, direct=False)
    elif run.state == RunState.RUNNING:
        with suppress(situations.UnitBusy):
            backup.require_free(g.unit)  # closes it if its program has died
        return job_view.view_of_run(run, g.user), None
    return job_view.view_of_run(run, g.user), _ended_unseen(run)


def _ended_unseen(run: BackupRun) -> Response:
    """Answer for a run of somebody else, or one whose result is not kept any more."""
    act, is_own = job_view.act_of(run), run.user_email == g.user.email
    if act is Act.IMPORT and run.state == RunState.DONE:
        return backup_page.imported()
    if act is Act.EXPORT and is_own and run.state == RunState.DONE:
        return backup_page.exported(run, direct=False)
    return _form_again(act, note=run.reason if is_own else "")


@bp.post("/jobs/<uid>/cancel")
@access.requires(*access.ADMIN)
def cancel(slug: str, uid: str) -> Response:
    """Stop a job of one's own, unless it is past the point of no return."""
    job = backup_page.jobs().find(uid, g.unit)
    if job is None or job.user_id != g.user.id:
        abort(404, "There is no such job of yours any more. Reload the page.")
    job.cancel()
    if _wait_directly(job) and is_htmx():
        return _ended(job, direct=False)
    return show_progress(job_view.view_of(job, g.user), status=202)
