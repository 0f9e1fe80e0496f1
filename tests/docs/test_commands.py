"""Every command on a page, run or not, is one that the program or the Makefile knows."""

import re
import runpy

import click
import pytest

from dashboard.cli import cli
from tests.docs.pages import PAGES, ROOT, TYPED, blocks, prose, simple_commands
from tests.test_docs import commands

PYTHONS = {"python", "python3", ".venv/bin/python"}
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.search(r"^\.PHONY: (.*)", MAKEFILE, re.MULTILINE)[1].split())
VARIABLES = set(re.findall(r"^(\w+) \?=", MAKEFILE, re.MULTILINE))
# Options of other programs that a page tells of.
BENCH = "".join(file.read_text() for file in (ROOT / "bench").glob("*.py"))
OTHER_OPTIONS = {
    ROOT / "bench" / "README.md": set(re.findall(r'"(--[a-z-]+)"', BENCH)),
    ROOT / "docs" / "api.md": {"--request", "--upload-file"},  # of curl
}


def ours(words: list[str]) -> list[str] | None:
    """Return what the program gets, if it is ours that *words* start."""
    if words[0] in PYTHONS and words[1:2] == ["app.py"]:
        return words[2:]
    if words[0].rpartition("/")[2] == "dashboard":
        return words[1:]
    return None


def check(words: list[str], *, whole: bool) -> None:
    """Fail unless the program would take *words*; only *whole* ones need everything required."""
    group, name = cli, "dashboard"
    while isinstance(group, click.Group):
        if not words or words[0] in {"-h", "--help", "--version"}:
            assert not whole or words, f"{name} wants a command"
            return
        name, *words = words
        if name == "COMMAND":
            return
        assert name in group.commands, f"there is no command {name}"
        group = group.commands[name]
    if words in (["-h"], ["--help"]):
        return
    context = click.Context(group, info_name=name, resilient_parsing=False)
    given, rest, _ = group.make_parser(context).parse_args(list(words))
    assert rest == []
    for parameter in group.params:
        value = given.get(parameter.name)
        literal = isinstance(value, str) and not re.search(r"[$A-Z…]", value)
        if literal and not isinstance(parameter.type, click.Path):
            parameter.type.convert(value, parameter, context)
        missing = parameter.required and parameter.name not in given
        missing |= parameter.required and type(value).__name__ == "Sentinel"
        assert not (whole and missing), f"{name} wants {parameter.name}"


def check_make(words: list[str]) -> None:
    for word in words:
        variable, is_one, _ = word.partition("=")
        assert variable in (VARIABLES if is_one else TARGETS), f"make knows no {word}"


def check_line(line: str, *, whole: bool) -> int:
    """Check every command of ours in *line*; return how many there were."""
    found = 0
    for words in simple_commands(line):
        if words[0] == "make":
            check_make(words[1:])
            found += 1
        elif (given := ours(words)) is not None:
            check(given, whole=whole)
            found += 1
    return found


TYPED_LINES = [(block, line) for block in blocks(*TYPED) for line in block.commands]


@pytest.mark.parametrize(("block", "line"), TYPED_LINES, ids=lambda item: str(item)[:60])
def test_the_line_of_a_block_is_a_command(block, line):
    check_line(line, whole=True)


def test_the_blocks_hold_commands_of_ours():
    assert sum(check_line(line, whole=True) for _, line in TYPED_LINES) > 15


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.name)
def test_a_command_between_words_exists(document):
    for span in re.findall(r"`([^`\n]+)`", prose(document)):
        if re.match(r"(\S*/)?(python3? app\.py|dashboard|make) \S", span):
            check_line(span.replace("…", ""), whole=False)


@pytest.mark.parametrize(
    "line",
    [
        "python app.py export --unit harbour-daily",
        "dashboard backup export --unit harbour-daily",
        "dashboard backup export --unit harbour-daily -o daily.dbk --password four",
        "./dashboard user create a@b.example --unit sandbox --role owner",
        'file="$(date)"; dashboard doctor now',
        "DASHBOARD_PORT=1 dashboard serv",
        "dashboard",
        "make all",
        "make test FLAGS=-x",
        "true && make check | make chek",
    ],
)
def test_a_command_that_is_none_is_found(line):
    with pytest.raises((AssertionError, click.UsageError)):
        check_line(line, whole=True)


def test_the_reference_is_what_the_help_says():
    page = runpy.run_path(str(ROOT / "packaging" / "manual.py"))["markdown"]()
    assert (ROOT / "docs" / "commands.md").read_text() == page, "run `make manual`"
    for name, command in commands():
        assert f"\n## `{name}" in page
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert f"{parameter.opts[-1]}" in page.split(f"\n## `{name}")[1].split("\n## ")[0]


def test_every_command_prints_json_on_request():
    """But for the server, and for what prints text of its own for another program."""
    without = {name for name, command in commands() if "as_json" not in names_of(command)}
    assert without == {"serve", "completion", "openapi"}


def names_of(command):
    return {parameter.name for parameter in command.params}


def test_every_option_that_is_named_exists():
    """Between words, where no command stands with it; those of other programs are told apart."""
    known = {opt for _, command in commands() for p in command.params for opt in p.opts}
    known |= {"--help", "--version"}
    for page in PAGES:
        if page.name == "commands.md":
            continue
        named = set(re.findall(r"`(--?[a-z][\w-]*)(?: [^`]*)?`", prose(page)))
        assert named - known - OTHER_OPTIONS.get(page, set()) == set(), page.name
