"""What may be on a disk after a crash, given what a program did to it until then.

Strict as POSIX is, not kind as ext4 is: of what a file was told since it was last synced, every
write may be there, be missing, or be torn at sectors of 512 bytes, each sector new, old or rubbish;
names made, changed and removed may be missing from any point on since their folder was synced.
Only bytes that a write named can be hurt by it ("powersafe overwrite", which SQLite assumes).
"""

import random
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from tests.faults import recorder
from tests.faults.disks import ground
from tests.faults.recorder import Kind, Op
from tests.faults.site import Judgement, Site, judge

SECTOR = 512


class Fate(Enum):
    """What became of that which was not synced."""

    LOST = "all lost"
    KEPT = "all kept"
    CHANCE = "each kept, lost or torn"


@dataclass(slots=True)
class _File:
    """What is on the disk for certain, and what was written since."""

    synced: bytearray
    pending: list[Op] = field(default_factory=list)


class Disk:
    """Takes the operations of a program one by one; `image` tells what a crash would leave now."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._synced = {path: _File(bytearray(data)) for path, data in files.items()}
        self._now = dict(self._synced)  # what programs see: names made or removed, too
        self._pending: list[tuple[Op, _File]] = []  # changes of names

    def do(self, op: Op) -> None:
        match op.kind:
            case Kind.WRITE | Kind.TRUNCATE:
                self._now[op.path].pending.append(op)
            case Kind.SYNC:
                file = self._now[op.path]
                for earlier in file.pending:
                    _change(file.synced, earlier)
                file.pending.clear()
            case Kind.CREATE:
                self._now[op.path] = _File(bytearray())
                self._pending.append((op, self._now[op.path]))
            case Kind.RENAME | Kind.UNLINK:
                file = self._now.pop(op.path)
                if op.to:
                    self._now[op.to] = file
                self._pending.append((op, file))
            case Kind.SYNC_FOLDER:
                self._sync_names(op.path)
            case Kind.SAY:
                pass

    def _sync_names(self, folder: str) -> None:
        rest = []
        for op, file in self._pending:
            if _folder_of(op.path) == folder:
                _name(self._synced, op, file)
            else:
                rest.append((op, file))
        self._pending = rest

    def image(self, fate: Fate, rng: random.Random) -> dict[str, bytes]:
        """Return the files that are on the disk after a crash at this moment."""
        names = dict(self._synced)
        kept = {Fate.LOST: 0, Fate.KEPT: len(self._pending)}
        for op, file in self._pending[: kept.get(fate, rng.randint(0, len(self._pending)))]:
            _name(names, op, file)
        return {path: bytes(_content(file, fate, rng)) for path, file in names.items()}


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0] or "."


def _name(names: dict[str, _File], op: Op, file: _File) -> None:
    if op.kind is not Kind.CREATE:
        names.pop(op.path, None)
    if op.kind is not Kind.UNLINK:
        names[op.to or op.path] = file


def _change(content: bytearray, op: Op) -> None:
    if op.kind is Kind.WRITE:
        recorder.write(content, op.offset, op.data)
    else:
        recorder.truncate(content, op.offset)


def _content(file: _File, fate: Fate, rng: random.Random) -> bytearray:
    content = bytearray(file.synced)
    if fate is Fate.LOST:
        return content
    for op in file.pending:
        found = rng.choice(("kept", "lost", "torn")) if fate is Fate.CHANCE else "kept"
        if found == "torn" and op.kind is Kind.WRITE:
            for part in _torn(op, rng):
                _change(content, part)
        elif found != "lost":
            _change(content, op)
    return content


def _torn(op: Op, rng: random.Random) -> Iterable[Op]:
    """Yield what is left of a write: of each sector the new bytes, rubbish, or nothing."""
    begin, end = op.offset, op.offset + len(op.data)
    while begin < end:
        until = min(end, (begin // SECTOR + 1) * SECTOR)
        found = rng.choice(("new", "old", "rubbish"))
        if found != "old":
            at = begin - op.offset
            new = op.data[at : at + until - begin]
            data = new if found == "new" else rng.randbytes(until - begin)
            yield Op(Kind.WRITE, op.path, begin, data)
        begin = until


def judge_image(
    site: Site, act: str, files: dict[str, bytes], *, acknowledged: bool, alive: bool
) -> Judgement:
    """Judge *files* as the data directory that a crash under *act* has left; for a worker."""
    with tempfile.TemporaryDirectory(prefix="dashboard-image-", dir=ground()) as name:
        data = Path(name, "data")
        for path, content in files.items():
            (data / path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            (data / path).write_bytes(content)
        return judge(data, *site.ends(act), acknowledged=acknowledged, alive=alive)
