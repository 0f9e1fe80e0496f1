"""Performs one act on a data directory, as the program does, in a process that may be killed.

    python -m tests.faults.runner ACT DATA_DIR FILE

`import`, `undo` and `export` are the commands that a person types; `validate` is what the web does
with an upload, since that command writes nothing; `start` is the start of the server. `done` is
printed once the act has returned. The cost of key derivation is the lowest: the product has no
setting for that, so it is put in here.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from dashboard import backup
from dashboard import cli as door
from dashboard.cli.common import opened, refusing
from dashboard.cli.serve import _tidy_up
from dashboard.config import Settings, load
from dashboard.installation import open_installation
from dashboard.models import Unit, User
from tests.faults import site


def cheap(environ: "os._Environ[str]") -> Settings:
    """Read the settings as the program does, with a cheap key derivation."""
    return replace(load(environ), kdf_ops=site.CHEAP.ops, kdf_mem_bytes=site.CHEAP.mem)


def command(*words: object) -> None:
    """Run a command of the program; it ends this process unless it succeeds."""
    door.cli.main([str(word) for word in words], standalone_mode=False)


@refusing
def validate(file: Path) -> None:
    """Keep *file* as an upload and validate it."""
    with opened(cheap(os.environ)) as context, file.open("rb") as upload:
        unit, user = Unit.get(Unit.slug == site.UNIT), User.get(User.email == site.ADMIN)
        uid = backup.keep_upload(unit, user, upload, context)
        backup.validate_upload(unit, user, uid, site.PASSWORD, context)


def start() -> None:
    """Do what `serve` does before it listens."""
    settings = cheap(os.environ)
    open_installation(settings.data_dir, thorough=True)
    _tidy_up(settings)


ACTS: dict[str, Callable[[Path], None]] = {
    "validate": validate,
    "import": lambda file: command("backup", "import", file, "--unit", site.UNIT, "--yes"),
    "undo": lambda _file: command("backup", "undo", "--unit", site.UNIT, "--yes"),
    "start": lambda _file: start(),
    "export": lambda file: command("backup", "export", "--unit", site.UNIT, "-o", file),
}


def perform(act: str, data_dir: Path, file: Path) -> None:
    """Do *act* with *file* on *data_dir*; return only when it is done."""
    os.environ["DASHBOARD_DATA_DIR"] = str(data_dir)
    os.environ["DASHBOARD_BACKUP_PASSWORD"] = site.PASSWORD
    door.load = cheap  # type: ignore[assignment]
    ACTS[act](file)


def main(words: list[str]) -> None:
    """Do what the command line says."""
    act, data_dir, file = words
    perform(act, Path(data_dir), Path(file))
    print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
