"""What every harness of this folder shares: the site, and the table at the end."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests import needs
from tests.faults import children, disks, injection, tally
from tests.faults import site as ground

HERE = Path(__file__).parent
LONG = tally.LONG


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder as slow."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> ground.Site:
    """The small site, made once."""
    return ground.make_site(tmp_path_factory.mktemp("site"))


@pytest.fixture
def fresh(site: ground.Site, tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """`fresh(act)`: a data directory to spoil, in place of the one given before."""
    data = tmp_path / "data"

    def copy(act: str = "import") -> Path:
        shutil.rmtree(data, ignore_errors=True)
        return site.copy(data, act)

    yield copy
    shutil.rmtree(data, ignore_errors=True)


@pytest.fixture(scope="session")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Workers that do and judge what would take too long in a new process each time."""
    with children.workers("tests.faults.kills", "tests.faults.injection") as pool:
        yield pool


@pytest.fixture(scope="session")
def small_disks() -> Iterator[None]:
    """Skip the test where no disk can be mounted, loudly; release what was left mounted."""
    disks.require_mounts()
    yield from _swept()


@pytest.fixture(scope="session")
def loop_disks() -> Iterator[None]:
    """Like `small_disks`, where no power can be cut."""
    disks.require_power_cuts()
    yield from _swept()


def _swept() -> Iterator[None]:
    disks.sweep(own=False)
    yield
    disks.sweep(own=True)


@pytest.fixture(scope="session")
def strace() -> None:
    """Skip the test without strace, but never in CI."""
    needs.program("strace")


@pytest.fixture(scope="session")
def calls(
    strace: None, pool: ProcessPoolExecutor, site: ground.Site
) -> dict[str, tuple[injection.Call, ...]]:
    """The system calls by which each act changes files when nothing disturbs it."""
    faults = [injection.Fault(site, act, alive=True) for act in ground.ACTS]
    found = dict(zip(ground.ACTS, pool.map(injection.inject, faults), strict=True))
    for outcome in found.values():
        assert outcome.done
        assert outcome.judgement.verdict is ground.Verdict.AFTER
    return {act: outcome.calls for act, outcome in found.items()}
