"""Fixtures for the engine: its engine, quick exports, and what must stay as it was."""

import io
from collections.abc import Callable

import pytest

from dashboard import backup
from dashboard.archive import KdfCost
from dashboard.backup.export import content_digest
from dashboard.models import (
    UNIT_STATE,
    BackupRun,
    ConfigKey,
    ImportTicket,
    Plugin,
    ProfileWorkspace,
    SafetyCopy,
    ToolbarItem,
    Unit,
)

PASSWORD = "four words, one file"


@pytest.fixture
def engine(folders) -> backup.Context:
    """The engine's engine, at the lowest cost of key derivation."""
    return backup.Context(folders, "Dashboard test", KdfCost(1, 8 << 20), 4)


@pytest.fixture
def make_backup(engine, tmp_path) -> Callable[[Unit], bytes]:
    """Export a unit with `PASSWORD` and return the bytes of the file."""
    made = []

    def make(unit: Unit) -> bytes:
        path = tmp_path / f"{len(made)}.dbk"
        made.append(path)
        backup.export_to_file(unit, path, PASSWORD, "test", engine)
        return path.read_bytes()

    return make


@pytest.fixture
def bring_in(engine) -> Callable[..., BackupRun]:
    """Upload, validate and import some bytes as a user."""

    def bring(unit, user, data: bytes, *, password=PASSWORD, typed_name="") -> BackupRun:
        uid = backup.keep_upload(unit, user, io.BytesIO(data), engine)
        token, _ = backup.validate_upload(unit, user, uid, password, engine)
        return backup.import_ticket(unit, user, token, engine, typed_name=typed_name)

    return bring


def state(unit: Unit) -> str:
    """Return the content digest of the unit's state."""
    return content_digest(unit)


class Unchanged:
    """Checks at its end that units, their revisions and the safety copies are as they were."""

    def __init__(self, *units: Unit) -> None:
        self.units = units

    def _look(self):
        revisions = {row.id: row.revision for row in Unit.select()}
        rows = [model.select().count() for model in (*UNIT_STATE, SafetyCopy)]
        return [state(unit) for unit in self.units], revisions, rows

    def __enter__(self):
        self.before = self._look()
        return self

    def __exit__(self, *_):
        assert self._look() == self.before


def wipe_some(unit: Unit) -> None:
    """Lose a good part of the unit's state."""
    for model in (Plugin, ProfileWorkspace, ToolbarItem, ConfigKey):
        model.delete().where(model.unit == unit).execute()


def tickets() -> int:
    """Return how many tickets there are."""
    return ImportTicket.select().count()
