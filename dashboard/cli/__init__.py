"""The terminal door: data on stdout, words on stderr, exit 0 done, 1 refused, 2 wrong usage."""

import os
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING

import click

from .. import __version__
from ..config import ConfigError, load, unknown
from .audit import audit
from .backups import backup
from .completion import completion
from .demo import demo
from .diff import diff
from .doctor import doctor
from .licences import licences
from .openapi import openapi
from .private import keep_private
from .serve import serve
from .units import unit
from .users import user

if TYPE_CHECKING:
    from flask import Flask


# How long a thread may compute while another waits for the interpreter. The server has one that
# reads and writes for everybody. With many connections it is never done, and a thread at a request
# waited for it after each call of the system: with Python's own 5 ms, 200 clients that ask without
# a pause got a thirtieth of the answers. Less wins nothing, and backups take as long with any.
SWITCH_SECONDS = 0.0005


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="dashboard", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Dashboard: a team dashboard that can be rewound.

    Settings come from DASHBOARD_... variables; the README lists them. Exit codes: 0 done,
    1 refused (the reason is on stderr), 2 wrong usage.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    for variable in unknown(os.environ):
        click.echo(f"warning: {variable} is not a setting of this program", err=True)
    try:
        context.obj = load(os.environ)
    except ConfigError as error:
        click.echo(f"error: {error}", err=True)
        context.exit(2)


for command in (serve, demo, unit, user, backup, audit, doctor, openapi, licences, completion):
    cli.add_command(command)
backup.add_command(diff)


def main() -> None:
    """Run the command line."""
    keep_private()
    if isinstance(sys.stdout, TextIOWrapper):
        # A name that the terminal cannot show, or that is not UTF-8 (of a file), is spelled out: as
        # on stderr, and in JSON as JSON has it.
        sys.stdout.reconfigure(errors="backslashreplace")
    cli(prog_name="dashboard")


def wsgi_app() -> "Flask":
    """Return the WSGI application with the settings of the environment."""
    from .. import create_app

    keep_private()
    sys.setswitchinterval(SWITCH_SECONDS)
    return create_app(load(os.environ))
