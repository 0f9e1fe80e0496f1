"""What a page shows of a job: in whose place it stands, where it is, in words."""

import time
from dataclasses import dataclass

from ..jobs import Act, Job
from ..models import BackupRun, RunKind, User

_TITLES = {
    Act.EXPORT: "The backup is being made",
    Act.VALIDATE: "The backup is being checked",
    Act.PREPARE_UNDO: "The safety copy is being checked",
    Act.IMPORT: "The backup is being imported",
}
_ENDED = "It has ended."
_QUEUED = "Waiting for its turn"
_ELSEWHERE = "Under way outside this page"


@dataclass(frozen=True, slots=True)
class JobView:
    """One job as somebody in particular may see it."""

    uid: str
    place: str  # the id of the fragment whose place it takes
    title: str
    words: str
    done: int
    total: int
    seconds: int
    by: str  # who began it, if it is not the one who looks
    can_be_cancelled: bool
    has_ended: bool


def act_of(run: BackupRun) -> Act:
    """Return what *run* does, as far as its row tells."""
    return {RunKind.EXPORT: Act.EXPORT, RunKind.VALIDATE: Act.VALIDATE}.get(
        RunKind(run.kind), Act.IMPORT
    )


def place_of(act: Act) -> str:
    """Return the id of the fragment that *act* is asked for and answered in."""
    return "backup-export" if act is Act.EXPORT else "backup-import"


def view_of(job: Job, user: User) -> JobView:
    """Return what *user* may see of *job*."""
    is_own, step = job.user_id == user.id, job.step
    return JobView(
        uid=job.uid,
        place=place_of(job.act),
        title=_title(job.act, job.run),
        words=_ENDED if job.has_ended else step.stage.label if step.stage else _QUEUED,
        done=step.done,
        total=step.total,
        seconds=job.seconds,
        by="" if is_own else job.user_email,
        can_be_cancelled=is_own and job.can_be_cancelled,
        has_ended=job.has_ended,
    )


def view_of_run(run: BackupRun, user: User) -> JobView:
    """Return what can be seen of a run that a command, another process, is at work on."""
    act = act_of(run)
    return JobView(
        uid=run.uid,
        place=place_of(act),
        title=_title(act, run),
        words=_ELSEWHERE,
        done=0,
        total=0,
        seconds=max(0, int(time.time()) - run.started_at),
        by="" if run.user_email == user.email else run.user_email,
        can_be_cancelled=False,
        has_ended=False,
    )


def _title(act: Act, run: BackupRun) -> str:
    return "The import is being undone" if run.kind == RunKind.UNDO else _TITLES[act]
