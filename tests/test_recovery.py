"""docs/recovery.md, step by step: a copy made while the server runs is a server."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard import db
from dashboard.models import ConfigKey
from tests.backup.conftest import bring_in, engine, make_backup, state

__all__ = ["bring_in", "engine", "make_backup"]
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "recovery.md").read_text()


@pytest.fixture
def shell(settings, tmp_path):
    """`shell(words, data)`: run the words of the document."""
    if shutil.which("sqlite3") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("NOT TESTED: sqlite3 is missing")

    def run(words, data=settings.data_dir):
        words = words.replace("python app.py", f"{sys.executable} {ROOT / 'app.py'}")
        environ = {
            "PATH": os.environ["PATH"],
            "COPY": str(tmp_path / "copy of tonight"),
            "DASHBOARD_DATA_DIR": str(data),
        }
        return subprocess.run(
            ["/bin/sh", "-ec", words], env=environ, capture_output=True, text=True, check=True
        ).stdout

    return run


def told(words):
    """The words, if the document has them."""
    assert words in TEXT
    return words


def test_a_copy_of_a_running_server_comes_back_elsewhere(
    shell, cast, settings, tmp_path, make_backup, bring_in
):
    bring_in(cast.daily, cast.alice, make_backup(cast.daily))
    before = state(cast.daily)
    shell(re.search(r"```sh\n(umask.*?)```", TEXT, re.DOTALL)[1])  # the database is open here
    ConfigKey.delete().execute()  # what is done after the copy is not in it

    elsewhere = tmp_path / "elsewhere"
    shell(told('cp -pr "$COPY" "$DASHBOARD_DATA_DIR"'), elsewhere)
    shell(told('chmod -R go= "$DASHBOARD_DATA_DIR"'), elsewhere)
    assert {path.stat().st_mode & 0o077 for path in elsewhere.rglob("*")} == {0}
    found = json.loads(shell(told("python app.py doctor") + " --json", elsewhere))
    by_subject = {line["subject"]: line["health"] for line in found}
    assert by_subject.pop("backup of weekly") == "warning"  # it never was taken home
    assert set(by_subject.values()) == {"good"}
    assert shell(told("python app.py audit verify"), elsewhere).startswith("audit log: whole")
    shell("python app.py backup undo --unit daily --yes", elsewhere)  # the safety copies came, too

    db.database.close()
    db.bind("", elsewhere)
    with db.database.connection_context():
        assert state(cast.daily) == before
    db.bind("", settings.data_dir)


def test_without_its_key_a_copy_does_not_start(shell, cast, tmp_path):
    shell(re.search(r"```sh\n(umask.*?)```", TEXT, re.DOTALL)[1])
    (tmp_path / "copy of tonight" / "server.key").unlink()
    with pytest.raises(subprocess.CalledProcessError) as refused:
        shell("python app.py unit list", tmp_path / "copy of tonight")
    assert "server.key" in refused.value.stderr
