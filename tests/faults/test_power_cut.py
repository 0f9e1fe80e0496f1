"""A power cut at any moment leaves BEFORE or AFTER, and what was "done" stays done."""

import random

import pytest

from dashboard.backup.verbs import validate_with_password
from tests.faults import power
from tests.faults.disks import Ext4Disk
from tests.faults.site import PASSWORD, UNIT, Verdict
from tests.faults.tally import LONG, Tally

CUTS = 200 if LONG else 20

pytestmark = pytest.mark.usefixtures("loop_disks")


@pytest.mark.parametrize("act", ["import", "undo"])
def test_a_power_cut_leaves_before_or_after_and_what_was_done(act, site):
    times = power.moments(CUTS, power.seconds_of(act, site), random.Random(act))
    with Tally(f"power cut, {act}") as tally:
        cuts = [power.cut_and_judge(act, site, after) for after in times]
        for after, cut in zip(times, cuts, strict=True):
            tally.add(cut.found, f"after {after} seconds, done: {cut.done}")
    assert tally.found[Verdict.BEFORE] > 0  # or the cuts came too late
    assert sum(cut.done for cut in cuts) >= CUTS * power.AFTER_DONE


def test_control_without_syncing_what_was_done_is_lost(site):
    cuts = [power.cut_and_judge("import", site, None, synced=False) for _ in range(5)]
    assert all(cut.done for cut in cuts)
    assert {cut.found.verdict for cut in cuts} & {Verdict.LOST, Verdict.MIX}


def _exported(site, after, **options):
    """Cut the power under an export; return whether it was done, and the named file's bytes."""
    with Ext4Disk() as disk:
        done = power.run_until_cut("export", site, disk, after, **options)
        file = disk.root / "out.dbk"
        if not file.exists():
            return done, None
        with file.open("rb") as source:
            return done, validate_with_password(source, PASSWORD).content


def test_an_export_that_was_done_is_there_after_a_power_cut_and_whole(site):
    times = power.moments(CUTS, power.seconds_of("export", site), random.Random("export"))
    whole = site.plain.digests[UNIT]
    found = [_exported(site, after) for after in times]
    assert {content for done, content in found if done} == {whole}
    assert {content for done, content in found if not done} <= {whole, None}
    assert (False, None) in found


def test_control_without_syncing_an_export_that_was_done_is_lost(site):
    assert _exported(site, None, synced=False) == (True, None)
