"""Writes the manual page dist/dashboard.1 and docs/commands.md from the help: `make manual`."""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from os import environ
from pathlib import Path

import click

from dashboard import __version__
from dashboard.cli import cli
from dashboard.config import SETTINGS

EXIT_CODES = (
    ("0", "done"),
    ("1", "refused, or something is wrong; the reason is on standard error"),
    ("2", "wrong usage, or a setting that cannot be used"),
)


def commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield (words, command) of everything that can be run."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def page(day: str) -> str:
    """Return the page as roff."""
    lines = [
        f'.TH DASHBOARD 1 "{day}" "Dashboard {__version__}" "User Commands"',
        ".SH NAME",
        r"dashboard \- a team dashboard that can be rewound",
        ".SH SYNOPSIS",
        r".B dashboard",
        r".I COMMAND",
        "[options]",
        ".SH DESCRIPTION",
        *paragraphs((cli.help or "").partition("\n\n")[2]),
        ".SH COMMANDS",
    ]
    for words, command in commands(cli):
        lines += [f".SS {bold(usage(words, command))}", *paragraphs(command.help or "")]
        for parameter in command.params:
            record = parameter.get_help_record(click.Context(command))
            if record is not None:
                lines += [".TP", bold(record[0]), text(record[1])]
    lines += [".SH ENVIRONMENT"]
    for setting in SETTINGS:
        shown = f" (default: {setting.default})" if setting.default not in ("", (), False) else ""
        lines += [".TP", bold(setting.variable), text(f"{setting.help}{shown}")]
    lines += [".SH EXIT STATUS"]
    for code, meaning in EXIT_CODES:
        lines += [".TP", bold(code), text(meaning)]
    return "\n".join(lines) + "\n"


MARKDOWN_HEAD = """# Commands

Every command with its options, as `--help` tells them; `make manual` writes this page.
`python app.py COMMAND` in a checkout is `dashboard COMMAND` of the single file. Data goes to
standard output, words to standard error. The codes of refusals, and how to call all this from
scripts: [automation.md](automation.md).

| exit code | means |
|---|---|
"""


def markdown() -> str:
    """Return docs/commands.md."""
    parts = [MARKDOWN_HEAD + "\n".join(f"| {code} | {means} |" for code, means in EXIT_CODES)]
    for words, command in commands(cli):
        names = [p.make_metavar(click.Context(command)) for p in command.params if _is_argument(p)]
        parts.append(f"## `{' '.join([words, *names])}`")
        paragraphs = (command.help or "").replace("\b\n", "").strip().split("\n\n")
        for paragraph in paragraphs:
            line = " ".join(paragraph.split())
            parts.append(re.sub(r"^Example: (.+)", r"Example: `\1`", line))
        options = [
            (record[0].replace("|", "\\|"), record[1].strip())
            for parameter in command.params
            if (record := parameter.get_help_record(click.Context(command))) is not None
            and record[1]
        ]
        if options:
            rows = [f"| `{name}` | {told} |" for name, told in options]
            parts.append("\n".join(["| option | |", "|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def _is_argument(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Argument)


def usage(words: str, command: click.Command) -> str:
    """Return the words with the arguments that have to follow."""
    return " ".join([words, *command.collect_usage_pieces(click.Context(command))])


def paragraphs(help_text: str) -> list[str]:
    """Return the paragraphs of a docstring, without what click's own marks are."""
    found: list[str] = []
    for paragraph in help_text.replace("\b\n", "").split("\n\n"):
        found += [".PP", text(" ".join(paragraph.split()))]
    return found[1:]


def text(words: str) -> str:
    """Return *words* so that roff takes none of them for its own."""
    escaped = words.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def bold(words: str) -> str:
    """Return *words* in bold."""
    return f"\\fB{text(words)}\\fR"


if __name__ == "__main__":
    stamp = int(environ.get("SOURCE_DATE_EPOCH", datetime.now(UTC).timestamp()))
    Path(sys.argv[1]).write_text(page(f"{datetime.fromtimestamp(stamp, UTC):%Y-%m-%d}"))
    Path(__file__).parents[1].joinpath("docs", "commands.md").write_text(markdown())
