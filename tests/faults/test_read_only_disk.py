"""A disk that turns read-only before an act or in the middle of it: BEFORE, and a sentence."""

import pytest

from dashboard import backup, disk
from dashboard.backup.errors import BackupError, OutcomeUnknown
from dashboard.backup.progress import Stage
from dashboard.backup.verbs import preview_with_password
from dashboard.models import Unit
from tests.faults.disks import Ext4Disk
from tests.faults.doors import Terminal, Web
from tests.faults.site import PASSWORD, UNIT, Judgement, Verdict, judge, opened
from tests.faults.tally import Tally

ACTS = ("import", "undo")
SENTENCES = (
    "The present state could not be saved first (Read-only file system)",
    disk.READ_ONLY,
    disk.FAILING,  # all that SQLite tells of a disk which the kernel has given up
)

pytestmark = pytest.mark.usefixtures("loop_disks")


@pytest.mark.parametrize("act", ["export", *ACTS])
def test_on_a_read_only_disk_both_doors_say_so(act, site):
    with Tally(f"read-only disk, {act}") as tally:
        for door_to in (Web, Terminal):
            tally.add(on_read_only(act, door_to, site), door_to.__name__)
    assert set(tally.found) == {Verdict.BEFORE}


def on_read_only(act, door_to, site) -> Judgement:
    """Do *act* on a disk that can only be read, and again when it can be written."""
    with Ext4Disk() as loop:
        data = site.copy(loop.root / "data", act)
        with door_to(data, site.backup) as door:
            door.prepare(act)
            loop.read_only()
            assert disk.READ_ONLY in door.act(act).words
            seen = door.look()
            assert seen.done or disk.READ_ONLY in seen.words
            loop.writable()
            found = judge(data, *site.ends(act), acknowledged=False)
            door.prepare(act)
            assert door.act(act).done
        return found


def perform(act, site, context, progress):
    """Do *act* in this process, telling *progress*."""
    unit = Unit.get(Unit.slug == UNIT)
    if act == "import":
        with site.backup.open("rb") as source:
            found = preview_with_password(source, PASSWORD, unit)
            backup.import_file(unit, source, found, "test", context, progress=progress)
        return
    with backup.open_safety_copy(unit, context) as (_, source, found):
        kind = backup.RunKind.UNDO
        backup.import_file(unit, source, found, "test", context, kind=kind, progress=progress)


@pytest.mark.parametrize("act", ACTS)
def test_a_disk_that_turns_read_only_on_the_way_leaves_the_state_before(act, site):
    with Tally(f"read-only on the way, {act}") as tally:
        for stage in (Stage.SAVE, Stage.LOAD, Stage.VERIFY, Stage.COMMIT):
            with Ext4Disk() as loop:
                data = site.copy(loop.root / "data", act)
                loop.settle()
                said = fail_at(stage, act, site, loop, data)
                loop.power_up()
                tally.add(judge(data, *site.ends(act), acknowledged=False), f"{stage}: {said}")
                is_known = any(sentence in str(said) for sentence in SENTENCES)
                # Until its commit so small an import is in memory: that is what fails, then.
                assert is_known or (stage is not Stage.SAVE and isinstance(said, OutcomeUnknown))
    assert set(tally.found) == {Verdict.BEFORE}


def fail_at(stage, act, site, loop, data) -> BackupError:
    """Do *act*, have the disk fail as soon as it is at *stage*, and return its refusal."""
    failed = []

    def progress(at, _done, _total):
        if at is stage and not failed:
            loop.fail()
            failed.append(at)

    with opened(data) as context, pytest.raises(BackupError) as refusal:
        perform(act, site, context, progress)
    assert failed
    return refusal.value
