"""docs/api.md is held to the code, and its script is run as it stands."""

import os
import re
import subprocess
from http import HTTPStatus
from pathlib import Path

import pytest

from dashboard.archive import ArchiveError
from dashboard.backup import BackupError
from dashboard.models import Unit
from dashboard.models.tokens import DAYS, DAYS_MAX, TOKENS_MAX, Scope
from dashboard.web.api.operations import OPERATIONS
from dashboard.web.refusals import WORDS
from tests import needs
from tests.faults.server import running
from tests.test_docs import leaves, table
from tests.web.api import make_token

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "api.md").read_text()
SCRIPT = re.search(r"```sh\n(.*?)```", TEXT, re.DOTALL)[1]


def test_every_route_is_told_with_its_scope():
    told = re.findall(r"^\| `([A-Z]+) (/[^`]*)` \| ([^|]*?) *\|", TEXT, re.MULTILINE)
    routes = [
        (op.method, re.sub(r"<(\w+)>", r"{\1}", op.path), f"`{op.scope}`" if op.scope else "")
        for op in OPERATIONS
    ]
    shown = [(m, path, "" if scope == "that of its act" else scope) for m, path, scope in told]
    assert sorted(shown) == sorted(routes)


def test_every_scope_and_number_is_told():
    assert table("api.md", "Make a token") == [scope.value for scope in Scope]
    assert f"after {DAYS} days, or up to {DAYS_MAX}" in TEXT
    assert f"You can have {TOKENS_MAX}" in TEXT


def test_every_code_that_it_names_exists():
    files = [*(ROOT / "dashboard/web").glob("*.py"), *(ROOT / "dashboard/web/api").glob("*.py")]
    source = "".join(file.read_text() for file in files)
    own = set(re.findall(r'refuse\(\s*\d{3}, "(\w+)"', source))
    own |= {word for status, (word, _) in WORDS.items() if status != HTTPStatus.CONFLICT}
    refusals = TEXT.split("## Refusals")[1]
    own_told = {code for code in own if f"`{code}`" in refusals}
    assert own - own_told == {"range", "too_many"}  # of answers that this API never gives
    engine = {error.code for base in (ArchiveError, BackupError) for error in leaves(base)}
    more = {"not_this_server", "retry_after", "database", "disk"}
    told = set(re.findall(r"`(\w+)`", refusals.split("|\n\n")[0].split("|---|---|")[1]))
    assert told <= own | engine | more


@pytest.fixture
def script(app, cast, tmp_path):
    """`script(...)`: run the document's words against the application on the loopback."""
    for name in ("curl", "jq"):
        needs.program(name)
    Unit.update(slug="harbour-daily").where(Unit.id == cast.daily.id).execute()
    folder = tmp_path / "backups"
    folder.mkdir()
    (tmp_path / "password").write_text('a "long" \\ password – of ours\n')
    scopes = [Scope.STATUS, Scope.EXPORT, Scope.VALIDATE]
    (tmp_path / "token").write_text(make_token(cast.alice, scopes, cast.daily)[1] + "\n")
    app.testing = False

    def run(words=SCRIPT):
        with running(app) as port:
            environ = {
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "SERVER": f"http://127.0.0.1:{port}",
                "BACKUPS": str(folder),
                "TOKEN_FILE": str(tmp_path / "token"),
                "PASSWORD_FILE": str(tmp_path / "password"),
            }
            shell = ["/bin/sh", "-e", "-c", words]
            return subprocess.run(shell, env=environ, capture_output=True, text=True, timeout=60)

    run.folder = folder
    return run


@pytest.mark.slow
def test_the_script_as_it_stands(script, folders, cast):
    old = script.folder / "harbour-daily-2020-01-01.dbk"
    old.touch()
    os.utime(old, (0, 0))
    done = script()
    assert (done.returncode, done.stderr) == (0, "")
    (made,) = script.folder.glob("*.dbk")
    assert made.read_bytes().startswith(b"dashboard-backup/1\n")
    assert made.stat().st_mode & 0o777 == 0o600
    assert list(folders.uploads.iterdir()) == []


@pytest.mark.slow
def test_the_drill_fails_for_a_file_that_is_not_whole(script, folders):
    spoiled = SCRIPT.replace("kind='Content", 'truncate -s -9 "$file.part"\nkind=\'Content')
    assert spoiled != SCRIPT
    assert script(spoiled).returncode != 0
    assert [file.suffix for file in script.folder.glob("harbour*")] == [".part"]
