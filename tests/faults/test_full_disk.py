"""A full disk: the act is done or refused with a sentence, and it works as soon as there is room.

The disk has from no free byte to four times the payload. Every other time the check of free space
before an act is switched off, as if somebody else filled the disk right after it.
"""

import re
import shutil
from contextlib import nullcontext

import pytest

from dashboard import backup, db, disk
from dashboard.backup import restore, store
from dashboard.backup.verbs import validate_with_password
from dashboard.models import ConfigKey, Unit, Workspace
from tests.faults import site as ground
from tests.faults.disks import SmallDisk
from tests.faults.doors import Answer, Terminal, Web
from tests.faults.site import PASSWORD, UNIT, Judgement, Site, Verdict, judge, look, opened
from tests.faults.tally import Tally

SIZES = 32
ROOM = 64 << 20
PAGE = 4096
BULK = 3 << 18
BEGUN = 1 << 19  # the first rows that an act writes fit in this
NEEDS = r"This needs (?P<needed>\d+) MiB on the server's disk and \d+ MiB are free\."
NOT_SAVED = (
    r"The present state could not be saved first \(No space left on device\), so nothing was"
)
SENTENCE = re.compile(
    rf"({NEEDS} Nothing was changed|{NOT_SAVED} imported)\. Make room.*|{disk.FULL}"
)

pytestmark = pytest.mark.usefixtures("small_disks")


@pytest.fixture(scope="module")
def heavy(site, tmp_path_factory) -> Site:
    """A site whose unit and backup are large beside what the database needs to be opened."""
    root = tmp_path_factory.mktemp("heavy")
    plain, file = site.copy(root / "plain"), root / "other-state.dbk"
    with opened(plain) as context:
        daily = Unit.get(Unit.slug == UNIT)
        bulk = "".join(f"{number:x}" for number in range(BULK // 5))[:BULK]
        ConfigKey.create(unit=daily, name="HEAVY", type="string", value=bulk)
        backup.export_to_file(daily, file, PASSWORD, "test", context)
        Workspace.update(name="Another name again").where(Workspace.unit == daily).execute()
    imported = shutil.copytree(plain, root / "imported")
    with opened(imported) as context:
        ground.bring_in(Unit.get(Unit.slug == UNIT), file, context)
    return Site(root, file, look(plain), look(imported))


@pytest.fixture
def payload(heavy) -> int:
    with heavy.backup.open("rb") as source:
        return validate_with_password(source, PASSWORD).payload_bytes


def blind(monkeypatch) -> None:
    """Let whoever asks for room have it."""
    monkeypatch.setattr(store, "require_space", lambda *_: None)
    monkeypatch.setattr(restore, "require_space", lambda *_: None)


def perform(act: str, door_to, site: Site, free: int) -> tuple[Judgement, Answer]:
    """Do *act* with *free* bytes left, and with room if it was refused.

    Return what the first time has left, and its answer.
    """
    with SmallDisk(ROOM) as small:
        data = site.copy(small.root / "data", act)
        with door_to(data, site.backup) as door:
            door.prepare(act)
            small.resize(-(-(small.used + free) // PAGE) * PAGE)
            answer = door.act(act)
            seen = door.look()
            small.resize(ROOM)
            found = judge(data, *site.ends(act), acknowledged=answer.done, alive=False)
            if not found.is_good:
                return found, answer
            assert answer.done or found.verdict is Verdict.BEFORE
            assert seen.done or seen.words == disk.FULL
            assert [path.name for path in data.rglob("*.part")] == []
            if not answer.done:
                door.prepare(act)
                assert door.act(act).done
                assert judge(data, *site.ends(act), acknowledged=True, alive=False).is_good
    return found, answer


@pytest.mark.parametrize("act", ["export", "validate", "import", "undo"])
def test_a_full_disk_refuses_with_a_sentence_and_nothing_is_left(act, heavy, payload, monkeypatch):
    # With the spare room that is asked for, nothing on so small a disk would ever be tried.
    monkeypatch.setattr(restore, "SPARE_BYTES", 0)
    doors = (Web, Web if act == "validate" else Terminal)  # the command writes nothing
    with Tally(f"full disk, {act}") as tally:
        for number in range(SIZES):
            free = 4 * payload * number // (SIZES - 1)
            is_blind = number // 2 % 2
            with monkeypatch.context() as patch:
                if is_blind:
                    blind(patch)
                found, answer = perform(act, doors[number % 2], heavy, free)
            tally.add(found, f"{free} bytes free, blind: {is_blind}: {answer}")
            assert answer.done or SENTENCE.fullmatch(answer.words), answer
            # What the database needs to begin with is not known; then what the act needs is.
            needed = {"export": 0, "validate": heavy.backup.stat().st_size}.get(act, 3 * payload)
            if not is_blind and BEGUN < free < needed:
                assert SENTENCE.fullmatch(answer.words)["needed"] == str(-(-needed >> 20))
    assert tally.found[Verdict.BEFORE] > 0
    assert tally.found[Verdict.AFTER] > 0


def test_control_without_a_transaction_a_full_disk_mixes(heavy, payload, monkeypatch):
    blind(monkeypatch)
    monkeypatch.setattr(db, "write_transaction", lambda **_: nullcontext())
    found = {
        perform("import", Terminal, heavy, 4 * payload * part // 16)[0].verdict
        for part in range(2, 12)
    }
    assert Verdict.MIX in found
