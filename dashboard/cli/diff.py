"""The command that tells what an import would do, and does nothing."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from .. import backup as engine
from ..archive import with_file_key
from ..backup import Comparison
from ..backup.compare import Kind
from ..backup.details import details
from ..backup.fields import FieldChange, State
from ..config import Settings
from .backups import PROMPT, VARIABLE, file_argument
from .common import (
    ask_password,
    json_option,
    opened,
    password_option,
    plain,
    refusing,
    show,
    unit_option,
    unit_or_refuse,
)

SIGNS = {Kind.GONE: "-", Kind.COME: "+", Kind.CHANGE: "~"}
COLUMNS = ("now", "then", "come", "gone", "change")


@click.command()
@file_argument
@unit_option
@click.option(
    "--names",
    type=click.IntRange(0, 1_000_000),
    default=20,
    show_default=True,
    metavar="N",
    help="Name at most this many of each kind in each section.",
)
@click.option("--fields", "with_fields", is_flag=True, help="Show the fields of what is named.")
@password_option
@json_option
@click.pass_obj
@refusing
def diff(
    settings: Settings,
    file: Path,
    slug: str,
    password_file: Path | None,
    *,
    names: int,
    with_fields: bool,
    as_json: bool,
) -> None:
    """Check FILE and tell what its import would add (+), remove (-) and change (~).

    Changes nothing; the exit code is 0 with and without differences. Secrets are never shown.

    Example: dashboard backup diff daily.dbk --unit harbour-daily
    """
    with opened(settings), file.open("rb") as source:
        unit = unit_or_refuse(slug)
        engine.inspect(source)
        source.seek(0)
        password = ask_password(password_file, VARIABLE, PROMPT)
        found = engine.preview_with_password(source, password, unit, names=names)
        comparison = found.comparison or Comparison((), found.unit_revision)
        fields = None
        if with_fields:
            opener = with_file_key(found.report.file_key)
            wanted = [(at.section, name.key) for at in comparison.sections for name in at.names]
            rows = details(source, opener, unit, wanted, comparison.unit_revision)
            fields = dict(zip(wanted, rows, strict=True))
    if not found.same_unit:
        made_of = found.report.manifest.unit.name
        click.echo(f"This is a backup of another unit: {made_of}.", err=True)
    data = {
        "file": str(file),
        "unit": unit.slug,
        "revision": comparison.unit_revision,
        "same_unit": found.same_unit,
        "same": comparison.is_same,
        "sections": [_section_data(at, fields) for at in comparison.sections],
    }
    show(data, _lines(data), as_json=as_json)


def _section_data(section: engine.SectionChange, fields: Any) -> dict[str, Any]:
    data = asdict(section)
    for name, line in zip(section.names, data["names"], strict=True):
        if fields is not None:
            line["fields"] = [asdict(at) for at in fields[section.section, name.key]]
    return data


def _lines(data: dict[str, Any]) -> list[str]:
    lines = [f"{'':<20}" + "".join(f"{column:>10}" for column in COLUMNS)]
    for at in data["sections"]:
        lines.append(f"{at['section']:<20}" + "".join(f"{at[column]:>10}" for column in COLUMNS))
    for at in data["sections"]:
        if at["names"]:
            lines += ["", at["section"]]
        for name in at["names"]:
            lines.append(f"  {SIGNS[name['kind']]} {plain(name['name'])}")
            lines += [f"      {_field_line(field)}" for field in name.get("fields", ())]
        if at["names"] and at["more"]:
            lines.append(f"  and {at['more']} more")
    return lines


def _field_line(field: dict[str, Any]) -> str:
    change = FieldChange(**field)
    name = plain(change.field)
    if change.secret:
        return f"{name}: secret, {change.state}"
    if change.state is State.RESPELLED:
        return f"{name}: the same content, spelled differently"
    before, after = (None if at is None else _quoted(at) for at in (change.before, change.after))
    if before is None or after is None:
        return f"{name}: {before if after is None else after}"
    return f"{name}: {before} -> {after}"


def _quoted(text: str) -> str:
    return f'"{plain(text)}"'
