"""Jobs: where they are, what came of them, and how to stop one."""

from contextlib import suppress

from flask import Response, g

from ... import backup
from ...backup.errors import UnitBusy
from ...jobs import Job as RunningJob
from ...models import BackupRun, RunState
from ...models.tokens import Scope
from .. import access, backup_page, snapshots
from ..refusals import WORDS, refuse
from .answers import act_of, job_of
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
    found, run = _look(uid)
    if found is None and run.state == RunState.RUNNING:
        with suppress(UnitBusy):
            backup.require_free(run.unit)  # closes it if its program has died
        run = BackupRun.get_by_id(run.id)
    return job_of(run, found)


@operation("DELETE", "/jobs/<uid>", gives=Job, status=202, refuses=(409,))
def cancel(uid: str) -> Response:
    """Stop a job of the token's user, unless it is past the point of no return.

    It ends at its next step; nothing was changed then.
    """
    found, run = _look(uid)
    if found is None or found.has_ended:
        refuse(409, "ended", ENDED)
    found.cancel()
    return respond(job_of(run, found), 202)


def _look(uid: str) -> tuple[RunningJob | None, BackupRun]:
    """Return a job of the user, and its row, which is read after it; else answer 404 or 403."""
    mine = (BackupRun.uid == uid) & (BackupRun.user_email == g.user.email)
    known: BackupRun | None = BackupRun.get_or_none(mine)
    if known is None or known.state == RunState.UPLOADED:
        refuse(404, *WORDS[404])
    found = backup_page.jobs().find(uid, known.unit)
    run = BackupRun.get_by_id(known.id)
    access.enter_by_token(run.unit.slug, *_scopes(run, found))
    return found, run


def _scopes(run: BackupRun, found: RunningJob | None) -> tuple[Scope, ...]:
    act = act_of(run, found)
    if act == "validate" and found is None:  # its row does not tell it from that of an undo
        return Scope.VALIDATE, Scope.UNDO
    return (SCOPES[act],)
