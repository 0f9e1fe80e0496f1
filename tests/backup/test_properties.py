"""Whatever a unit holds comes back the same: in its own unit, another one, and another server.

Hypothesis makes the states. The ordinary run tries 30; `HYPOTHESIS_PROFILE=long` (`make fuzz`)
tries 2,000. In CI the examples are always the same ones.
"""

import base64
import io
import itertools
import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard import backup, db
from dashboard.archive import KdfCost
from dashboard.installation import open_installation
from dashboard.models import ToolbarItem, Unit
from tests import factories
from tests.archive.second_content import SECTIONS, base64_icon, json_object
from tests.archive.second_reader import Backup
from tests.archive.second_writer import Maker, compact
from tests.backup.conftest import state as digest_of
from tests.backup.strategies import State, empty, largest, spelled, states
from tests.fuzz import verdicts

PASSWORD = "four words, one file"
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
COMMON = {
    "deadline": None,
    "derandomize": bool(os.environ.get("CI")) and not LONG,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
many = settings(max_examples=2_000 if LONG else 30, **COMMON)
some = settings(max_examples=400 if LONG else 10, **COMMON)


class Server:
    """An installation with a key of its own: three units to try things on, and a witness."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.files = itertools.count()
        with self.running():
            for slug in ("origin", "target", "full", "witness"):
                factories.make_unit(slug, slug.title())
            for slug in ("full", "witness"):
                factories.fill(self.unit(slug))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Make this the server of the process for as long as the block lasts."""
        if db.database.obj is not None and not db.database.is_closed():
            db.database.close()
        folders = open_installation(self.data_dir)
        self.context = backup.Context(folders, "Dashboard test", KdfCost(1, 8 << 20), 4)
        db.database.connect(reuse_if_open=True)
        try:
            yield
        finally:
            db.database.close()

    def unit(self, slug: str) -> Unit:
        return Unit.get(Unit.slug == slug)

    def export(self, unit: Unit) -> tuple[bytes, Backup]:
        """Return a backup of *unit*, and what the second reader finds in it."""
        path = self.data_dir / f"{next(self.files)}.dbk"
        report = backup.export_to_file(unit, path, PASSWORD, "test", self.context)
        data = path.read_bytes()
        path.unlink()
        found = verdicts.second_backup(data, report.file_key)
        assert found.content == report.content == digest_of(unit)
        return data, found

    def bring_in(self, unit: Unit, data: bytes) -> backup.Preview:
        """Import *data* into *unit*, whatever it holds."""
        source = io.BytesIO(data)
        found = backup.preview_with_password(source, PASSWORD, unit)
        for section in found.comparison.sections:
            assert section.now == section.same + section.change + section.gone
            assert section.then == section.same + section.change + section.come
        run = backup.import_file(unit, source, found, "test", self.context)
        assert run.state == "done"
        return found

    def undo(self, unit: Unit) -> None:
        with backup.open_safety_copy(unit, self.context) as (_, source, found):
            kind = backup.RunKind.UNDO
            backup.import_file(unit, source, found, "test", self.context, kind=kind)

    def tidy(self) -> None:
        """Delete the safety copies: thousands of examples leave thousands of them."""
        for path in self.context.folders.safety.iterdir():
            path.unlink()


@pytest.fixture(scope="module")
def servers(tmp_path_factory) -> tuple[Server, Server]:
    return tuple(Server(tmp_path_factory.mktemp("server") / "data") for _ in range(2))


def hold(unit: Unit, state: State) -> None:
    """Make *state* the state of *unit*, through the same door as an import."""
    with db.write_transaction():
        for model in backup.sections.WIPE_ORDER:
            model.delete().where(model.unit == unit).execute()
        for name, rows in state.items():
            if rows:
                backup.sections.TABLE_OF[name].insert(unit, rows)


def values_of(found: Backup) -> dict[str, list[list]]:
    return {name: [list(row.values()) for row in rows] for name, rows in found.sections.items()}


def values(state: State) -> dict[str, list[list]]:
    """Return *state* as the second reader tells it: JSON read, icons in base64."""
    told = {json_object: json.loads, base64_icon: lambda icon: base64.b64encode(icon).decode()}

    def tell(name: str, row: tuple) -> list:
        rules = SECTIONS[name].columns.values()
        return [told.get(rule, lambda v: v)(v) for rule, v in zip(rules, row, strict=True)]

    return {name: [tell(name, row) for row in state[name]] for name in SECTIONS}


def pieces(data: bytes) -> set[bytes]:
    """Return the 16-byte pieces of what is behind the third line."""
    sealed = data.split(b"\n", 3)[3]
    return {sealed[at : at + 16] for at in range(0, len(sealed) - 15, 16)}


def travels(servers: tuple[Server, Server], state: State) -> None:
    """Check everything that must hold of one state."""
    home, away = servers
    with home.running():
        origin, full, witness = (home.unit(slug) for slug in ("origin", "full", "witness"))
        hold(origin, state)
        before, at_first = digest_of(full), digest_of(witness)
        data, found = home.export(origin)
        assert values_of(found) == values(state)
        again, found_again = home.export(origin)
        assert found_again.lines[1:] == found.lines[1:]
        assert not pieces(again) & pieces(data)

        home.bring_in(full, data)
        assert digest_of(full) == found.content
        _, copied = home.export(full)
        assert copied.lines[1:] == found.lines[1:]
        home.undo(full)
        assert digest_of(full) == before

        home.bring_in(origin, data)  # its own
        assert digest_of(origin) == found.content
        assert digest_of(witness) == at_first
        home.tidy()
    with away.running():
        target, witness = away.unit("target"), away.unit("witness")
        hold(target, empty())
        at_first = digest_of(witness)
        away.bring_in(target, data)
        assert digest_of(target) == found.content
        _, there = away.export(target)
        assert there.lines[1:] == found.lines[1:]
        assert values_of(there) == values(state)
        assert digest_of(witness) == at_first
        away.tidy()


FILLED: set[str] = set()


@pytest.mark.slow
@many
@given(state=states())
def test_a_state_comes_back_the_same_wherever_it_goes(servers, state):
    FILLED.update(name for name, rows in state.items() if rows)
    travels(servers, state)


@pytest.mark.slow
def test_the_states_before_had_rows_in_every_table():
    assert set(SECTIONS) == FILLED


@pytest.mark.slow
@pytest.mark.parametrize("make", [empty, largest])
def test_the_smallest_and_the_largest_state_come_back_the_same(servers, make):
    travels(servers, make())


def line_of(name: str, row: tuple, rng: random.Random) -> bytes:
    """Return *row* as a line that is spelled as no writer of ours would."""
    cells = []
    for rule, value in zip(SECTIONS[name].columns.values(), row, strict=True):
        if rule is json_object:
            cells.append(value)
        elif rule is base64_icon:
            cells.append('"' + base64.b64encode(value).decode() + '"')
        elif isinstance(value, str):
            cells.append(spelled(value, rng))
        else:
            cells.append(compact(value).decode())
    gaps = [rng.choice(["", " ", "\t", " \t "]) for _ in range(2 * len(cells) + 2)]
    inner = ",".join(gaps.pop() + cell + gaps.pop() for cell in cells)
    return f"{gaps[0]}[{inner}]{gaps[1]}\n".encode()


@pytest.mark.slow
@some
@given(state=states(), seed=st.integers(0, 2**32))
def test_a_file_that_is_spelled_otherwise_means_the_same(servers, state, seed):
    rng, maker = random.Random(seed), Maker("spelled otherwise")
    rows = {name: [line_of(name, row, rng) for row in state[name]] for name in state}
    size = rng.choice([1, 100, 4 << 20])
    data = maker.file(maker.rows(rows, size), line2=maker.header(maker.slot(PASSWORD)))
    assert verdicts.product(data, maker.file_key) == "ok"
    assert verdicts.second_backup(data, maker.file_key).content == maker.content
    home = servers[0]
    with home.running():
        target, witness = home.unit("target"), home.unit("witness")
        at_first = digest_of(witness)
        home.bring_in(target, data)
        _, found = home.export(target)
        assert values_of(found) == values(state)
        assert digest_of(witness) == at_first
        home.tidy()


# Negative controls: an engine that loses something is caught by `travels`.


def spoil(monkeypatch, section: str, change) -> None:
    """Let all rows that go into one table pass through *change*."""
    for kind in {type(table) for table in backup.sections.TABLES}:

        def careless(table, unit, rows, honest=kind.insert):
            honest(table, unit, change(unit, rows) if table.section.name == section else rows)

        monkeypatch.setattr(kind, "insert", careless)


@pytest.mark.slow
@pytest.mark.parametrize("section", ["plugins", "profile_workspaces", "config_keys", "toolbar"])
def test_an_engine_that_loses_a_row_is_caught(servers, monkeypatch, section):
    spoil(monkeypatch, section, lambda unit, rows: rows[1:])
    with pytest.raises(AssertionError):
        travels(servers, largest())


@pytest.mark.slow
def test_an_engine_that_changes_a_character_is_caught(servers, monkeypatch):
    def change(unit, rows):
        return [(uid, name.replace("\U0001f600", "?", 1), at) for uid, name, at in rows]

    spoil(monkeypatch, "profiles", change)
    with pytest.raises(AssertionError):
        travels(servers, largest())


@pytest.mark.slow
def test_an_engine_that_touches_another_unit_is_caught(servers, monkeypatch):
    home = servers[0]

    def change(unit, rows):
        if unit.slug == "full":
            witness = home.unit("witness")
            ToolbarItem.delete().where(ToolbarItem.unit == witness).execute()
        return rows

    with monkeypatch.context() as patch:
        spoil(patch, "profiles", change)
        with pytest.raises(AssertionError):
            travels(servers, largest())
    with home.running():
        hold(home.unit("witness"), empty())
        factories.fill(home.unit("witness"))
