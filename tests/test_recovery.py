"""docs/recovery.md and docs/automation.md, as they stand: their own words are run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard import db
from dashboard.models import ConfigKey
from tests import needs
from tests.backup.conftest import bring_in, engine, make_backup, state

__all__ = ["bring_in", "engine", "make_backup"]
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "recovery.md").read_text()
NIGHTLY = (ROOT / "docs" / "automation.md").read_text()


@pytest.fixture
def shell(settings, tmp_path):
    """`shell(words, data)`: run the words of the document."""
    needs.program("sqlite3")

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


def test_the_backup_of_each_night(shell, cast, tmp_path):
    words = re.search(r"```sh\n(umask.*?)```", NIGHTLY, re.DOTALL)[1]
    (tmp_path / "nights").mkdir()
    (tmp_path / "password").write_text("a long backup password\n")
    places = f'BACKUPS="{tmp_path}/nights" PASSWORD_FILE="{tmp_path}/password"\n'
    old, other = (tmp_path / "nights" / name for name in ("harbour-daily-old.dbk", "other.dbk"))
    for file in (old, other):
        file.touch()
        os.utime(file, (0, 0))
    said = shell(places + words.replace("--unit harbour-daily", "--unit daily"))
    assert "whole and sound" in said
    (made,) = (tmp_path / "nights").glob("harbour-daily-20*.dbk")
    assert made.stat().st_mode & 0o777 == 0o600
    assert not old.exists()
    assert other.exists()


def test_without_its_key_a_copy_does_not_start(shell, cast, tmp_path):
    shell(re.search(r"```sh\n(umask.*?)```", TEXT, re.DOTALL)[1])
    (tmp_path / "copy of tonight" / "server.key").unlink()
    with pytest.raises(subprocess.CalledProcessError) as refused:
        shell("python app.py unit list", tmp_path / "copy of tonight")
    assert "server.key" in refused.value.stderr
