"""The single binary: alone, in an empty environment, and in a root with nothing but itself."""

import json
import os
import shutil

import pytest

from dashboard import __version__
from dashboard.config import resource_root
from tests import needs
from tests.program import BINARY, SYSTEM_LIBRARIES, Program, binary_or_skip

pytestmark = pytest.mark.slow
MIB = 1 << 20


@pytest.fixture
def program(tmp_path):
    found = Program(tmp_path)
    yield found
    found.stop()


@pytest.fixture
def bare(tmp_path):
    """The binary in a root that holds only it and what every system has."""
    binary_or_skip()
    if os.geteuid() != 0:
        needs.not_tested("only root can make a root of its own")
    for library in SYSTEM_LIBRARIES:
        place = tmp_path / library[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, place)
    shutil.copy(BINARY, tmp_path / "dashboard")
    found = Program(tmp_path, root=tmp_path)
    yield found
    found.stop()


def test_it_is_small_and_says_what_it_is(program):
    assert BINARY.stat().st_size < 30 * MIB
    said = program.run("--version")
    assert (said.returncode, said.stdout) == (0, f"dashboard {__version__}\n")


def test_it_tells_the_licence_of_everything_inside(program):
    parts = json.loads(program.run("licences", "--text", "--json").stdout)
    names = {part["name"].split("-")[0] for part in parts}
    assert {"Dashboard", "Python", "flask", "pynacl", "htmx.org", "libssl3", "libsqlite3"} <= names
    assert "libreadline8" not in names  # GPL
    for part in parts:
        assert part["version"], part
        assert len(part["text"]) > 400 or part["name"] == "htmx.org", part["name"]


def test_every_command_of_the_demo_works(program):
    assert program.run("demo").returncode == 0
    units = json.loads(program.run("unit", "list", "--json").stdout)
    assert [unit["slug"] for unit in units] == ["coast-weekly", "harbour-daily", "sandbox"]
    password = {"DASHBOARD_BACKUP_PASSWORD": "a long backup password"}
    file = str(program.folder / "daily.dbk")
    made = program.run("backup", "export", "--unit", "harbour-daily", "-o", file, **password)
    assert made.returncode == 0, made.stderr
    assert program.run("backup", "verify", file, **password).returncode == 0
    again = program.run("backup", "import", file, "--unit", "harbour-daily", "--yes", **password)
    assert again.returncode == 0, again.stderr
    assert program.run("backup", "undo", "--unit", "harbour-daily", "--yes").returncode == 0
    assert program.run("audit", "verify").returncode == 0
    assert program.run("nonsense").returncode == 2


def test_it_brings_every_static_file_and_leaves_nothing_behind(program):
    link = program.serve()
    assert "/setup/" in link
    assert program.get("/login")[0] == 303  # to the page that says how to begin
    static = resource_root() / "static"
    for file in static.rglob("*.*"):
        status, body = program.get(f"/static/{file.relative_to(static)}")
        assert (status, body) == (200, file.read_bytes()), file
    assert list(program.temp.glob("_MEI*"))  # where it unpacked itself
    assert program.stop() == 0
    assert list(program.temp.iterdir()) == []


def test_it_runs_in_a_bare_root(bare):
    assert bare.run("--version").stdout == f"dashboard {__version__}\n"
    said = bare.run("demo")
    assert said.returncode == 0, said.stderr
    bare.serve()
    status, body = bare.get("/login")
    assert status == 200
    assert b"Log in to Dashboard" in body
    assert bare.stop(by_ctrl_c=True) == 0
