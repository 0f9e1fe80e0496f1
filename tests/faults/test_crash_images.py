"""Whatever a crash keeps, loses or tears of what was not synced: BEFORE or AFTER, as was said.

An import and an undo are recorded; then a crash is tried after each of their operations.
"""

import hashlib
import itertools
import random
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass

import pytest

from tests.faults.children import workers
from tests.faults.crash_images import Disk, Fate, judge_image
from tests.faults.recorder import Kind, Recording, record
from tests.faults.site import Judgement, Site, Verdict
from tests.faults.tally import LONG, Tally

IMAGES = 5_000 if LONG else 500  # of each act, no two the same
AHEAD = 50  # images that wait in memory
USED_EVERY = 100  # export and import afterwards take ten times as long as the rest

pytestmark = pytest.mark.usefixtures("strace")


@dataclass(frozen=True)
class Crash:
    """A crash, and what was found after it."""

    after: int  # operations
    fate: Fate
    done: bool
    found: Judgement
    is_new: bool  # no crash before left this image


def moments(recorded: Recording, rng: random.Random) -> Iterator[tuple[int, Fate, bool, dict]]:
    """Yield crashes for ever, as their images: each fate after each operation, then by chance."""
    for fate in itertools.chain((Fate.LOST, Fate.KEPT), itertools.repeat(Fate.CHANCE)):
        disk, done = Disk(recorded.files), False
        for after, op in enumerate(recorded.ops, 1):
            disk.do(op)
            done = done or op.kind is Kind.SAY  # commands say nothing else there
            yield after, fate, done, disk.image(fate, rng)


def crashes(
    recorded: Recording, site: Site, pool: ProcessPoolExecutor, images: int
) -> Iterator[Crash]:
    """Yield every fate after every operation, and more, until there were so many *images*."""
    judged: dict[tuple[bytes, bool], Future[Judgement]] = {}
    tried: deque[tuple[int, Fate, bool, Future[Judgement], bool]] = deque()
    for after, fate, done, files in moments(recorded, random.Random(recorded.act)):
        if len(judged) >= images and fate is Fate.CHANCE:
            break
        key = _digest(files), done
        is_new = key not in judged
        if is_new:
            options = {"acknowledged": done, "alive": len(judged) % USED_EVERY == 0}
            judged[key] = pool.submit(judge_image, site, recorded.act, files, **options)
        tried.append((after, fate, done, judged[key], is_new))
        if len(tried) > AHEAD:
            yield _judged(*tried.popleft())
    for each in tried:
        yield _judged(*each)


def _judged(after: int, fate: Fate, done: bool, found: Future[Judgement], is_new: bool) -> Crash:
    return Crash(after, fate, done, found.result(), is_new)


def _digest(files: dict[str, bytes]) -> bytes:
    digest = hashlib.blake2b()
    for name, content in sorted(files.items()):
        digest.update(b"%s %d\n%s" % (name.encode(), len(content), content))
    return digest.digest()


@pytest.fixture(scope="module")
def judges():
    """Workers that open one image after the other; those of `pool` never open a database."""
    with workers("tests.faults.crash_images") as pool:
        yield pool


@pytest.mark.parametrize("act", ["import", "undo"])
def test_whatever_a_crash_keeps_it_is_before_or_after(act, site, tmp_path, judges):
    recorded = record(act, site, tmp_path)
    with Tally(f"crash images, {act}") as tally:
        tried = list(crashes(recorded, site, judges, IMAGES))
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


def test_control_without_syncing_a_crash_mixes_and_loses(site, tmp_path, judges):
    recorded = record("import", site, tmp_path, synced=False)
    found: Counter[Verdict] = Counter()
    for crash in crashes(recorded, site, judges, IMAGES):
        found[crash.found.verdict] += 1
        if found[Verdict.LOST] and found[Verdict.MIX] + found[Verdict.BROKEN] >= 10:
            return
    pytest.fail(f"the harness has not noticed: {dict(found)}")
