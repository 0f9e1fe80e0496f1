"""The manual page and the completion: both come from the commands themselves."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from dashboard import cli as door
from dashboard.config import SETTINGS
from tests import needs

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The manual as roff, from `make manual`'s own script."""
    file = tmp_path_factory.mktemp("manual") / "dashboard.1"
    environ = os.environ | {"PYTHONPATH": str(ROOT), "SOURCE_DATE_EPOCH": "0"}
    script = str(ROOT / "packaging" / "manual.py")
    subprocess.run([sys.executable, script, str(file)], env=environ, check=True)
    return file


def commands(group=door.cli, prefix=""):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def shown(page):
    done = subprocess.run(
        [needs.program("groff", "groff-base"), "-man", "-Tutf8", "-ww", "-P-cbou", str(page)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return re.sub(r"[‐-]\n\s*|\s+", lambda found: "" if "‐" in found[0] else " ", done.stdout)


def test_groff_takes_the_page_without_a_warning_and_shows_everything(page):
    text = shown(page)
    for words, command in commands():
        assert words in text, words
        assert f"Example: dashboard {words}" in text
        for parameter in command.params:
            for option in parameter.opts if isinstance(parameter, click.Option) else ():
                assert option in text, option
    for setting in SETTINGS:
        assert setting.variable in text
    assert "1970-01-01" in text


@pytest.fixture
def complete(tmp_path):
    """`complete(words, place)`: what bash offers in the place of that word."""
    program = tmp_path / "dashboard"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT}/app.py "$@"\n')
    program.chmod(0o700)
    script = CliRunner().invoke(door.cli, ["completion", "bash"]).stdout

    def ask(words, place):
        asked = f"COMP_WORDS=({words}); COMP_CWORD={place}; _dashboard_completion dashboard"
        done = subprocess.run(
            ["bash", "-c", f'{script}\n{asked}; printf "%s\\n" "${{COMPREPLY[@]}}"'],
            env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=True,
        )
        return set(done.stdout.split())

    return ask


def test_bash_completes_commands_and_options(complete):
    assert {"serve", "backup", "doctor"} <= complete("dashboard ''", 1)
    assert complete("dashboard backup ex", 2) == {"export"}
    assert "--password-file" in complete("dashboard backup export --", 3)
    assert complete("dashboard completion ''", 2) == {"bash", "zsh", "fish"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_its_own(shell):
    said = CliRunner().invoke(door.cli, ["completion", shell])
    assert said.exit_code == 0
    assert f"_DASHBOARD_COMPLETE={shell}_complete" in said.stdout


def test_another_shell_is_refused():
    assert CliRunner().invoke(door.cli, ["completion", "csh"]).exit_code == 2
