"""The command that looks whether everything is as it should be."""

import click

from ..config import Settings
from .checkup import Health, look
from .common import json_option, refusing, show

MARKS = {Health.GOOD: "ok     ", Health.WARNING: "warning", Health.BAD: "BAD    "}


@click.command()
@json_option
@click.pass_obj
@refusing
def doctor(settings: Settings, *, as_json: bool) -> None:
    """Check data directory, key, database, audit log, copies, disk, clock; say what to do.

    Changes nothing, and may run beside the server. Exit code 1 if something is bad.

    Example: dashboard doctor
    """
    found = list(look(settings))
    data = [{"subject": it.subject, "health": it.health, "message": it.said} for it in found]
    show(data, [f"{MARKS[it.health]} {it.subject}: {it.said}" for it in found], as_json=as_json)
    if any(it.health is Health.BAD for it in found):
        raise SystemExit(1)
