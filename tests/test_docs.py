"""The documents are held to the code: what they name exists, and the other way round."""

import re
from pathlib import Path

import click
import pytest

from dashboard.archive import SECTIONS, ArchiveError
from dashboard.backup import BackupError
from dashboard.cli import cli
from dashboard.config import SETTINGS
from dashboard.models.passwords import COMMON, MAX_LENGTH, MIN_LENGTH
from dashboard.models.throttle import GATES, Gate
from dashboard.web.audit_words import GROUPS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
FORMAT = (ROOT / "FORMAT.md").read_text()


def commands(group=cli, prefix=()):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*prefix, name))
        else:
            yield " ".join((*prefix, name)), command


def shown(default) -> str:
    if default is False:
        return "`no`"
    return f"`{default}`" if default not in ("", ()) else ""


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_in_the_table_with_its_default(setting):
    line = f"| `{setting.variable}` | {shown(setting.default)} | {setting.help} |"
    assert re.sub(" +", " ", line) in re.sub(" +", " ", README)


def test_every_variable_that_is_named_exists():
    known = {setting.variable for setting in SETTINGS} | {
        f"DASHBOARD_{name}_PASSWORD" for name in ("BACKUP", "USER", "DEMO")
    }
    assert set(re.findall(r"DASHBOARD_[A-Z_]+", README)) <= known


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=lambda item: str(item))
def test_every_command_is_in_the_table_and_has_an_example(name, command):
    assert f"`{name}" in README
    assert f"Example: dashboard {name}" in command.help


def test_every_gate_of_the_log_in_is_told_with_its_numbers():
    text = (ROOT / "docs/login.md").read_text()
    told = re.findall(r"\| `(\w+)` \| .* \| (\d+) \| (?:(\d+) minutes|minute) \|", text)
    assert {
        name: Gate(int(tries), int(minutes or 1) * 60) for name, tries, minutes in told
    } == GATES
    assert f"{len(COMMON.read_text().split()):,}" in text
    assert f"{MIN_LENGTH} to {MAX_LENGTH:,} characters" in text


def test_every_command_that_is_named_exists():
    table = README.split("## Commands")[1].split("## ")[0]
    named = set(
        re.findall(r"`((?:(?:unit|user|backup|audit) )?[a-z][a-z-]*)(?: [A-Z\[-][^`]*)?`", table)
    )
    known = {name for name, _ in commands()}
    assert named - {"python app"} <= known
    assert known <= named


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_every_section_and_column_of_the_file_is_described(section):
    assert f"`{section.name}`" in FORMAT
    for column in section.columns:
        assert re.search(rf"\b{column}\b", FORMAT)


def leaves(kind):
    for child in kind.__subclasses__():
        yield child
        yield from leaves(child)


def table(document, heading):
    """Return the first column of the table below *heading*, of the words in code marks."""
    text = (ROOT / "docs" / document).read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


def test_every_code_of_a_refusal_is_in_the_document_and_the_other_way_round():
    codes = {error.code for base in (ArchiveError, BackupError) for error in leaves(base)}
    for file in (ROOT / "dashboard" / "cli").glob("*.py"):
        codes |= set(re.findall(r'refuse\(\s*"(\w+)"', file.read_text()))
    assert table("automation.md", "Codes") == sorted(codes)


def test_every_event_is_in_the_document_and_the_other_way_round():
    told = table("audit.md", "The events")
    assert sorted(told) == sorted(action for _, them in GROUPS.values() for action in them)


def test_every_class_of_refusal_is_described():
    for error in leaves(ArchiveError):
        assert f"`{error.code}`" in FORMAT


@pytest.mark.parametrize("tree", [ArchiveError, BackupError])
def test_every_error_is_drawn_in_the_docstring_of_its_module(tree):
    import importlib

    words = importlib.import_module(tree.__module__).__doc__
    for error in leaves(tree):
        assert error.__name__ in words


def test_the_page_on_security_has_every_promise_and_the_other_way_round():
    page = (ROOT / "docs" / "security.md").read_text().split("| | we promise |")[1].split("\n\n")[0]
    table = README.split("| | we promise |")[1].split("\n\n")[0]
    promises = re.findall(r"^\| ([a-z -]+) \|", table, re.MULTILINE)
    assert len(promises) > 8
    assert promises == re.findall(r"^\| ([a-z -]+) \|", page, re.MULTILINE)
