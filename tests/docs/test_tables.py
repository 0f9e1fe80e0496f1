"""Tables that repeat what the code has: figures, codes, outcomes, rooms, words. Both ways."""

import ast
import re

import pytest

from dashboard.models import Role, RunState
from dashboard.models.chain import Fault
from dashboard.web.labels import LABELS
from tests.docs.pages import ROOT, prose
from tests.test_docs import README, table
from tests.test_floors import FLOORS, MAY_BE_IMPORTED_BY

DEVELOPING = (ROOT / "docs" / "developing.md").read_text()
WATCHING = (ROOT / "docs" / "watching.md").read_text()
WORDS = README.split("### Words\n")[1].split("\n## ")[0]
# What the words of the glossary are not called.
NOT_OUR_WORDS = ("passphrase", "tenant", "dump", "rotation", "permission level", "pre-backup")


def calls(file, *names):
    """Yield every call of one of *names* in *file*."""
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if called in names:
                yield called, node


def test_every_figure_is_told_with_its_labels_and_the_other_way_round():
    told = dict(re.findall(r"^\| `(dashboard_\w+)` \| ([a-z, ]*?) *\|", WATCHING, re.MULTILINE))
    made = {}
    for called, node in calls(
        "dashboard/web/health.py", "GaugeMetricFamily", "CounterMetricFamily"
    ):
        name = node.args[0].value + ("_total" if called.startswith("Counter") else "")
        labels = [word for word in node.keywords if word.arg == "labels"]
        made[name] = ast.unparse(labels[0].value) if labels else "[]"
    known = {"labels": "unit, kind, state", "labels[:2]": "unit, kind", "[]": ""}
    assert told == {
        name: known.get(labels, ", ".join(re.findall(r"\w+", labels)))
        for name, labels in made.items()
    }


def test_the_ends_of_a_job_are_told():
    ends = set(RunState) - {RunState.RUNNING, RunState.UPLOADED}
    assert set(re.search(r"by how: ([a-z, ]+) \|", WATCHING)[1].split(", ")) == ends
    told = re.search(r"how it ended \((.+?)\)", (ROOT / "docs/audit.md").read_text(), re.DOTALL)[1]
    assert set(re.findall(r"`(\w+)`", told)) == ends


def test_every_code_of_the_audit_chain_is_told():
    assert table("audit.md", "Check it") == list(Fault)


def test_every_exit_code_is_told_in_each_page_that_has_them():
    given = {0}
    for file in (ROOT / "dashboard" / "cli").glob("*.py"):
        for _, node in calls(file.relative_to(ROOT), "SystemExit", "exit"):
            given |= {value.value for value in node.args if isinstance(value, ast.Constant)}
    assert given == {0, 1, 2}
    for name in ("automation.md", "commands.md"):
        text = (ROOT / "docs" / name).read_text()
        assert set(re.findall(r"^\| (\d) \|", text, re.MULTILINE)) == {str(code) for code in given}


def test_the_floor_plan_is_the_one_that_is_enforced():
    rows = re.findall(r"^\| (\d) \| `(\w+)` \| [^|]+ \| ([^|]+) \|$", DEVELOPING, re.MULTILINE)
    assert {room: int(floor) for floor, room, _ in rows} == FLOORS
    for floor, room, knows in rows:
        for other in set(re.findall(r"`(\w+)`", knows)):
            assert FLOORS[other] < int(floor), f"{room} may not know {other}"
    for room in set(MAY_BE_IMPORTED_BY) - {"roof"}:
        assert f"`{room}`" in DEVELOPING
    assert "dashboard/__init__.py" in DEVELOPING


def test_the_plan_of_the_readme_has_every_room_on_its_floor():
    plan = README.split("## How the house is built")[1].split("```")[1]
    floor, found = None, {}
    for line in plan.strip().splitlines():
        head = re.match(r"floor (\d)|(\w+) {2,}", line)
        floor = head[1] if head else floor
        if floor is not None and line.startswith(("floor", " ")):
            found |= dict.fromkeys(re.findall(r"dashboard/(\w+)", line), int(floor))
        if line.startswith("floor 0"):
            assert int(floor) == 0
    assert found == FLOORS


def test_every_file_that_developers_are_sent_to_exists():
    places = [ROOT, ROOT / "dashboard", ROOT / "tests", ROOT / "docs"]
    for name in re.findall(r"`([\w/.]+(?:\.py|\.css|\.md|/))`", prose(ROOT / "docs/developing.md")):
        assert any((place / name).exists() for place in places), name


def test_the_glossary_has_the_words_of_people():
    assert all(label.lower() in WORDS.lower() for label in (role.label for role in Role))
    kinds = {"Plugins", "Profiles", "Workspaces", "Applications"}
    assert kinds < set(LABELS.values())
    for kind in kinds:
        assert re.search(rf"\b{kind[:-1].lower()}\b", WORDS)
    for verb in ("export", "validate", "preview", "import", "undo"):
        assert verb in WORDS
    assert "readonly" in WORDS


@pytest.mark.parametrize("word", NOT_OUR_WORDS)
def test_screens_use_no_other_words(word):
    for page in (ROOT / "templates").rglob("*.html"):
        assert word not in page.read_text().lower(), page
