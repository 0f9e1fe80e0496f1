"""docs/upgrade.md: data of each earlier version, served by this one, as people would see it."""

import http.cookiejar
import json
import re
import subprocess
import sys
import urllib.parse
import urllib.request

import pytest

from dashboard import upgrades
from tests import factories
from tests.docs.pages import ROOT
from tests.docs.sandbox import PASSWORD
from tests.test_upgrades import dump, installation, set_schema

TEXT = (ROOT / "docs" / "upgrade.md").read_text()
PATIENCE_SECONDS = 60


@pytest.fixture
def program(settings):
    """`program(*words)`: run a command on the data directory."""

    def run(*words, **more):
        return subprocess.run(
            [sys.executable, str(ROOT / "app.py"), *words],
            env={"DASHBOARD_DATA_DIR": str(settings.data_dir), **more},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    return run


@pytest.fixture
def serve(settings):
    """`serve()`: start the server; return its address."""
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py"), "serve", "--port", "0"],
            env={"DASHBOARD_DATA_DIR": str(settings.data_dir)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        started.append(process)
        return next(
            found[1]
            for line in process.stdout
            if (found := re.match(r"Dashboard runs at (http://\S+)", line))
        )

    yield start
    for process in started:
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
        process.stdout.close()


def log_in(address):
    """Return a browser that has logged in as the admin, and the page it came to."""
    browser = urllib.request.build_opener(
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    )
    page = browser.open(f"{address}/login").read().decode()
    token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page)[1]
    form = {"csrf_token": token, "email": "alice@harbour.example", "password": factories.PASSWORD}
    answer = browser.open(f"{address}/login", urllib.parse.urlencode(form).encode())
    return browser, answer.read().decode()


@pytest.mark.slow
@pytest.mark.parametrize("version", sorted(upgrades.STEPS))
def test_the_server_starts_on_old_data_and_everything_is_there(settings, serve, program, version):
    installation(settings, version)
    address = serve()
    browser, page = log_in(address)
    assert "Harbour Daily" in page
    assert 'title="One"' in page  # a workspace, in the left bar
    keys = browser.open(f"{address}/u/daily/admin/keys").read().decode()
    assert all(f"K000{number}" in keys for number in range(6))
    found = json.loads(program("doctor", "--json").stdout)
    assert {line["health"] for line in found} <= {"good", "warning"}
    file = str(settings.data_dir.parent / "daily.dbk")
    made = program(
        "backup", "export", "--unit", "daily", "-o", file, "--json",
        DASHBOARD_BACKUP_PASSWORD=PASSWORD,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["counts"]["config_keys"] >= 6


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, upgrades.SCHEMA + 1])
def test_what_is_refused_is_refused_in_these_words(settings, program, number):
    data = installation(settings, upgrades.SCHEMA - 1)
    set_schema(data, number)
    before = dump(data)
    for words in (["serve"], ["unit", "list"]):
        said = program(*words)
        assert said.returncode == 1
        assert "the database was made by another version" in said.stderr
        assert "Use the version that made it." in said.stderr
    assert dump(data) == before
    assert "Use the version that made it." in " ".join(TEXT.split())


def test_every_step_is_told():
    told = re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)
    assert [int(number) for number in told] == [
        min(upgrades.STEPS),
        *(s + 1 for s in upgrades.STEPS),
    ]
