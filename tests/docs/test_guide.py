"""docs/guide.md says what the screens say, and every picture of a page is there and is shown."""

import ast
import re
from pathlib import Path

import pytest

from tests.browser.pictures import FOLDER, PICTURES
from tests.browser.screens import SCREENS
from tests.docs.pages import PAGES, ROOT, prose

GUIDE = prose(ROOT / "docs" / "guide.md")
LABELS = sorted({" ".join(label.split()) for label in re.findall(r"\*\*(.+?)\*\*", GUIDE, re.S)})
OURS = {"bold", "What it holds:", "What it does not hold:", "a backup of another unit"}
SMALL_BYTES = 150_000


def words_on_screens() -> set[str]:
    """Return every text between two tags, and every string that templates and views are given."""
    found: set[str] = set()
    for file in (ROOT / "templates").rglob("*.html"):
        text = re.sub(r"\{#.*?#\}", "", file.read_text(), flags=re.DOTALL)
        found |= set(re.findall(r"[\"']([^\"'<>{}]+)[\"']", text))
        bare = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "<>", text, flags=re.DOTALL)
        found |= set(re.findall(r">([^<>]+)<", bare))
    for file in (ROOT / "dashboard" / "web").glob("*.py"):
        found |= {
            node.value
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    return {" ".join(words.split()) for words in found}


def test_every_label_of_the_guide_is_on_a_screen():
    assert len(LABELS) > 50
    screens = words_on_screens()
    assert {label for label in LABELS if label not in screens} == OURS


def test_a_label_that_is_on_no_screen_is_found():
    assert not {"Restore backup", "Admin setting", "Downloads"} & words_on_screens()


def pictures_of(page: Path) -> set[Path]:
    links = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text())
    return {(page.parent / link).resolve() for link in links}


def kept_by_git() -> set[Path]:
    """Return the pictures that are kept: of the many that `make screenshots` writes, a few."""
    kept = re.findall(r"^!(docs/screenshots/\S+)", (ROOT / ".gitignore").read_text(), re.MULTILINE)
    other = list((ROOT / "docs").glob("*.svg"))
    return {ROOT / name for name in kept} | set(FOLDER.iterdir()) | set(other)


def test_every_picture_is_there_and_shown():
    shown = set().union(*(pictures_of(page) for page in PAGES))
    assert shown == kept_by_git()
    assert all(picture.stat().st_size < SMALL_BYTES for picture in shown)


def test_every_picture_of_the_guide_can_be_taken_again():
    assert {picture.name for picture in PICTURES} == {path.stem for path in FOLDER.iterdir()}
    assert {picture.screen for picture in PICTURES} <= {screen.name for screen in SCREENS}


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.name)
def test_every_picture_says_what_it_shows(document):
    for words in re.findall(r"!\[([^\]]*)\]", document.read_text()):
        assert len(words.split()) > 2
