"""Pages as a whole: links, the order of the README, versions, the licence."""

import re
import tomllib
from datetime import date

import pytest
from click.testing import CliRunner

from dashboard import __version__
from dashboard.cli import cli
from dashboard.config import SETTINGS
from tests.docs.pages import PAGES, ROOT, prose

CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
LICENCE = (ROOT / "LICENSE").read_text()


def anchors(page) -> set[str]:
    """Return the anchors that a page's headings get, as GitHub makes them."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    return found


@pytest.mark.parametrize("document", PAGES, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_link_leads_somewhere(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        if re.match(r"https?:", link):
            continue
        target, _, anchor = link.partition("#")
        file = (document.parent / target).resolve() if target else document
        assert file.exists(), link
        assert not anchor or anchor in anchors(file), link


@pytest.mark.parametrize("document", PAGES, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_variable_that_is_named_exists(document):
    known = {setting.variable for setting in SETTINGS}
    known |= {f"DASHBOARD_{name}_PASSWORD" for name in ("BACKUP", "USER", "DEMO")}
    named = re.findall(r"\bDASHBOARD_[A-Z][A-Z_]*[A-Z]\b", document.read_text())
    assert set(named) <= known


def test_every_page_is_reached_from_the_readme():
    linked = set(
        re.findall(r"\]\(((?:docs/|bench/)?[\w.]+\.md)\)", (ROOT / "README.md").read_text())
    )
    assert linked >= {str(page.relative_to(ROOT)) for page in PAGES} - {"README.md"}


def test_the_readme_keeps_its_order():
    text = (ROOT / "README.md").read_text()
    order = [
        "```console", "docs/guide/preview.png", "docs/screenshots/",
        "## Install", "## Your first unit", "## Backups",
        "**Inside** a backup", "**Never inside**", "**On a new machine**", "## Security",
        "**Whom you must trust.**", "we promise", "**What is not promised.**", "## Settings",
        "## Commands", "## How the house is built", "## Changes",
    ]  # fmt: skip
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert len(text.splitlines()) < 250


def test_the_version_is_one():
    said = CliRunner().invoke(cli, ["--version"]).output
    assert said == f"dashboard {__version__}\n"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)\]? - (\d{4}-\d\d-\d\d)$", CHANGELOG, re.MULTILINE)
    assert newest[1] == __version__
    assert date.fromisoformat(newest[2])


def test_the_changelog_keeps_to_its_headings():
    kinds = set(re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert "keepachangelog.com" in CHANGELOG


def test_the_licence_is_what_everything_says():
    assert LICENCE.startswith("MIT License")
    assert "WITHOUT WARRANTY OF ANY KIND" in LICENCE
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "MIT"
    assert "MIT" in (ROOT / "README.md").read_text().splitlines()[-1]
