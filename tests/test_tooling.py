"""The pins and the commands hold what they promise."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PINS = ["requirements.txt", "requirements-dev.txt"]


def pins(name: str) -> dict[str, str]:
    """Return {package: version} of a compiled file."""
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", PINS)
def test_every_requirement_is_pinned_and_hashed(name):
    text = re.sub(r"\s*#.*", "", (ROOT / name).read_text()).replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip()]
    assert lines
    assert [line for line in lines if not re.match(r"[a-z0-9.-]+==\S+.*--hash=sha256:", line)] == []


@pytest.mark.parametrize("name", PINS)
def test_the_pins_name_no_package_server(name):
    assert "://" not in (ROOT / name).read_text()
    assert "--index" not in (ROOT / name).read_text()


@pytest.mark.parametrize("name", PINS)
def test_every_wanted_package_is_pinned(name):
    wanted = re.findall(r"^[a-z0-9-]+", (ROOT / name).with_suffix(".in").read_text(), re.MULTILINE)
    assert set(wanted) - {"-r", "-c"} <= pins(name).keys()


def test_the_tests_run_on_the_versions_that_the_product_runs_on():
    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()


def test_every_make_target_explains_itself():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.search(r"^\.PHONY: (.*)", makefile, re.MULTILINE)[1].split()) - {"chromium"}
    assert targets == set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))


def test_the_ci_script_is_executable_and_parses():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)
