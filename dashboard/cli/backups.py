"""Commands about backups. They work beside a running server, with the same locks and records."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import click

from .. import backup as engine
from ..archive import ArchiveError, open_with_password
from ..backup import BackupError, Inspection, Preview
from ..backup.errors import Cancelled, NotConfirmed
from ..backup.store import new_output, sha256
from ..backup.verbs import validate_with_password
from ..config import Settings
from ..models import BackupRun, RunState, Unit
from ..models.people import is_named
from .bar import bar
from .common import (
    COMMAND_LINE,
    NotUtf8,
    ask,
    ask_password,
    given_password,
    json_option,
    opened,
    password_option,
    refusing,
    show,
    unit_option,
    unit_or_refuse,
)

VARIABLE = "DASHBOARD_BACKUP_PASSWORD"
PROMPT = "Backup password"
LARGE = (
    "Browsers may send {} bytes at most to this server: import this file by command, or raise "
    "DASHBOARD_MAX_UPLOAD_BYTES."
)
_BROKEN_OFF = (click.Abort, KeyboardInterrupt)
file_argument = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def backup() -> None:
    """Export, check and import backups of a unit.

    The backup password comes from a prompt, --password-file or DASHBOARD_BACKUP_PASSWORD.
    """


@backup.command()
@unit_option
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to make; it must not be there yet.",
)
@password_option
@json_option
@click.pass_obj
@refusing
def export(
    settings: Settings, slug: str, output: Path, password_file: Path | None, *, as_json: bool
) -> None:
    """Save the whole state of a unit as one encrypted file.

    Example: dashboard backup export --unit harbour-daily -o daily.dbk
    """
    with opened(settings) as context:
        unit = unit_or_refuse(slug)
        with _attempt(unit, engine.RunKind.EXPORT):
            if output.exists():
                raise FileExistsError(None, None, str(output))
            password = ask_password(password_file, VARIABLE, PROMPT, confirm=True)
        with bar() as progress:
            report = engine.export_to_file(
                unit, output, password, COMMAND_LINE, context, progress=progress
            )
    data = {
        "file": str(output),
        "file_bytes": report.file_bytes,
        "file_sha256": report.file_sha256,
        "content": report.content,
        "counts": report.counts,
    }
    lines = [f"{output}: {report.file_bytes} bytes, written and read back", *_count_lines(data)]
    show(data, lines, as_json=as_json)
    if report.file_bytes > settings.max_upload_bytes:
        click.echo(LARGE.format(settings.max_upload_bytes), err=True)


@backup.command()
@file_argument
@password_option
@json_option
@refusing
def inspect(file: Path, password_file: Path | None, *, as_json: bool) -> None:
    """Tell what can be known of FILE without a password; with one, what it says it holds.

    Example: dashboard backup inspect daily.dbk
    """
    password = given_password(password_file, VARIABLE)
    with file.open("rb") as source:
        found = engine.inspect(source)
        data: dict[str, Any] = {"file": str(file), **asdict(found)}
        lines = _inspection_lines(file, found)
        if password is not None:
            source.seek(0)
            manifest = open_with_password(source, password).manifest
            data |= _manifest_data(manifest)
            lines += _manifest_lines(data)
    show(data, lines, as_json=as_json)


@backup.command()
@file_argument
@password_option
@json_option
@refusing
def verify(file: Path, password_file: Path | None, *, as_json: bool) -> None:
    """Read FILE to its end and check everything. Changes nothing.

    Example: dashboard backup verify daily.dbk
    """
    with file.open("rb") as source:
        engine.inspect(source)
        source.seek(0)
        password = ask_password(password_file, VARIABLE, PROMPT)
        with bar() as progress:
            report = validate_with_password(source, password, progress=progress)
    data = {
        "file": str(file),
        "file_bytes": report.file_bytes,
        "file_sha256": report.file_sha256,
        "content": report.content,
        **_manifest_data(report.manifest),
    }
    show(data, [f"{file}: whole and sound", *_manifest_lines(data)], as_json=as_json)


@backup.command()
@file_argument
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="The file to make, or - for standard output.",
)
@password_option
@json_option
@refusing
def decrypt(file: Path, output: Path, password_file: Path | None, *, as_json: bool) -> None:
    """Write the payload of FILE as plain NDJSON text. The output holds every secret in clear.

    Example: dashboard backup decrypt daily.dbk -o daily.ndjson
    """
    to_stdout = str(output) == "-"
    if to_stdout and as_json:
        raise click.UsageError("With --json name a file: the payload itself would be in between.")
    written = 0
    with file.open("rb") as source:
        engine.inspect(source)
        source.seek(0)
        password = ask_password(password_file, VARIABLE, PROMPT)
        with nullcontext(sys.stdout.buffer) if to_stdout else new_output(output) as sink:
            for lines in engine.decrypt_with_password(source, password):
                written += sink.write(lines)
    show({"file": str(output), "bytes": written}, [], as_json=as_json)


@backup.command("import")
@file_argument
@unit_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--into-other-unit", is_flag=True, help="Allow a backup of another unit.")
@password_option
@json_option
@click.pass_obj
@refusing
def import_(
    settings: Settings,
    file: Path,
    slug: str,
    password_file: Path | None,
    *,
    yes: bool,
    into_other_unit: bool,
    as_json: bool,
) -> None:
    """Wipe the state of a unit and load FILE: validated first, all or nothing, undoable.

    Example: dashboard backup import daily.dbk --unit harbour-daily
    """
    with opened(settings) as context, file.open("rb") as source:
        unit = unit_or_refuse(slug)
        with _attempt(unit, engine.RunKind.IMPORT, source):
            engine.inspect(source)
            source.seek(0)
            password = ask_password(password_file, VARIABLE, PROMPT)
            with bar() as progress:
                report = validate_with_password(source, password, progress=progress)
            found = engine.preview(report, unit)
            if not found.same_unit and not into_other_unit:
                made_of = found.report.manifest.unit.name
                way_on = "Add --into-other-unit if that is what you want."
                raise engine.WrongUnit(made_of, unit.name, way_on)
            _confirm(unit, found, yes=yes)
        with bar() as progress:
            run = engine.import_file(unit, source, found, COMMAND_LINE, context, progress=progress)
    _show_done(unit, run, as_json=as_json)


@backup.command()
@unit_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
@refusing
def undo(settings: Settings, slug: str, *, yes: bool, as_json: bool) -> None:
    """Bring back the state before the last import of a unit (itself an import, and undoable).

    Example: dashboard backup undo --unit harbour-daily
    """
    with opened(settings) as context:
        unit = unit_or_refuse(slug)
        kind = engine.RunKind.UNDO
        with ExitStack() as stack:
            with _attempt(unit, kind):
                with bar() as progress:
                    opening = engine.open_safety_copy(unit, context, progress=progress)
                    _, source, found = stack.enter_context(opening)
                _confirm(unit, found, yes=yes)
            with bar() as progress:
                run = engine.import_file(
                    unit, source, found, COMMAND_LINE, context, kind=kind, progress=progress
                )
    _show_done(unit, run, as_json=as_json)


@contextmanager
def _attempt(unit: Unit, kind: engine.RunKind, source: BinaryIO | None = None) -> Iterator[None]:
    """Write it down if the block ends badly. In it nothing is begun: a run records its own end."""
    try:
        yield
    except (ArchiveError, BackupError, NotUtf8, FileExistsError, *_BROKEN_OFF) as error:
        state, reason = RunState.REFUSED, str(error)
        if isinstance(error, FileExistsError):
            reason = "The file to make is there already."
        if isinstance(error, _BROKEN_OFF):
            state, reason = RunState.CANCELLED, str(Cancelled())
        digest = sha256(source) if source is not None else None
        engine.refused(unit, kind, COMMAND_LINE, reason, state=state, file_sha256=digest)
        raise


def _confirm(unit: Unit, found: Preview, *, yes: bool) -> None:
    """Show what will happen and have the unit's name typed, unless --yes."""
    manifest = found.report.manifest
    words = [f"Backup of {manifest.unit.name}, made {manifest.created_at} by {manifest.created_by}"]
    words += [f"  {at.section:<20}{at.now:>9} now {at.then:>9} then" for at in found.changes]
    words.append(f"An import wipes the state of {unit.name} and loads this backup.")
    click.echo("\n".join(words), err=True)
    if not yes and not is_named(unit, ask("Type the unit's name to go on")):
        raise NotConfirmed


