"""Whatever a crash keeps, loses or tears of what was not synced: BEFORE or AFTER, as was said.

An import and an undo are recorded; then a crash is tried after each of their operations.
"""

import hashlib
import itertools
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults import recorder
from tests.faults.crash_images import Disk, Fate
from tests.faults.recorder import Kind, Op
from tests.faults.site import Judgement, Site, Verdict, judge
from tests.faults.tally import LONG, Tally

IMAGES = 5_000 if LONG else 500  # of each act, no two the same
USED_EVERY = 100  # export and import afterwards take ten times as long as the rest
CHILD = "import sys; from tests.faults import power, runner; {}; runner.main(sys.argv[1:])"


@dataclass(frozen=True)
class Recording:
    """What an act did to the files of a data directory."""

    act: str
    files: dict[str, bytes]  # before it
    ops: list[Op]


@dataclass(frozen=True)
class Crash:
    """A crash, and what was found after it."""

    after: int  # operations
    fate: Fate
    done: bool
    found: Judgement
    is_new: bool  # no crash before left this image


def record(act: str, site: Site, folder: Path, *, synced: bool = True) -> Recording:
    """Have *act* done below strace in *folder*, and prove that the recording is whole."""
    data, log = site.copy(folder / "recorded", act), folder / "strace.log"
    files = recorder.snapshot(data)
    code = CHILD.format("pass" if synced else "power.sync_nothing()")
    command = [sys.executable, "-c", code, act, str(data), str(site.backup)]
    subprocess.run(recorder.with_strace(command, log), check=True, capture_output=True)
    ops = recorder.read(log, data, files)
    assert recorder.replay(ops, files) == recorder.snapshot(data)
    return Recording(act, files, ops)


def moments(recorded: Recording, rng: random.Random) -> Iterator[tuple[int, Fate, bool, dict]]:
    """Yield crashes for ever, as their images: each fate after each operation, then by chance."""
    for fate in itertools.chain((Fate.LOST, Fate.KEPT), itertools.repeat(Fate.CHANCE)):
        disk, done = Disk(recorded.files), False
        for after, op in enumerate(recorded.ops, 1):
            disk.do(op)
            done = done or (op.kind is Kind.SAY and op.data.startswith(b"done"))
            yield after, fate, done, disk.image(fate, rng)


def crashes(recorded: Recording, site: Site, folder: Path, images: int) -> Iterator[Crash]:
    """Yield every fate after every operation, and more, until there were so many *images*."""
    judged: dict[tuple[bytes, bool], Judgement] = {}
    for after, fate, done, files in moments(recorded, random.Random(recorded.act)):
        if len(judged) >= images and fate is Fate.CHANCE:
            return
        key = _digest(files), done
        is_new = key not in judged
        if is_new:
            _lay_out(files, folder)
            ends, used = site.ends(recorded.act), len(judged) % USED_EVERY == 0
            judged[key] = judge(folder, *ends, acknowledged=done, alive=used)
        yield Crash(after, fate, done, judged[key], is_new)


def _digest(files: dict[str, bytes]) -> bytes:
    digest = hashlib.blake2b()
    for name, content in sorted(files.items()):
        digest.update(b"%s %d\n%s" % (name.encode(), len(content), content))
    return digest.digest()


def _lay_out(files: dict[str, bytes], folder: Path) -> None:
    """Make *folder* hold *files* and nothing else."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture
def folder(tmp_path):
    """A folder for the images, in memory if that is to be had."""
    ground = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(prefix="dashboard-images-", dir=ground) as name:
        yield Path(name)


@pytest.mark.parametrize("act", ["import", "undo"])
def test_whatever_a_crash_keeps_it_is_before_or_after(act, site, tmp_path, folder):
    recorded = record(act, site, tmp_path)
    with Tally(f"crash images, {act}") as tally:
        tried = list(crashes(recorded, site, folder, IMAGES))
        for crash in tried:
            if crash.is_new:
                tally.add(crash.found, crash)
    assert sum(crash.is_new for crash in tried) >= IMAGES
    # Before its commit is written it cannot be after; once that is synced it must be.
    written = _first_after(tried, Fate.KEPT)
    synced = _first_after(tried, Fate.LOST)
    assert written < synced < len(recorded.ops)
    for crash in tried:
        if crash.after < written or crash.after >= synced:
            after = crash.after >= synced
            assert crash.found.verdict is (Verdict.AFTER if after else Verdict.BEFORE), crash


def _first_after(tried: list[Crash], fate: Fate) -> int:
    """Return how many operations it takes until a crash with *fate* leaves the state after."""
    return min(
        each.after for each in tried if each.fate is fate and each.found.verdict is Verdict.AFTER
    )


def test_control_without_syncing_a_crash_mixes_and_loses(site, tmp_path, folder):
    recorded = record("import", site, tmp_path, synced=False)
    found: Counter[Verdict] = Counter()
    for crash in crashes(recorded, site, folder, IMAGES):
        found[crash.found.verdict] += 1
        if found[Verdict.LOST] and found[Verdict.MIX] + found[Verdict.BROKEN] >= 10:
            return
    pytest.fail(f"the harness has not noticed: {dict(found)}")
