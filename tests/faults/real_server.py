"""`serve` in a process of its own, somebody who imports through its pages, and SIGKILL meanwhile.

One data directory goes through many rounds: each round the unit is in one of two states, and
somebody brings in the other, by a backup or by an undo. What a kill leaves is what the next round
begins with.
"""

import http.client
import os
import random
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from dashboard.models import BackupRun, ImportTicket, RunKind, RunState
from tests import factories
from tests.faults import site as ground
from tests.faults.server import Answer, Person, backup_page, has_imported
from tests.faults.site import Judgement, Snapshot, Verdict

ROOT = Path(__file__).parents[2]
START = (
    "from tests.faults import breaks; breaks.apply({!r}); from dashboard.cli import main; main()"
)
PATIENCE_SECONDS = 60
_NEWEST = re.compile(r"(?s)<td[^>]*>(?:Import|Undo)\b.*?<td[^>]*>.*?</td>\s*<td[^>]*>(.*?)</td>")


class Killed:
    """A server that runs until `kill`."""

    def __init__(self, data_dir: Path, broken: str = "") -> None:
        environ = os.environ | {"DASHBOARD_DATA_DIR": str(data_dir)}
        words = ["-c", START.format(broken), "serve", "--port", "0"]
        begun = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True
        )
        said = self.process.stdout.readline()
        self.seconds = time.monotonic() - begun
        if not said.startswith("Dashboard runs at "):
            self.kill()
            raise RuntimeError(f"the server does not start: {said}")
        self.port = int(re.search(r":(\d+) ", said)[1])

    def kill(self) -> None:
        """End it as the kernel ends a process, if it is still there."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def admin(self) -> Person:
        """Return somebody who has logged in through the page."""
        person = Person(self.port, SimpleNamespace(email=ground.ADMIN))
        person.sign_in(factories.PASSWORD)
        return person


class Client(threading.Thread):
    """Brings another state into the unit, and notes how far it came."""

    def __init__(self, person: Person, file: bytes | None) -> None:
        super().__init__(name="client")
        self.person, self.file = person, file
        self.ticket = ""
        self.pressed = threading.Event()  # Import, or the client has come to its end without
        self.done = False
        self.seconds = self.import_seconds = 0.0
        self.error: BaseException | None = None

    def run(self) -> None:
        begun = time.monotonic()
        try:
            self._bring_in()
        except (OSError, http.client.HTTPException):
            pass  # the server is gone
        except BaseException as error:
            self.error = error
        finally:
            self.pressed.set()
        self.seconds = time.monotonic() - begun

    def _bring_in(self) -> None:
        if self.file is None:
            preview = self.person.preview_undo(ground.UNIT)
        else:
            preview = self.person.validate(ground.UNIT, self.file)
        self.ticket = preview.ticket
        pressed = time.monotonic()
        self.pressed.set()
        answer = self.person.press_import(ground.UNIT, self.ticket)
        assert has_imported(ground.UNIT, answer), (answer.status, answer.text[-500:])
        self.import_seconds = time.monotonic() - pressed
        self.done = True


@dataclass
class Rounds:
    """A data directory that goes through rounds of importing and killing."""

    data_dir: Path
    files: dict[str, bytes]  # content digest of the unit -> its backup
    chance: random.Random
    broken: str = ""

    def __post_init__(self) -> None:
        self.restarts: list[float] = []
        # About what all of it takes, and the import alone. Each round that ends corrects them.
        self.seconds = self.import_seconds = 0.0
        self._start()

    def _start(self) -> None:
        self.server = Killed(self.data_dir, self.broken)
        self.restarts.append(self.server.seconds)
        self.admin = self.server.admin()

    def end(self) -> None:
        """End the server for good."""
        self.admin.close()
        self.server.kill()

    def play(self) -> Judgement:
        """Have somebody import, kill the server meanwhile, start it again, log in, and judge.

        In the first round the kill waits for the end.
        """
        self._let_tickets_expire()
        before = ground.look(self.data_dir)
        after = self._other(before)
        imports = self._imports()
        by_undo = bool(imports) and self.chance.random() < 0.3
        client = Client(self.admin, None if by_undo else self.files[after.digests[ground.UNIT]])
        client.start()
        self._wait(client)
        self.server.kill()
        client.join()
        self.end()
        if client.error is not None:
            raise client.error
        self._learn(client)
        self._start()
        return self._judged(before, after, client, self._imports()[len(imports) :])

    def _wait(self, client: Client) -> None:
        """Wait until the moment of the kill: in every other round, one after Import is pressed.

        Most of a round goes by before, and where it is killed then, nothing can be half done.
        """
        seconds = self.seconds
        if self.chance.random() < 0.5:
            client.pressed.wait(PATIENCE_SECONDS)
            seconds = self.import_seconds
        client.join(self.chance.random() * seconds or PATIENCE_SECONDS)

    def _learn(self, client: Client) -> None:
        if client.done:
            self.seconds, self.import_seconds = client.seconds, client.import_seconds
        else:
            self.seconds, self.import_seconds = 1.2 * self.seconds, 1.2 * self.import_seconds

    def _let_tickets_expire(self) -> None:
        """Have the next start drop the uploads of earlier rounds: a user may have only so many."""
        with ground.opened(self.data_dir):
            ImportTicket.update(expires_at=0).where(ImportTicket.run.is_null()).execute()

    def _other(self, now: Snapshot) -> Snapshot:
        (other,) = self.files.keys() - {now.digests[ground.UNIT]}
        return Snapshot(now.digests | {ground.UNIT: other})

    def _imports(self) -> list[BackupRun]:
        with ground.opened(self.data_dir):
            kinds = BackupRun.kind.in_([RunKind.IMPORT, RunKind.UNDO])
            return list(BackupRun.select().where(kinds).order_by(BackupRun.id))

    def _judged(
        self, before: Snapshot, after: Snapshot, client: Client, begun: list[BackupRun]
    ) -> Judgement:
        wrong = self._untidy()
        if wrong:
            return Judgement(Verdict.BROKEN, wrong)
        found = ground.judge(self.data_dir, before, after, acknowledged=client.done, alive=False)
        if not found.is_good or not begun:
            return found
        (run,) = begun
        ends = {Verdict.AFTER: RunState.DONE, Verdict.BEFORE: RunState.INTERRUPTED}
        if run.state != ends[found.verdict]:
            return Judgement(Verdict.BROKEN, f"{found.verdict}, and the run is {run.state}")
        wrong = self._untrue(run, client.ticket)
        return Judgement(Verdict.BROKEN, wrong) if wrong else found

    def _untidy(self) -> str:
        """Return what the start of the server has left."""
        parts = [path.name for path in self.data_dir.rglob("*.part")]
        with ground.opened(self.data_dir):
            running = BackupRun.select().where(BackupRun.state == RunState.RUNNING).count()
        return f"left over: {running} running, {parts}" if running or parts else ""

    def _untrue(self, run: BackupRun, ticket: str) -> str:
        """Return what the pages say about the end of *run* that is not true."""
        page = self.admin.get(backup_page(ground.UNIT)).text
        again = self.admin.press_import(ground.UNIT, ticket)
        if run.state not in _NEWEST.search(page)[1]:
            return f"the page does not say {run.state}"
        return "" if _tells(again, run) else f"Import once more: {again.status} {again.text}"


def _tells(answer: Answer, run: BackupRun) -> bool:
    """Return whether *answer*, to Import pressed once more, is how *run* has ended."""
    if run.state == RunState.DONE:
        return has_imported(ground.UNIT, answer)
    return answer.status == 409 and "Nothing was changed" in answer.text
