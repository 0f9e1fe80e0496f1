"""The benchmark runs to its end at a tiny size, and its arithmetic and its plot are sound."""

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import report, run

ROOT = Path(__file__).resolve().parent.parent


def made_up(**walls: list[float]) -> report.Result:
    """Return a result with these series, named with dots for double underscores."""
    series = {
        name.replace("__", "."): {"wall": found, "cpu": found} for name, found in walls.items()
    }
    about = {
        "keys": 1_000,
        "rounds": 3,
        "processors": 2,
        "commit": "abc",
        "priority": False,
        "tools": {"sqlite3": "3"},
        "missing": ["age is not installed"],
    }
    others = {"median": 0.5, "most": 0.9}
    return {
        "about": about,
        "others": others,
        "series": series,
        "steps": {},
        "memory": [],
        "files": {},
    }


@pytest.mark.slow
def test_every_ratio_is_measured_at_a_tiny_size(tmp_path):
    command = [sys.executable, "-m", "bench.run", "--smoke", "--keys", "300", "--rounds", "1"]
    command += ["--only", "ratios,limits,small,memory", "--out", tmp_path, "--tmp", tmp_path]
    before = {path: path.stat().st_mtime_ns for path in (run.RESULTS, run.PLOT, run.DOCUMENT)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "results.json").read_text())
    assert {"export", "export.written", "verify", "diff", "import"} <= result["series"].keys()
    assert {"export", "validate", "import"} == result["steps"].keys()
    assert {row["verb"] for row in result["memory"]} == {"export", "validate", "import"}
    assert "| validate " in done.stdout
    for reason in result["about"]["missing"]:
        assert f"*** NOT MEASURED: {reason}" in done.stderr
    ElementTree.parse(tmp_path / "performance.svg")  # noqa: S314 - our own
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"results.json", "performance.svg"}
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_a_ratio_is_that_of_the_medians():
    result = made_up(export=[2.0, 1.0, 9.0], dump__export=[4.0, 4.0, 1.0])
    (found,) = report.ratios(result)
    assert (found.wall, found.low, found.high, found.verdict) == (0.5, 0.25, 9.0, "met")


def test_what_is_over_its_target_is_called_missed():
    result = made_up(export=[1.01], dump__export=[1.0])
    assert [ratio.verdict for ratio in report.ratios(result)] == ["missed"]
    assert "missed" in report.table(result)
    assert "missed" in report.plot(result)


def test_two_processors_share_the_steps_as_well_as_they_can():
    steps = {"a": 3.0, "b": 2.0, "c": 2.0, "d": 1.0}
    assert report.two_lanes(steps, "abcd") == 4.0
    assert report.limit(steps, (("a", "b"), ("c", "d")), processors=2) == 3.0 + 2.0
    assert report.limit(steps, (("a", "b"), ("c", "d")), processors=1) == 8.0


def test_the_table_says_what_was_not_measured_and_who_else_was_at_work():
    text = report.table(made_up(export=[1.0], export__written=[0.8], verify=[0.5]))
    assert "Not measured: age is not installed" in text
    assert "Others used 50% of the machine" in text
    assert "not quiet" in text


def test_words_in_the_plot_are_escaped():
    plot = report.plot(made_up(small__export=[1.0], small__export__kdf=[1.0]))
    root = ElementTree.fromstring(plot)  # noqa: S314 - our own
    assert root.tag.endswith("svg")


def test_the_document_holds_the_table_of_the_kept_result():
    result = json.loads(run.RESULTS.read_text())
    text = run.DOCUMENT.read_text(encoding="utf-8")
    assert text.partition(run.BEGIN)[2].partition(run.END)[0].strip() == report.table(result)
    assert run.PLOT.read_text(encoding="utf-8") == report.plot(result)


def test_what_the_peers_need_is_pinned_and_hashed():
    text = re.sub(r"\s*#.*", "", (ROOT / "requirements-bench.txt").read_text())
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    assert lines
    assert all(re.match(r"[a-z0-9.-]+==\S+.*--hash=sha256:", line) for line in lines)
    assert "://" not in text
    assert "django" not in (ROOT / "requirements-dev.txt").read_text().lower()


@pytest.mark.parametrize("words", [["--only", "nothing"], ["--keys", "many"]])
def test_a_wrong_option_is_refused(words, capsys):
    with pytest.raises((SystemExit, ValueError)):
        run.main(words)
    capsys.readouterr()
