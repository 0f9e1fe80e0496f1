"""The bar of the commands: on a terminal only, and gone before words follow."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard import db
from dashboard.backup import runs
from dashboard.backup.progress import Stage, silent
from dashboard.cli.bar import bar, line
from dashboard.models import BackupRun, RunKind

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("done", "total", "words"),
    [
        (0, 0, "Writing the backup …"),
        (0, 10, f"Writing the backup  [{'-' * 24}] 0 %"),
        (500, 1000, f"Writing the backup  [{'#' * 12}{'-' * 12}] 50 %"),
        (10, 10, f"Writing the backup  [{'#' * 24}] 100 %"),
    ],
)
def test_a_line_says_stage_and_rows(done, total, words):
    assert line(Stage.WRITE, done, total) == words


def test_no_line_is_too_long_for_a_small_terminal():
    assert max(len(line(stage, 10, 10)) for stage in Stage) < 80


def test_in_a_pipe_there_is_none(capsys):
    with bar() as progress:
        assert progress is silent
    assert capsys.readouterr().err == ""


def run(settings, *words, terminal):
    """Run a command with its stderr on a terminal or in a pipe; return (stdout, stderr, code)."""
    environment = {
        **os.environ,
        "DASHBOARD_DATA_DIR": str(settings.data_dir),
        "DASHBOARD_BACKUP_PASSWORD": "abcd",
    }
    ours, theirs = pty.openpty() if terminal else os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "app.py", *map(str, words)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=theirs,
            timeout=120,
        )
        os.write(theirs, b"\0")
        heard = b""
        while not heard.endswith(b"\0"):
            heard += os.read(ours, 65536)
    finally:
        os.close(ours)
        os.close(theirs)
    return done.stdout.decode(), heard.decode().rstrip("\0"), done.returncode


@pytest.mark.slow
@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_sees_each_stage_and_a_pipe_none(settings, cast, tmp_path, terminal):
    db.database.close()
    file = tmp_path / "x.dbk"
    stages = {
        ("export", "--unit", "daily", "-o", file): [Stage.WRITE],
        ("verify", file): [Stage.UNLOCK, Stage.CHECK],
        ("import", file, "--unit", "daily", "--yes"): [Stage.CHECK, Stage.SAVE, Stage.LOAD],
        ("undo", "--unit", "daily", "--yes"): [Stage.CHECK, Stage.VERIFY, Stage.COMMIT],
    }
    for words, expected in stages.items():
        out, err, code = run(settings, "backup", *words, terminal=terminal)
        assert code == 0, err
        assert "\x1b" not in out
        for stage in expected:
            assert (stage.label in err) is terminal
        assert ("\x1b" in err) is terminal
        assert err.endswith("\r\x1b[K") or not terminal


def test_a_busy_unit_refuses_a_command_by_its_code(settings, cast, tmp_path):
    runs.begin(cast.daily, RunKind.EXPORT, cast.alice)
    words = ("backup", "export", "--unit", "daily", "-o", tmp_path / "x.dbk", "--json")
    out, err, code = run(settings, *words, terminal=False)
    assert code == 1
    assert '"code": "unit_busy"' in out
    assert "One at a time" in err
    assert not (tmp_path / "x.dbk").exists()
    assert BackupRun.select().count() == 1
