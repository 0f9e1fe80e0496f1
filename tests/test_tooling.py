"""The pins and the commands hold what they promise."""

import os
import re
import subprocess
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PINS = [
    f"requirements{suffix}.txt" for suffix in ("", "-dev", "-bench", "-fuzz", "-binary", "-sbom")
]
_PIN = r"[a-z0-9.-]+(\[[a-z,-]+\])?==\S+.*--hash=sha256:"


def pins(name: str) -> dict[str, str]:
    """Return {package: version} of a compiled file."""
    return dict(
        re.findall(
            r"^([a-z0-9.-]+)(?:\[[a-z,-]+\])?==(\S+)", (ROOT / name).read_text(), re.MULTILINE
        )
    )


@pytest.mark.parametrize("name", PINS)
def test_every_requirement_is_pinned_and_hashed(name):
    text = re.sub(r"\s*#.*", "", (ROOT / name).read_text()).replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip()]
    assert lines
    assert [line for line in lines if not re.match(_PIN, line)] == []


@pytest.mark.parametrize("name", PINS)
def test_the_pins_name_no_package_server(name):
    assert "://" not in (ROOT / name).read_text()
    assert "--index" not in (ROOT / name).read_text()


@pytest.mark.parametrize("name", PINS)
def test_every_wanted_package_is_pinned(name):
    wanted = re.findall(r"^[a-z0-9-]+", (ROOT / name).with_suffix(".in").read_text(), re.MULTILINE)
    assert set(wanted) - {"-r", "-c"} <= pins(name).keys()


def test_packages_are_pinned_with_the_extras_that_others_ask_for():
    """Else pip takes the newest release for the extra, and refuses it as not pinned."""
    text = (ROOT / "requirements-dev.txt").read_text()
    asked = {
        wanted.partition("]")[0] + "]"
        for name in pins("requirements-dev.txt")
        for wanted in _requirements(name)
        if re.match(r"[A-Za-z0-9._-]+\[", wanted) and "extra ==" not in wanted
    }
    assert asked  # coverage[toml], of pytest-cov
    assert {wanted for wanted in asked if f"{wanted}==" not in text} == set()


def _requirements(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:  # of another platform
        return []


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


@pytest.mark.parametrize(
    "sheet", sorted((ROOT / "static" / "css").glob("*.css")), ids=lambda p: p.name
)
def test_the_blocks_of_a_style_sheet_end_where_they_should(sheet):
    """One brace too few, and the browser silently puts all later rules into that block."""
    depth = 0
    for number, line in enumerate(sheet.read_text(encoding="utf-8").splitlines(), 1):
        if line[:1] not in ("", " ", "}"):
            assert depth == 0, f"{sheet.name}:{number} begins inside the block before it"
        depth += line.count("{") - line.count("}")
    assert depth == 0
