"""Fixtures for every test: a fresh installation in a folder of its own, and the cast."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pytest

from dashboard import db
from dashboard.config import Settings
from dashboard.installation import Folders, open_installation
from dashboard.models import Role, Unit, User, people
from tests import factories


@pytest.fixture(scope="session", autouse=True)
def _hash_each_password_once() -> Iterator[None]:
    """Everybody in the cast has the same password; hashing it costs 0.1 s each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "hash_password", lru_cache(people.hash_password))
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a test installation; key derivation at the lowest cost the format accepts."""
    return Settings(data_dir=tmp_path / "data", kdf_ops=1, kdf_mem_bytes=8 << 20)


@pytest.fixture
def folders(settings: Settings) -> Iterator[Folders]:
    """An installation on disk (SQLite file), with an open connection in this thread."""
    folders = open_installation(settings.data_dir, settings.database_url)
    db.database.connect(reuse_if_open=True)
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
    daily = factories.make_full_unit("daily", "Harbour Daily")
    weekly = factories.make_full_unit("weekly", "Coast Weekly", keys=5)
    make = factories.make_user
    return Cast(
        daily=daily,
        weekly=weekly,
        alice=make("alice", daily=Role.ADMIN),
        bob=make("bob", daily=Role.POWER_USER),
        ursula=make("ursula", daily=Role.USER),
        rita=make("rita", daily=Role.READONLY),
        mallory=make("mallory", weekly=Role.ADMIN),
        olga=make("olga"),
    )
