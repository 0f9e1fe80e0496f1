"""Every block that a reader types is run, or says why not."""

import re
from itertools import groupby
from pathlib import Path

import pytest

from dashboard.config import SETTINGS, load
from tests.docs.pages import PAGES, ROOT, TYPED, blocks, blocks_of, prose
from tests.docs.sandbox import PASSWORD, Sandbox

MARKED = blocks(*TYPED)
BY_PAGE = {page: list(found) for page, found in groupby(MARKED, key=lambda block: block.page)}
RUN = [page for page, found in BY_PAGE.items() if any(block.is_run for block in found)]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("block", MARKED, ids=str)
def test_a_block_is_run_or_says_why_not(block):
    kind, _, reason = block.mark.partition(": ")
    if block.is_run:
        return
    if by := re.fullmatch(r"run by (tests/[\w/.]+)", block.mark):
        assert block.page.name in (ROOT / by[1]).read_text(), "that test does not name the page"
        return
    assert kind == "not run", f"{block}: nothing above it says whether it is run"
    assert len(reason.split()) > 3, f"{block}: why not?"


@pytest.mark.slow
@pytest.mark.parametrize("document", RUN, ids=name)
def test_what_a_page_says_works_as_it_stands(document, tmp_path):
    """From top to bottom, in an empty folder, as somebody new would type it."""
    found = [block for block in BY_PAGE[document] if block.is_run]
    alone = any("./dashboard" in block.text for block in found)
    for number, block in enumerate(found):
        if number == 0 or block.option("anew") or block.option("with the demo"):
            sandbox = Sandbox(tmp_path / str(number), checkout=not alone)
        if block.option("with the demo"):
            sandbox.run("dashboard demo", DASHBOARD_DEMO_PASSWORD=PASSWORD)
        if sign := block.option("until"):
            sandbox.run_until(block.text, sign)
        elif block.language == "console":
            answers_as_told(sandbox, block)
        else:
            sandbox.run(block.text)


def answers_as_told(sandbox, block):
    """Type each line of a transcript; what is answered is what stands below it."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        words, _, told = part.replace("\\\n", " ").partition("\n")
        said = sandbox.type(words)
        assert re.fullmatch(pattern(told.strip("\n")), said, re.DOTALL), f"{block}\n{said}"


def pattern(told: str) -> str:
    """Return *told* as a pattern: `…` is anything, and no two files have the same size."""
    anything = re.escape(told).replace("…", ".*")
    return re.sub(r"\d+(?=\\ bytes)", r"\\d+", anything)


def test_a_transcript_that_is_not_true_is_found():
    assert re.fullmatch(pattern("a: 17 bytes\n…\n  keys 43"), "a: 9 bytes\nx\ny\n  keys 43", re.S)
    for told in ("a: 17 bytes\n  keys 42", "b: 17 bytes\n  keys 43", "a: 17 bytes\n  keys 43\nc"):
        assert not re.fullmatch(pattern(told), "a: 9 bytes\n  keys 43", re.S)


@pytest.mark.parametrize("block", blocks("ini"), ids=str)
def test_settings_in_a_block_are_taken(block):
    lines = dict(line.split("=", 1) for line in block.text.splitlines() if line.strip())
    names = {setting.variable for setting in SETTINGS}
    assert set(lines) <= names
    load({name: value.strip('"') for name, value in lines.items()})


def test_blocks_are_found():
    """The figures here are those of the pages; a fence that the pattern misses would be lost."""
    for page in PAGES:
        fences = len(re.findall(r"^ *```", page.read_text(), re.MULTILINE))
        assert fences == 2 * len(list(blocks_of(page))), name(page)
        assert "```" not in prose(page)
