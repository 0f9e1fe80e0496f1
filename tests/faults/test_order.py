"""What is on the disk before what: nothing is said, named or wiped before what it rests on."""

import os

import pytest

from dashboard import db
from dashboard.archive import ReadBack
from dashboard.models import Unit
from tests.faults.recorder import Kind, Op, record
from tests.faults.site import UNIT, bring_in, opened

LOG = "dashboard.db-wal"

pytestmark = pytest.mark.usefixtures("strace")


def after(ops: list[Op], start: int, kind: Kind, path: str) -> int:
    """Return where *kind* was done to *path* for the first time after *start*."""
    for at in range(start + 1, len(ops)):
        if ops[at].kind is kind and ops[at].path == path:
            return at
    raise AssertionError(f"no {kind} of {path} after {start}")


def last(ops: list[Op], kind: Kind, path: str) -> int:
    return max(at for at, op in enumerate(ops) if op.kind is kind and op.path == path)


def done(ops: list[Op]) -> int:
    """Return where the first word was said: commands say what they have done, and nothing else."""
    return next(at for at, op in enumerate(ops) if op.kind is Kind.SAY)


def finished(ops: list[Op], part: str, folder: str) -> int:
    """Return where *part* was written, synced, named, and its name synced, in that order."""
    synced = after(ops, last(ops, Kind.WRITE, part), Kind.SYNC, part)
    return after(ops, after(ops, synced, Kind.RENAME, part), Kind.SYNC_FOLDER, folder)


def test_an_export_is_done_when_its_file_and_its_name_are_on_the_disk(site, tmp_path):
    ops = record("export", site, tmp_path).ops
    assert finished(ops, "out.part", ".") < done(ops)


@pytest.mark.parametrize("act", ["import", "undo"])
def test_the_safety_copy_is_on_the_disk_before_anything_is_wiped(act, site, tmp_path):
    ops = record(act, site, tmp_path).ops
    part = next(op.path for op in ops if op.kind is Kind.CREATE and op.path.endswith(".part"))
    begun, saved = after(ops, -1, Kind.CREATE, part), finished(ops, part, "safety")
    assert [op for op in ops[begun:saved] if op.path.startswith("dashboard.db")] == []
    # What the import did to the database was written after that, and synced before "done".
    committed = after(ops, after(ops, saved, Kind.WRITE, LOG), Kind.SYNC, LOG)
    assert after(ops, last(ops, Kind.WRITE, LOG), Kind.SYNC, LOG) >= committed
    assert after(ops, committed, Kind.SYNC, "dashboard.db") < done(ops)


def test_control_without_syncing_the_order_is_missed(site, tmp_path):
    ops = record("export", site, tmp_path, synced=False).ops
    with pytest.raises(AssertionError, match=r"no Kind\.SYNC of out\.part"):
        finished(ops, "out.part", ".")


def test_the_safety_copy_is_read_back_before_the_first_delete(site, tmp_path, monkeypatch):
    events: list[str] = []
    finish, fsync = ReadBack.finish, os.fsync

    def finishing(self):
        proof = finish(self)
        events.append("read back")
        return proof

    monkeypatch.setattr(ReadBack, "finish", finishing)
    monkeypatch.setattr(os, "fsync", lambda fd: (fsync(fd), events.append("synced"))[0])
    with opened(site.copy(tmp_path / "data")) as context:
        db.database.connection().exec_trace = lambda _cursor, text, _values: (
            events.append(text) or True
        )
        bring_in(Unit.get(Unit.slug == UNIT), site.backup, context)
    first = next(at for at, event in enumerate(events) if event.startswith("DELETE"))
    saved = [event for event in events[:first] if event in ("read back", "synced")]
    assert saved == ["read back", "synced", "synced"]  # the file, then its folder
    assert "BEGIN IMMEDIATE" in events[events.index("read back") : first]
