"""What every command needs: the installation, passwords, output and refusals."""

import functools
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from .. import __version__, db, disk
from ..archive import ArchiveError, KdfCost
from ..backup import BackupError, Context
from ..config import Settings
from ..installation import InstallationUnusable, open_installation
from ..models import Unit
from ..models.people import PeopleError
from ..vault import KeyUnusable

COMMAND_LINE = "command line"  # who did it, in the audit log
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
unit_option = click.option("--unit", "slug", required=True, metavar="SLUG", help="The unit.")
password_option = click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read the password from the first line of this file.",
)


class NotUtf8(Exception):
    """What was to be read as text is none; nothing was done with it."""

    def __init__(self, what: str, way_on: str) -> None:
        super().__init__(f"{what} is not UTF-8 text. Nothing was changed. {way_on}")


def is_utf8(text: str) -> bool:
    """Return whether *text* came as UTF-8; Python keeps other bytes in it as half surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def opened(settings: Settings) -> Iterator[Context]:
    """Open the installation and a database connection for the length of a command."""
    folders = open_installation(settings.data_dir, settings.database_url)
    with db.database.connection_context():
        yield Context(
            folders=folders,
            app=f"Dashboard {__version__}",
            cost=KdfCost(settings.kdf_ops, settings.kdf_mem_bytes),
            password_min=settings.backup_password_min,
            max_upload_bytes=settings.max_upload_bytes,
        )


def unit_or_refuse(slug: str) -> Unit:
    """Return the unit of *slug*; end the command if there is none."""
    unit: Unit | None = Unit.get_or_none(Unit.slug == slug)
    if unit is None:
        refuse("no_such_unit", f"There is no unit {slug}.", hint="`dashboard unit list` lists them")
    return unit


def refuse(code: str, message: str, *, hint: str = "") -> NoReturn:
    """End the command with exit code 1: the sentence, a hint, and with --json the code."""
    context = click.get_current_context(silent=True)
    if context is not None and context.params.get("as_json"):
        click.echo(json.dumps({"error": {"code": code, "message": message}}))
    click.echo(f"error: {message}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)
    raise SystemExit(1)


def refusing(command: Callable[..., None]) -> Callable[..., None]:
    """Turn the errors that a command may meet into a sentence and exit code 1.

    An argument that is no text is a wrong usage, before anything is done. A path may be any bytes.
    """

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        _require_text()
        try:
            command(*args, **kwargs)
        except (ArchiveError, BackupError) as error:
            refuse(error.code, str(error))
        except NotUtf8 as error:
            refuse("not_utf8", str(error))
        except PeopleError as error:
            refuse("people", str(error))
        except (InstallationUnusable, KeyUnusable) as error:
            refuse("installation", str(error))
        except FileExistsError as error:
            refuse("exists", f"{error.filename or error} is there already.", hint="name another")
        except db.DatabaseError as error:
            said = f"The database did not do it ({error}). Nothing was changed."
            refuse("database", disk.sentence(error) or said)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            refuse("system", where + (disk.sentence(error) or f"{error.strerror}."))

    return run


def _require_text() -> None:
    context = click.get_current_context(silent=True)
    if context is None:  # called as a function, by a program that has text
        return
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if isinstance(value, str) and not is_utf8(value):
            said = "This is not UTF-8 text. Set the terminal, or what calls this, to UTF-8."
            raise click.BadParameter(said, context, parameter)


def show(data: Any, lines: list[str], *, as_json: bool) -> None:
    """Print *data* as JSON, or *lines*."""
    if as_json:
        click.echo(json.dumps(data, ensure_ascii=False, indent=2))
    else:
        for line in lines:
            click.echo(line)


def tell(data: Any, sentence: str, *, as_json: bool) -> None:
    """Say on stderr what was done, and print it as JSON too, if that is asked for."""
    show(data, [], as_json=as_json)
    click.echo(sentence, err=True)


def plain(text: str) -> str:
    """Return *text* without anything that a terminal would obey."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def given_password(password_file: Path | None, variable: str, *, new: bool = False) -> str | None:
    """Return the password from file or environment, None if neither; two at once are an error.

    A *new* one is text, or nobody could type it. One that opens something is tried as it is.
    """
    from_environment = os.environ.get(variable)
    if password_file is not None and from_environment is not None:
        raise click.UsageError(f"Give the password by --password-file or {variable}, not by both.")
    if password_file is None:
        if new and from_environment is not None and not is_utf8(from_environment):
            raise NotUtf8(variable, "Set it in UTF-8, then try again.")
        return from_environment
    try:
        with password_file.open(encoding="utf-8", newline="") as file:
            return file.readline().rstrip("\r\n")
    except UnicodeDecodeError:
        raise NotUtf8("The password file", "Save it as UTF-8, then try again.") from None


def ask_password(
    password_file: Path | None, variable: str, prompt: str, *, confirm: bool = False
) -> str:
    """Return the password from file, environment or prompt; never from an argument.

    With *confirm* it is a new one, and typed twice.
    """
    password = given_password(password_file, variable, new=confirm)
    if password is None:
        # The file of a part may be sealed with the empty password: then Enter alone opens it.
        empty = None if confirm else ""
        password = ask(
            prompt,
            default=empty,
            show_default=False,
            hide_input=True,
            confirmation_prompt=confirm,
        )
        if confirm and not is_utf8(password):
            raise _not_typed()
    return password


def ask(prompt: str, **how: Any) -> str:
    """Return what somebody types; the words are on stderr."""
    try:
        return str(click.prompt(prompt, err=True, **how))
    except UnicodeDecodeError:
        raise _not_typed() from None


def _not_typed() -> NotUtf8:
    return NotUtf8("What was typed", "Set the terminal to UTF-8, then try again.")
