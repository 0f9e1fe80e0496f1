"""Whatever the program makes, its owner alone can read: 0600 and 0700, and nothing in /tmp.

It runs with a umask of 000 and asks for nothing to be closed; strace writes down what is made, and
a walk at the end looks at what is there.
"""

import subprocess
import sys
from contextlib import closing

import pytest

from dashboard.cli.serve import IN_MEMORY_BYTES
from tests import needs
from tests.faults.server import backup_page
from tests.residue.acts import UNIT, Walk, commands
from tests.residue.calls import Made, made_in, tracing
from tests.residue.canaries import Canaries
from tests.residue.program import Home, serving

pytestmark = pytest.mark.slow


def modes_below(folder):
    """Return {path: mode} of everything in *folder*, and of itself."""
    return {str(p): p.stat().st_mode & 0o777 for p in (folder, *folder.rglob("*"))}


def open_below(*folders):
    """Return what others than the owner may read, write or enter."""
    found = {path: mode for folder in folders for path, mode in modes_below(folder).items()}
    return {path: oct(mode) for path, mode in found.items() if mode & 0o077}


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    """Everything done under umask 000: the home, what the server made, what the commands made."""
    needs.program("strace")
    home, marks = Home(tmp_path_factory.mktemp("modes"), umask="000"), Canaries()
    trace = home.log / "trace"
    with serving(home, before=tracing(trace)) as server:
        with closing(Walk(home, server, marks)) as walk:
            for _ in walk.acts():
                pass
            password = {"password": walk.backup}
            walk.admin.upload(f"{backup_page(UNIT)}/validate", bytes(IN_MEMORY_BYTES), **password)
        meanwhile = open_below(home.data, home.tmp, home.home)
    by_server = made_in(trace.read_text())
    commands(home, marks, walk.backup)
    output = home.out / "traced.dbk"
    words = ("backup", "export", "--unit", "daily", "-o", str(output))
    home.run(*words, before=tracing(trace), DASHBOARD_BACKUP_PASSWORD=walk.backup)
    return home, meanwhile, by_server, made_in(trace.read_text())


def test_the_server_makes_nothing_that_others_can_read(traced):
    _, meanwhile, made, _ = traced
    assert len(made) > 30
    assert not all(one.has_name for one in made)  # where a large upload waits
    assert [one for one in made if one.is_open] == []
    assert meanwhile == {}


def test_the_server_writes_into_its_data_directory_only(traced):
    home, _, made, _ = traced
    assert [m for m in made if m.path and not m.path.startswith(str(home.data))] == []
    assert modes_below(home.tmp).keys() == {str(home.tmp)}
    assert modes_below(home.home).keys() == {str(home.home)}


def test_the_commands_make_nothing_that_others_can_read(traced):
    home, _, _, made = traced
    kept = (str(home.data), str(home.out))
    assert any(m.path.startswith(str(home.out)) for m in made)
    assert [m for m in made if m.is_open or (m.path and not m.path.startswith(kept))] == []
    assert {p.name for p in home.out.iterdir()} == {
        "password", "x.dbk", "x.ndjson", "traced.dbk",
    }  # fmt: skip
    assert open_below(home.data, home.tmp, home.home) == {}
    ours = {path: mode for path, mode in modes_below(home.out).items() if path.endswith("x.dbk")}
    assert set(ours.values()) == {0o600}


def test_what_is_open_to_others_is_found_out(tmp_path):
    """The negative control."""
    home, trace = Home(tmp_path), tmp_path / "trace"
    paths = [str(home.tmp / name) for name in "abc"]
    acts = "import os; os.umask(0o022); open({!r}, 'w'); os.mkdir({!r}); os.umask(0o077); "
    code = (acts + "os.mkdir({!r})").format(*paths)
    subprocess.run([*tracing(trace), sys.executable, "-c", code], check=True)
    made = [m for m in made_in(trace.read_text()) if m.path in paths]
    assert made == [
        Made(paths[0], 0o644, True), Made(paths[1], 0o755, True), Made(paths[2], 0o700, True),
    ]  # fmt: skip
    assert open_below(home.tmp).keys() == set(paths[:2])


def test_a_data_directory_that_came_back_open_is_closed_and_told_of(tmp_path):
    home = Home(tmp_path, umask="000")
    home.run("audit", "verify")
    for path in (home.data, *home.data.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    home.run("audit", "verify")
    said = (home.log / f"command-{home.commands}.err").read_text()
    assert f"other users of this machine could read {home.data / 'server.key'}" in said
    assert "change the secrets" in said
    assert open_below(home.data) == {}
    home.run("audit", "verify")
    assert "could read" not in (home.log / f"command-{home.commands}.err").read_text()


def test_a_folder_that_was_there_open_and_empty_is_closed_without_a_word(tmp_path):
    home = Home(tmp_path)
    home.data.mkdir(mode=0o755)
    home.run("audit", "verify")
    assert (home.log / "command-1.err").read_text().count("warning") == 0
    assert open_below(home.data) == {}
