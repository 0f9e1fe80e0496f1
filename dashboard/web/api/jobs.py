"""Jobs: where they are, what came of them, and how to stop one."""

from flask import Response, g

from ...jobs import Job as RunningJob
from ...models import BackupRun, RunState
from ...models.tokens import Scope
from .. import access, backup_page, snapshots
from ..refusals import WORDS, refuse
from .answers import act_of, job_of, job_under_way
from .operations import operation, respond
from .shapes import Job

SCOPES = {
    "export": Scope.EXPORT,
    "validate": Scope.VALIDATE,
    "prepare_undo": Scope.UNDO,
    "import": Scope.IMPORT,
    "undo": Scope.UNDO,
}
ENDED = "This job has ended, or is not known any more."


@operation("GET", "/jobs/<uid>", gives=Job)
@snapshots.writes
def job(uid: str) -> Job:
    """Tell where a job of the token's user is, or how it ended.

    It needs the scope of what the job does. Preview and ticket are there for 15 minutes.
    """
    return job_of(_enter(uid))


@operation("POST", "/jobs/<uid>/cancel", gives=Job, status=202, refuses=(409,))
def cancel(uid: str) -> Response:
    """Stop a job of the token's user, unless it is past the point of no return.

    It ends at its next step; nothing was changed then. What became of it stays to be asked for.
    """
    run = _enter(uid)
    found = backup_page.jobs().find(uid, run.unit)
    if found is None or found.has_ended:
        refuse(409, "ended", ENDED)
    found.cancel()
    return respond(job_under_way(found), 202)


def _enter(uid: str) -> BackupRun:
    """Return a run of the user in whose unit the token may see it; else answer 404 or 403."""
    run: BackupRun | None = BackupRun.get_or_none(
        BackupRun.uid == uid, BackupRun.user_email == g.user.email
    )
    if run is None or run.state == RunState.UPLOADED:
        refuse(404, *WORDS[404])
    access.enter_by_token(run.unit.slug, *_scopes(run, backup_page.jobs().find(uid, run.unit)))
    return run


def _scopes(run: BackupRun, found: RunningJob | None) -> tuple[Scope, ...]:
    act = act_of(run, found)
    if act == "validate" and found is None:  # its row does not tell it from that of an undo
        return Scope.VALIDATE, Scope.UNDO
    return (SCOPES[act],)
