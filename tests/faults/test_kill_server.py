"""SIGKILL of the real server at random moments, while somebody imports through its pages."""

import random
import statistics
from collections.abc import Callable, Iterator

import pytest

from dashboard import backup
from dashboard.models import Unit
from tests.faults import site as ground
from tests.faults.breaks import BREAKS
from tests.faults.real_server import Rounds
from tests.faults.server import has_imported
from tests.faults.site import Site
from tests.faults.tally import LONG, Tally

KILLS = 500 if LONG else 20
ENOUGH = 100  # rounds in which a broken build has to be caught: about one kill in eight tells
RESTART_SECONDS = 5


@pytest.fixture(scope="module")
def files(site: Site, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """{content digest: backup} of the two states that the unit goes to and fro between."""
    folder = tmp_path_factory.mktemp("files")
    with ground.opened(site.copy(folder / "data")) as context:
        unit, file = Unit.get(Unit.slug == ground.UNIT), folder / "plain.dbk"
        backup.export_to_file(unit, file, ground.PASSWORD, "test", context)
    return {
        site.plain.digests[ground.UNIT]: file.read_bytes(),
        site.imported.digests[ground.UNIT]: site.backup.read_bytes(),
    }


@pytest.fixture
def rounds(fresh, files) -> Iterator[Callable[..., Rounds]]:
    begun = []

    def begin(broken: str = "") -> Rounds:
        begun.append(Rounds(fresh(), files, random.Random(4), broken))
        return begun[-1]

    yield begin
    for each in begun:
        each.end()


def test_a_kill_at_any_moment_leaves_the_state_before_or_after_and_the_page_says_which(rounds):
    game = rounds()
    with Tally("kill of the server, over HTTP") as tally:
        for number in range(KILLS):
            tally.add(game.play(), f"round {number}")
    assert len(tally.found) == 2
    assert statistics.median(game.restarts) < RESTART_SECONDS
    before = ground.digests(game.data_dir)
    preview = game.admin.validate(ground.UNIT, game.admin.export(ground.UNIT).body)
    assert has_imported(ground.UNIT, game.admin.press_import(ground.UNIT, preview.ticket))
    assert ground.digests(game.data_dir) == before


@pytest.mark.parametrize("broken", BREAKS)
def test_a_broken_build_is_caught(rounds, broken):
    game = rounds(broken)
    assert not all(game.play().is_good for _ in range(ENOUGH))
