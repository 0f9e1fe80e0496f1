"""The pool, and what is known of each job while this process lives."""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .. import db
from ..archive import ArchiveError
from ..backup import BackupError, processes
from ..backup.errors import Cancelled, Interrupted, TooBusy
from ..backup.progress import Stage
from ..backup.runs import abandon
from ..models import BackupRun, Unit, User

WORKERS = 2
WAITING = 10  # beside those that the workers are at; a minute of small units, or one large one
OF_USER = 6  # at work or waiting: an admin of many units leaves places to others
KEPT_SECONDS = 15 * 60

log = logging.getLogger(__name__)


class Act(StrEnum):
    """What a job does."""

    EXPORT = "export"
    VALIDATE = "validate"
    PREPARE_UNDO = "prepare_undo"
    IMPORT = "import"  # or undo: its run says which


@dataclass(frozen=True, slots=True)
class Step:
    """Where a job is; None while it waits for a worker."""

    stage: Stage | None = None
    done: int = 0
    total: int = 0


class Job:
    """One act under way, or its end."""

    def __init__(self, run: BackupRun, act: Act, user: User) -> None:
        self.run, self.act = run, act
        self.uid, self.unit_id, self.user_id = str(run.uid), run.unit.id, user.id
        self.user_email = user.email
        self.step = Step()
        self.result: Any = None  # what the act returned; of another type for each
        self.error: BaseException | None = None
        self.incident = ""  # of an error that nobody expected
        self.seen = False  # the owner was shown how it ended
        self._begun_at = time.monotonic()
        self._ended_at = 0.0
        self._ended = threading.Event()
        self._stop: BackupError | None = None

    @property
    def has_ended(self) -> bool:
        """Return whether result or error is there."""
        return self._ended.is_set()

    @property
    def can_be_cancelled(self) -> bool:
        """Return whether there is still something to prevent."""
        past = self.step.stage is Stage.COMMIT
        return not (past or self.has_ended or self._stop is not None)

    @property
    def seconds(self) -> int:
        """Return how long it has been at work, waiting included."""
        return int((self._ended_at or time.monotonic()) - self._begun_at)

    def wait(self, seconds: float) -> bool:
        """Wait for the end at most *seconds*; return whether it came."""
        return self._ended.wait(seconds)

    def cancel(self) -> None:
        """Ask it to stop; it does at its next step, unless its commit has begun."""
        self._stop = self._stop or Cancelled()

    def interrupt(self) -> None:
        """Like `cancel`, because the program has to end."""
        self._stop = self._stop or Interrupted()

    def tell(self, stage: Stage, done: int, total: int) -> None:
        """Note where the act is; raise to stop it. Called for each batch of rows: keep it cheap."""
        self.step = Step(stage, done, total)
        if self._stop is not None:
            raise self._stop

    def work(self, act: Callable[..., Any]) -> None:
        """Do it, in a worker; every error ends here."""
        try:
            with db.database.connection_context():
                self.result = act(run=self.run, progress=self.tell)
        except (ArchiveError, BackupError) as error:
            self.error = error
        except BaseException as error:  # the pool would keep it to itself
            self.error, self.incident = error, secrets.token_hex(4)
            log.error("incident %s: job %s", self.incident, self.act, exc_info=error)
        finally:
            processes.at_work.discard(self.uid)
            self._ended_at = time.monotonic()
            self._ended.set()

    def is_forgotten(self) -> bool:
        """Return whether its result has been kept for long enough."""
        return self.has_ended and time.monotonic() - self._ended_at > KEPT_SECONDS


class Jobs:
    """The jobs of this process."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="job")
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._closed = False

    def require_place(self, user: User) -> None:
        """Raise `TooBusy` if no more may wait, of *user* or of all. Asked before a run is begun.

        Who asks at the same moment may get in too: as many as the server has threads.
        """
        with self._lock:
            busy = [job for job in self._jobs.values() if not job.has_ended]
        if len(busy) >= WORKERS + WAITING or sum(j.user_id == user.id for j in busy) >= OF_USER:
            raise TooBusy

    def start(self, run: BackupRun, act: Act, user: User, work: Callable[..., Any]) -> Job:
        """Have `work(run=..., progress=...)` done for *user*; *run* was begun by the caller."""
        job = Job(run, act, user)
        with self._lock:
            self._jobs = {uid: old for uid, old in self._jobs.items() if not old.is_forgotten()}
            self._jobs[job.uid] = job
        try:
            self._pool.submit(job.work, work)
        except RuntimeError:  # the pool is closed: the program is about to end
            abandon(run)
            raise Interrupted from None
        if self._closed:
            job.interrupt()
        return job

    def find(self, uid: str, unit: Unit) -> Job | None:
        """Return the job of the run *uid* if it is of *unit* and not forgotten."""
        job = self._jobs.get(uid)
        if job is None or job.unit_id != unit.id or job.is_forgotten():
            return None
        return job

    def of_unit(self, unit: Unit) -> list[Job]:
        """Return the jobs of *unit* that are known, the newest first."""
        with self._lock:
            known = list(self._jobs.values())
        return [job for job in reversed(known) if job.unit_id == unit.id and not job.is_forgotten()]

    def are_running(self) -> bool:
        """Return whether any job has not ended."""
        with self._lock:
            return any(not job.has_ended for job in self._jobs.values())

    def close(self) -> None:
        """Stop what runs, wait until it has rolled back, and take nothing more."""
        self._closed = True
        with self._lock:
            running = list(self._jobs.values())
        for job in running:
            job.interrupt()
        self._pool.shutdown(wait=True)
