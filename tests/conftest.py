"""Fixtures for every test: a fresh installation in a folder of its own, and the cast."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

import pytest
from nacl.pwhash import argon2id

from dashboard import db, plugins
from dashboard.config import Settings
from dashboard.installation import Folders, open_installation
from dashboard.models import Role, Unit, User, people
from dashboard.plugins import registry
from tests import factories
from tests.faults import tally
from tests.installed import Kept

# Folders of tests are in memory where there is room for them: thousands of installations are made,
# and each commit waits for a disk. PYTEST_DEBUG_TEMPROOT=/tmp puts them on one.
MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 << 30

if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM_BYTES:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# `make test` runs the files side by side in workers. What the fault harnesses measured is brought
# to the process that writes the summary.


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no worker is left alone with one."""
    items.sort(key=lambda item: "faults" not in item.path.parts)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send what this worker measured."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["faults"] = tally.ROWS


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Take what a worker measured."""
    tally.ROWS.extend(getattr(node, "workeroutput", {}).get("faults", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was measured."""
    if tally.ROWS:
        terminalreporter.section("faults")
        terminalreporter.write("\n".join([tally.HEAD, *sorted(tally.ROWS), ""]))


@pytest.fixture(scope="session", autouse=True)
def _hash_passwords_cheaply() -> Iterator[None]:
    """Hash a login password, and so compare it, at the lowest cost instead of in 0.1 s.

    `people.hash_password.__wrapped__` is the honest one.
    """
    lowest = {"opslimit": argon2id.OPSLIMIT_MIN, "memlimit": argon2id.MEMLIMIT_MIN}

    @wraps(people.hash_password)
    def cheaply(password: str) -> str:
        return argon2id.str(password.encode(), **lowest).decode()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "hash_password", cheaply)
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a test installation; key derivation at the lowest cost the format accepts."""
    return Settings(data_dir=tmp_path / "data", kdf_ops=1, kdf_mem_bytes=8 << 20)


@pytest.fixture(scope="session")
def installations(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """The installations that tests get copies of."""
    return Kept(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def folders(
    request: pytest.FixtureRequest, settings: Settings, installations: Kept
) -> Iterator[Folders]:
    """An installation on disk (SQLite file), with an open connection in this thread."""
    with_cast = "cast" in request.fixturenames
    installations.copy_to(
        settings.data_dir, *(("cast", make_cast) if with_cast else ("empty", None))
    )
    folders = open_installation(settings.data_dir, settings.database_url)
    db.database.connect(reuse_if_open=True)
    installations.make_its_own()
    yield folders
    if not db.database.is_closed():
        db.database.close()


@dataclass(frozen=True)
class Cast:
    """Two units and one person for each way of standing to the first."""

    daily: Unit  # full of state
    weekly: Unit  # another unit, also full
    alice: User  # admin of daily
    bob: User  # power user of daily
    ursula: User  # user of daily
    rita: User  # readonly in daily
    mallory: User  # admin of weekly, nothing in daily
    olga: User  # in no unit at all


@pytest.fixture
def cast(folders: Folders) -> Cast:
    """People and two full units; every login password is `factories.PASSWORD`."""
    units = {unit.slug: unit for unit in Unit.select()}
    users = {user.email.removesuffix("@harbour.example"): user for user in User.select()}
    return Cast(**units, **users)


def make_cast() -> None:
    """Make everybody of the cast, and their units."""
    factories.make_full_unit("daily", "Harbour Daily")
    factories.make_full_unit("weekly", "Coast Weekly", keys=5)
    make = factories.make_user
    make("alice", daily=Role.ADMIN)
    make("bob", daily=Role.POWER_USER)
    make("ursula", daily=Role.USER)
    make("rita", daily=Role.READONLY)
    make("mallory", weekly=Role.ADMIN)
    make("olga")


@pytest.fixture
def new_plugin(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """`new_plugin(folder, {"name.html": text, ...})`: a plugin beside those of the product."""
    home, made = tmp_path / "plugins", []
    plugins.__path__.append(str(home))

    def make(folder: str, files: dict[str, str | dict[str, object]]) -> None:
        for name, content in files.items():
            file = home / folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content if isinstance(content, str) else json.dumps(content))
        made.append(folder)
        registry.look_again()

    yield make
    plugins.__path__.remove(str(home))
    for folder in made:
        sys.modules.pop(f"{plugins.__name__}.{folder}", None)
        vars(plugins).pop(folder, None)
    registry.look_again()
