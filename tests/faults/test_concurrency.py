"""Many people at the same time: one import wins, every page is of one revision, no write is lost.

Each harness is shown to notice a broken build.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from dashboard import backup, db
from dashboard.backup import imports, restore
from dashboard.models import AuditEvent, BackupRun, RunKind, RunState, Unit, changes
from dashboard.web import build_app, snapshots
from tests import sqlite
from tests.faults import breaks, history, server, site
from tests.faults.conftest import LONG
from tests.faults.crowd import LOOKS, READERS, Crowd, Town, import_, together, town_at
from tests.faults.server import backup_page, has_imported

ROUNDS = 200 if LONG else 12
CONTROL_ROUNDS = 20  # a broken build is noticed in the first few


@pytest.fixture(autouse=True)
def _quiet(caplog):
    """Waitress says in the log whenever more requests wait than it has threads."""
    caplog.set_level(logging.ERROR, "waitress")


@pytest.fixture
def town(settings, folders, tmp_path) -> Iterator[Town]:
    engine = backup.Context(folders, "Dashboard test", site.CHEAP, 4)
    with town_at(build_app(settings, folders), engine, tmp_path) as town:
        yield town


@pytest.fixture
def crowd(town, monkeypatch) -> Crowd:
    return Crowd(town, monkeypatch)


def ended(slug: str) -> list[str]:
    """Return how the imports of a unit ended, as the record says."""
    runs = BackupRun.select().join(Unit).where(Unit.slug == slug, BackupRun.kind == RunKind.IMPORT)
    return [run.state for run in runs.order_by(BackupRun.id)]


def two_into_one(town: Town, *, late: bool = False) -> list[str]:
    """Have two admins import different files into one unit at the same moment; return faults.

    *late*: the second presses Import on his open preview when the first has had the answer.
    """
    revision = town.revision("daily")
    pairs = [(who, *town.ticket(who, "daily")) for who in (town.alice, town.bob)]
    (alice, ticket, _), (bob, other, _) = pairs
    presses = (lambda: import_(alice, "daily", ticket), lambda: import_(bob, "daily", other))
    answers = [press() for press in presses] if late else together(*presses)
    won = [
        slots
        for answer, (_, _, slots) in zip(answers, pairs, strict=True)
        if has_imported("daily", answer)
    ]
    found, now = town.slots("daily"), town.revision("daily")
    faults = []
    if sorted(answer.status for answer in answers) != [303, 409]:
        faults.append(f"the answers were {[answer.status for answer in answers]}")
    if [found] != won:
        faults.append(f"{found} is not the state of the one that won: {won}")
    if now != revision + 1:
        faults.append(f"revision {revision} became {now}")
    return faults


def test_of_two_imports_into_one_unit_one_wins(town):
    other = town.slots("weekly")
    for number in range(ROUNDS):
        assert two_into_one(town, late=number % 5 == 4) == []
    assert ended("daily").count(RunState.DONE) == ROUNDS
    assert RunState.RUNNING not in ended("daily")
    assert town.slots("weekly") == other


def without_revision_check(patch: pytest.MonkeyPatch) -> None:
    """Break the build: an import takes whatever revision the unit has."""
    honest = imports.restore

    def careless(unit: Unit, source: Any, plan: Any, *args: Any, **kwargs: Any) -> Any:
        plan = replace(plan, unit_revision=history.revision_of(unit))
        return honest(unit, source, plan, *args, **kwargs)

    patch.setattr(imports, "restore", careless)
    patch.setattr(imports, "_is_current", lambda *_: True)


def test_without_the_check_of_the_revision_the_second_import_is_noticed(town, monkeypatch):
    without_revision_check(monkeypatch)
    assert any(two_into_one(town, late=True) for _ in range(CONTROL_ROUNDS))


def two_units(town: Town) -> list[str]:
    """Import into two units at the same moment; return the units that are not right then."""
    tickets = {"daily": town.ticket(town.alice, "daily"), "weekly": town.ticket(town.bob, "weekly")}
    answers = together(
        lambda: import_(town.alice, "daily", tickets["daily"][0]),
        lambda: import_(town.bob, "weekly", tickets["weekly"][0]),
    )
    return [
        slug
        for answer, (slug, (_, slots)) in zip(answers, tickets.items(), strict=True)
        if not has_imported(slug, answer) or town.slots(slug) != slots
    ]


def test_imports_into_two_units_at_once_are_both_right(town):
    for _ in range(ROUNDS):
        assert two_units(town) == []


def test_without_the_unit_in_the_wipe_the_loss_is_noticed(town, monkeypatch):
    monkeypatch.setattr(restore, "WIPE_ORDER", restore.WIPE_ORDER)  # to be put back
    breaks.no_unit_in_the_wipe()
    assert any(two_units(town) for _ in range(CONTROL_ROUNDS))


def test_ten_clicks_on_import_are_one_import_with_one_answer(town):
    people = [town.alice, *(town.person(town.alice.user) for _ in range(9))]
    for number in range(1, ROUNDS + 1):
        ticket, slots = town.ticket(town.alice, "daily")
        revision = town.revision("daily")
        clicks = [lambda who=who, ticket=ticket: import_(who, "daily", ticket) for who in people]
        answers = together(*clicks)
        told = {(answer.status, answer.location) for answer in answers}
        assert told == {(303, backup_page("daily"))}, [server.said(answer) for answer in answers]
        assert ended("daily") == [RunState.DONE] * number
        assert town.slots("daily") == slots
        assert town.revision("daily") == revision + 1
    done = AuditEvent.select().where(AuditEvent.action == "backup.import")
    assert done.count() == ROUNDS


def test_an_import_among_writers_and_readers_is_whole_for_everybody(crowd):
    for number in range(ROUNDS):
        assert crowd.import_round(race=number % 4 == 3) == []
    print(f"{crowd.looks} pages, {crowd.changes} changes, {crowd.refused} refused")
    assert crowd.imports >= ROUNDS * 3 // 4
    assert crowd.looks >= READERS * LOOKS * ROUNDS
    assert crowd.refused > 0


def test_an_export_among_writers_is_of_one_revision(crowd):
    for _ in range(max(2, ROUNDS // 10)):
        assert crowd.export_round() == []


def noticed(crowd: Crowd) -> bool:
    """Return whether an import among writers and readers shows that something is wrong."""
    return any(crowd.import_round(race=number % 4 == 3) for number in range(CONTROL_ROUNDS))


def test_without_the_write_lock_the_mix_is_noticed(crowd, monkeypatch):
    for module in (db, changes):
        monkeypatch.setattr(module, "write_transaction", lambda **_: nullcontext())
    assert noticed(crowd)


def test_without_the_snapshot_of_a_page_the_torn_page_is_noticed(crowd, monkeypatch):
    monkeypatch.setattr(snapshots.db, "read_snapshot", nullcontext)
    assert noticed(crowd)


def test_without_the_snapshot_of_an_export_the_mix_is_noticed(crowd, monkeypatch):
    module = import_module("dashboard.backup.export")  # the package has the function of this name
    monkeypatch.setattr(module, "read_snapshot", nullcontext)
    assert any(crowd.export_round() for _ in range(CONTROL_ROUNDS))


def test_without_the_revision_in_forms_the_late_write_is_noticed(crowd, monkeypatch):
    honest = changes.changing
    for name in ("keystore", "workspaces"):
        module = import_module(f"dashboard.web.{name}")
        monkeypatch.setattr(
            module, "changing", lambda *a, **k: honest(*a, **k | {"revision": None})
        )
    assert noticed(crowd)


# --- somebody else's lock on the database

LOCKS = 5  # of each kind
BUSY_SECONDS = 0.5  # of the database's 15, for the sake of the test


@pytest.fixture
def impatient(monkeypatch) -> None:
    monkeypatch.setattr(db, "BUSY_TIMEOUT_SECONDS", BUSY_SECONDS)


@contextmanager
def lock(town: Town, kind: str) -> Iterator[None]:
    """Hold the lock that a backup program or a shell on the server may hold."""
    with sqlite.opened(Path(town.engine.folders.data), wait_seconds=60) as other:
        other.execute(f"BEGIN {kind}")
        yield


@pytest.mark.parametrize("kind", ["IMMEDIATE", "EXCLUSIVE"])
def test_under_a_foreign_lock_an_import_is_busy_and_nothing_is_wiped(impatient, town, kind):
    for _ in range(LOCKS):
        ticket, slots = town.ticket(town.alice, "daily")
        before, revision, begun = town.slots("daily"), town.revision("daily"), len(ended("daily"))
        with lock(town, kind):
            busy = import_(town.alice, "daily", ticket)
            assert town.alice.get("/u/daily/admin/keys").status == 200
        assert busy.status == 503
        assert busy.headers["Retry-After"]
        assert "busy" in server.said(busy)
        assert (town.slots("daily"), town.revision("daily")) == (before, revision)
        assert len(ended("daily")) == begun
        assert has_imported("daily", import_(town.alice, "daily", ticket))
        assert town.slots("daily") == slots


def test_a_lock_that_comes_after_the_safety_copy_is_waited_for(impatient, town, monkeypatch):
    """For longer than the database itself would wait, and the work so far is not thrown away."""
    saving, held, others = imports._safety_copy, threading.Event(), []

    def hold() -> None:
        with lock(town, "IMMEDIATE"):
            held.set()
            time.sleep(4 * BUSY_SECONDS)

    def then_locked(*args: Any) -> Any:
        saved = saving(*args)
        others.append(threading.Thread(target=hold))
        others[0].start()
        assert held.wait(30)
        return saved

    monkeypatch.setattr(imports, "_safety_copy", then_locked)
    ticket, slots = town.ticket(town.alice, "daily")
    assert has_imported("daily", import_(town.alice, "daily", ticket))
    others[0].join(30)
    assert town.slots("daily") == slots
    assert ended("daily") == [RunState.DONE]