def _show_done(unit: Unit, run: BackupRun, *, as_json: bool) -> None:
    counts = json.loads(run.counts)
    data = {
        "unit": unit.slug,
        "content": run.content,
        "counts": counts,
        "revision": run.unit.revision,
    }
    lines = [f"{unit.slug}: the state of the backup is back", *_count_lines(data)]
    show(data, lines, as_json=as_json)


def _inspection_lines(file: Path, found: Inspection) -> list[str]:
    lines = [f"{file}: Dashboard backup, format {found.format}, {found.file_bytes} bytes"]
    for slot in found.slots:
        cost = ""
        if slot.ops is not None and slot.mem_bytes is not None:
            cost = f": Argon2id, {slot.ops} passes over {slot.mem_bytes >> 20} MiB"
        lines.append(f"  opens with: {slot.type}{cost}")
    return lines


def _manifest_data(manifest: Any) -> dict[str, Any]:
    return {
        "app": manifest.app,
        "created_at": manifest.created_at,
        "created_by": manifest.created_by,
        "organisation": manifest.organisation,
        "unit": {
            "uid": manifest.unit.uid,
            "slug": manifest.unit.slug,
            "name": manifest.unit.name,
        },
        "note": manifest.note,
        "part": part[0] if (part := engine.part_words(manifest)) else None,
        "counts": manifest.counts,
    }


def _manifest_lines(data: dict[str, Any]) -> list[str]:
    part = [f"  a part of a unit only: {data['part']}"] if data["part"] else []
    return [
        *part,
        f"  unit {data['unit']['name']} ({data['unit']['slug']}) of {data['organisation']}",
        f"  made {data['created_at']} by {data['created_by']} with {data['app']}",
        *_count_lines(data),
    ]


def _count_lines(data: dict[str, Any]) -> list[str]:
    return [f"  {name:<20}{count:>9}" for name, count in data["counts"].items()]
