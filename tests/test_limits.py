"""docs/limits.md is held to the code: its numbers, and all limits of the modules that hold many."""

import importlib
import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[1] / "docs/limits.md").read_text()
ROW = re.compile(r"\| ([^|]+) \| ([\d]+) ?(KiB|MiB|s)? \| `([a-z_.]+)\.([A-Z_]+)` \|")
ROWS = ROW.findall(TEXT)
TIMES = {"KiB": 1 << 10, "MiB": 1 << 20, "s": 1, "": 1}
WHOLE = ("web.bodies", "cli.connections", "backup.quotas")  # all of their numbers are limits


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[-1])
def test_the_number_is_that_of_the_code(row):
    _, number, unit, module, name = row
    found = getattr(importlib.import_module(f"dashboard.{module}"), name)
    assert found == int(number) * TIMES[unit]


def test_every_row_is_read():
    rows = [line for line in TEXT.splitlines() if re.match(r"\| .*\d.* \|", line)]
    assert len(ROWS) == len(rows) >= 40


@pytest.mark.parametrize("module", WHOLE)
def test_every_limit_is_in_the_table(module):
    values = vars(importlib.import_module(f"dashboard.{module}"))
    limits = {name for name, value in values.items() if name.isupper() and type(value) is int}
    assert limits - {"MIB"} == {name for *_, place, name in ROWS if place == module}
