"""Random actions of three admins in two units agree with the model, step by step."""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from dashboard import db
from dashboard.backup import imports, restore
from dashboard.web import build_app
from tests.faults import breaks
from tests.faults.conftest import LONG
from tests.faults.machine import Admins, World
from tests.faults.test_concurrency import without_revision_check

EXAMPLES, STEPS = (500, 50) if LONG else (12, 40)
CONTROL_EXAMPLES = 15


@pytest.fixture
def unsafe(monkeypatch) -> None:
    """Write to disk whenever the system likes: nothing is killed here, and so it is faster."""
    monkeypatch.setitem(db.SQLITE_PRAGMAS, "synchronous", "off")
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


@pytest.fixture
def world(unsafe, settings, folders, monkeypatch):
    app = build_app(settings, folders)
    Admins.world = World(app, monkeypatch)
    yield Admins.world
    app.extensions["jobs"].close()


def run(examples: int, steps: int = STEPS) -> None:
    """Try that many examples, always the same ones."""
    run_state_machine_as_test(
        Admins,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],  # each example has units of its own: to shrink takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_whatever_three_admins_do_the_units_are_as_the_model_says(world):
    run(EXAMPLES)


def test_without_the_check_of_the_revision_the_model_disagrees(world, monkeypatch):
    without_revision_check(monkeypatch)
    with pytest.raises(AssertionError):
        run(CONTROL_EXAMPLES)


def test_without_the_unit_in_the_wipe_the_model_disagrees(world, monkeypatch):
    monkeypatch.setattr(restore, "WIPE_ORDER", restore.WIPE_ORDER)  # to be put back
    breaks.no_unit_in_the_wipe()
    with pytest.raises(AssertionError):
        run(CONTROL_EXAMPLES)


def test_without_the_raise_of_the_revision_the_model_disagrees(world, monkeypatch):
    honest = imports.restore

    def forgetful(unit, *args, **kwargs):
        before = type(unit).get_by_id(unit.id).revision
        restored = honest(unit, *args, **kwargs)
        type(unit).update(revision=before).where(type(unit).id == unit.id).execute()
        return restored

    monkeypatch.setattr(imports, "restore", forgetful)
    with pytest.raises(AssertionError):
        run(CONTROL_EXAMPLES)
