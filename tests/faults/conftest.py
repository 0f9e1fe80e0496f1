"""What every harness of this folder shares: the site, and the table at the end."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import site as ground
from tests.faults import tally

HERE = Path(__file__).parent
LONG = tally.LONG


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder as slow."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was measured."""
    if tally.ROWS:
        terminalreporter.section("faults")
        terminalreporter.write("\n".join([tally.HEAD, *tally.ROWS, ""]))


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
