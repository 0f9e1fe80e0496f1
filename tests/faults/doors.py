"""Both doors of the program, in this process, on a data directory: what they do and what they say.

    with Web(data) as door:          or Terminal(data)
        door.prepare("import")       what comes before the last step: the upload and its validation
        door.act("import")           the step itself

`Answer.words` are the sentence that somebody reads, and nothing else of the page.
"""

import hashlib
import html
import io
import json
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import click
from click.testing import CliRunner
from werkzeug.test import TestResponse

from dashboard import cli, db
from dashboard.config import Settings
from dashboard.installation import open_installation
from dashboard.models import Session, User
from dashboard.web import backup_jobs, build_app
from tests.faults import site as ground
from tests.web.conftest import COOKIE, Browser

PAGE = f"/u/{ground.UNIT}/admin/backup"
PATIENCE_SECONDS = 60.0  # until an act has ended: each request waits for that
_ERROR = re.compile(r'<p id="error" role="alert">(.*?)</p>', re.DOTALL)
_TICKET = re.compile(r'name="ticket" value="([^"]+)"')


@dataclass(frozen=True)
class Answer:
    """What somebody was told: that it is done, or a sentence."""

    done: bool
    words: str = ""


def _settings(data: Path) -> Settings:
    cost = ground.CHEAP
    return Settings(data_dir=data, kdf_ops=cost.ops, kdf_mem_bytes=cost.mem)


class Web:
    """The admin's browser."""

    def __init__(self, data: Path, backup: Path) -> None:
        self._data, self._backup = data, backup
        self._ticket = ""

    def __enter__(self) -> Self:
        self._direct_seconds = backup_jobs.DIRECT_SECONDS
        backup_jobs.DIRECT_SECONDS = PATIENCE_SECONDS
        self._app = build_app(_settings(self._data), open_installation(self._data))
        self._app.test_client_class = Browser
        self._browser = self._app.test_client()
        self._log_in()
        self._csrf = self._browser.csrf_token()
        return self

    def __exit__(self, *_: object) -> None:
        backup_jobs.DIRECT_SECONDS = self._direct_seconds
        self._app.extensions["jobs"].close()

    def _log_in(self) -> None:
        token, now = secrets.token_urlsafe(32), int(time.time())
        with db.database.connection_context():
            user = User.get(User.email == ground.ADMIN)
            Session.create(
                token_hash=hashlib.sha256(token.encode()).hexdigest(),
                user=user,
                data=json.dumps({"_user_id": str(user.id)}),
                created_at=now,
                seen_at=now,
                fresh_at=now,
                expires_at=now + 3600,
            )
        self._browser.set_cookie(COOKIE, token)

    def prepare(self, act: str) -> None:
        """Get the ticket that *act* needs, if any."""
        if act == "import":
            self._ticket = _TICKET.search(self._validate().text)[1]
        if act == "undo":
            self._ticket = _TICKET.search(self._post("undo").text)[1]

    def act(self, act: str) -> Answer:
        """Do *act*."""
        if act == "export":
            return self._answer(self._post("export", password=ground.PASSWORD))
        if act == "validate":
            return self._answer(self._validate())
        return self._answer(self._post("import", ticket=self._ticket, unit_name=""))

    def look(self) -> Answer:
        """Look at the Backup page."""
        return self._answer(self._browser.get(PAGE))

    def _validate(self) -> TestResponse:
        file = io.BytesIO(self._backup.read_bytes()), "x.dbk"
        return self._post("validate", file=file, password=ground.PASSWORD)

    def _post(self, step: str, **form: object) -> TestResponse:
        headers = {"X-CSRFToken": self._csrf}
        return self._browser.post(f"{PAGE}/{step}", data=form, headers=headers, csrf=False)

    def _answer(self, response: TestResponse) -> Answer:
        assert response.status_code != 202, "the job has not ended"
        if response.status_code < 400:
            return Answer(done=True)
        found = _ERROR.search(response.text)
        assert found, response.text
        sentence = re.sub(r"<a .*?</a>|<[^>]+>", "", found[1])  # without the way back
        words = html.unescape(sentence)
        return Answer(False, " ".join(words.split()))


class Terminal:
    """The operator's terminal."""

    def __init__(self, data: Path, backup: Path) -> None:
        self._data, self._backup = data, backup

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def prepare(self, act: str) -> None:
        """Do nothing: a command is one step."""

    def act(self, act: str) -> Answer:
        """Do *act*."""
        unit = ("--unit", ground.UNIT)
        if act == "export":
            return self._run("export", *unit, "-o", str(self._data / "out.dbk"))
        if act == "import":
            return self._run("import", str(self._backup), *unit, "--yes")
        return self._run("undo", *unit, "--yes")

    def look(self) -> Answer:
        """List the units."""
        return self._run("list", group="unit")

    def _run(self, *words: str, group: str = "backup") -> Answer:
        # The command group below `cli`, which would read the settings from the environment.
        command: click.Command = cli.cli.commands[group]
        environ = {"DASHBOARD_BACKUP_PASSWORD": ground.PASSWORD}
        result = CliRunner(env=environ).invoke(command, list(words), obj=_settings(self._data))
        if result.exit_code == 0:
            return Answer(done=True)
        assert isinstance(result.exception, SystemExit), result.exc_info
        said = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
        assert len(said) == 1, result.output
        return Answer(False, said[0].removeprefix("error: "))
