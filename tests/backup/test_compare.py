"""What an import would do, told row by row."""

import io
from collections import ChainMap
from itertools import cycle

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dashboard import backup
from dashboard.archive import (
    SECTION_BY_NAME,
    InvalidContent,
    encode_rows,
    reader,
    with_file_key,
    with_password,
)
from dashboard.backup import compare
from dashboard.backup.compare import Kind
from dashboard.backup.report import preview_file
from dashboard.backup.tables import NO_LINE, Group
from dashboard.backup.unit_rows import UnitRows
from dashboard.models import Application, ConfigKey, Plugin, Profile, Unit, Workspace
from tests.archive.cases.state import only
from tests.archive.second_writer import Maker, payload, text
from tests.backup.conftest import PASSWORD, Unchanged


def compared(unit, data: bytes, **more) -> dict[str, backup.SectionChange]:
    found = preview_file(io.BytesIO(data), with_password(PASSWORD), unit, password=True, **more)
    assert found.comparison.unit_revision == found.unit_revision
    return {section.section: section for section in found.comparison.sections}


def numbers(section):
    return section.now, section.then, section.come, section.gone, section.change


def test_a_unit_beside_its_own_backup_is_the_same(cast, make_backup):
    found = compared(cast.daily, make_backup(cast.daily))
    assert list(found) == list(SECTION_BY_NAME)
    for section in found.values():
        assert section.now == section.then == section.same > 0
        assert (section.come, section.gone, section.change) == (0, 0, 0)
        assert section.names == ()


def test_each_way_to_differ_is_counted_and_named(cast, make_backup):
    data = make_backup(cast.daily)
    mine = ConfigKey.unit == cast.daily
    ConfigKey.delete().where(mine, ConfigKey.name.in_(["K0000", "K0019"])).execute()
    ConfigKey.update(description="other").where(mine, ConfigKey.name == "K0007").execute()
    for name in ("A", "K0007x", "Z"):
        ConfigKey.create(unit=cast.daily, name=name, type="string", value="")
    found = compared(cast.daily, data)
    keys = found.pop("config_keys")
    assert numbers(keys) == (21, 20, 2, 3, 1)
    assert [(str(at.kind), at.key, at.name) for at in keys.names] == [
        ("gone", ("A",), "A"),
        ("gone", ("K0007x",), "K0007x"),
        ("gone", ("Z",), "Z"),
        ("come", ("K0000",), "K0000"),
        ("come", ("K0019",), "K0019"),
        ("change", ("K0007",), "K0007"),
    ]
    assert all(section.now == section.same for section in found.values())


def test_an_empty_unit_gets_everything_and_a_full_one_may_lose_everything(cast, make_backup):
    data = make_backup(cast.daily)
    for model in backup.sections.WIPE_ORDER:
        model.delete().where(model.unit == cast.daily).execute()
    empty = make_backup(cast.daily)
    for section in compared(cast.daily, data).values():
        assert section.then == section.come > 0 == section.now
    for section in compared(cast.weekly, empty).values():
        assert section.now == section.gone > 0 == section.then


def test_what_has_no_name_of_its_own_is_told_by_the_names_of_others(cast, make_backup):
    data = make_backup(cast.daily)
    Application.delete().where(Application.unit == cast.daily).execute()
    Profile.update(name="Renamed").where(Profile.unit == cast.daily).execute()
    found = compared(cast.daily, data)
    assert [at.name for at in found["applications"].names][:2] == [
        "example.gone.away in One",
        "dashboard.core.notes in One",
    ]
    assert [(at.kind, at.name) for at in found["profiles"].names] == [("change", "Everything")]


def test_state_that_is_only_spelled_otherwise_changes_too(cast, make_backup):
    data = make_backup(cast.daily)
    Plugin.update(config='{"b":1,"a":"${DBKS:K0001}"}').where(
        Plugin.unit == cast.daily, Plugin.bundle == "example.desk.ghost"
    ).execute()
    assert numbers(compared(cast.daily, data)["plugins"]) == (2, 2, 0, 0, 1)


def test_only_so_many_are_named_and_all_are_counted(cast, make_backup):
    data = make_backup(cast.daily)
    ConfigKey.update(description="x").where(ConfigKey.unit == cast.daily).execute()
    keys = compared(cast.daily, data, names=3)["config_keys"]
    assert (keys.change, len(keys.names), keys.more) == (20, 3, 17)


def test_the_next_unit_is_no_part_of_it(cast, make_backup):
    data = make_backup(cast.daily)
    Workspace.delete().where(Workspace.unit == cast.weekly).execute()
    assert all(at.now == at.same for at in compared(cast.daily, data).values())


def test_keys_that_an_import_brought_are_compared_by_their_lines(
    cast, make_backup, bring_in, monkeypatch
):
    data = make_backup(cast.daily)
    bring_in(cast.daily, cast.alice, data)
    decode, decoded = reader.decode_rows, []

    def decode_rows(section, text, *more):
        decoded.append((section.name, text.count(b"\n")))
        return decode(section, text, *more)

    monkeypatch.setattr(reader, "decode_rows", decode_rows)
    assert numbers(compared(cast.daily, data)["config_keys"]) == (20, 20, 0, 0, 0)
    assert "config_keys" not in dict(decoded)
    ConfigKey.update(description="mine").where(ConfigKey.name == "K0007").execute()
    assert numbers(compared(cast.daily, data)["config_keys"]) == (20, 20, 0, 0, 1)
    assert decoded[-1] == ("config_keys", 1)


@pytest.mark.parametrize("gone", [(), (3,), (0, 7, 8), (9,)])
@pytest.mark.parametrize("come", [(), (2,), (0, 4, 5), (9,)])
@pytest.mark.parametrize("changed", [(), (6,), (1, 2), (0, 9)])
def test_lines_are_found_beside_what_came_went_and_changed(gone, come, changed):
    """Without it no answer would be wrong, but everything would be decoded."""
    own = [(f"K{n}", "string", "1", "") for n in range(10)]
    rows = [(*row[:2], "2", "") if n in changed else row for n, row in enumerate(own)]
    rows = [row for n, row in enumerate(rows) if n not in gone]
    rows = sorted([*rows, *((f"K{n}.NEW", "string", "", "") for n in come)])
    lines = list(map(line_of, rows))
    found = UnitRows(Rows(own, 4), Unit()).proven(lines)
    same = zip(found, rows, lines, strict=True)
    assert all(row in (None, (wanted[0], line)) for row, wanted, line in same)
    equal = len(set(own) & set(rows))
    near = 2 * (len(gone) + len(come) + len(changed))  # next to another change one may be missed
    assert sum(row is not None for row in found) >= equal - near


def test_a_key_that_nobody_checked_proves_nothing(cast):
    unit, maker = cast.daily, Maker("unchecked")
    for model in backup.sections.WIPE_ORDER:
        model.delete().where(model.unit == unit).execute()
    ConfigKey.create(unit=unit, name="N", type="number", value="one")
    data = maker.file(maker.rows(only("config_keys", ["N", "number", "one", ""])))
    with pytest.raises(InvalidContent, match="not a number"), Unchanged(cast.weekly):
        preview_file(io.BytesIO(data), with_file_key(maker.file_key), unit)


@pytest.mark.parametrize("others", [0, 1, 5])
def test_an_empty_line_is_not_a_key_that_nobody_checked(cast, others):
    unit, maker = cast.daily, Maker("empty line")
    for model in backup.sections.WIPE_ORDER:
        model.delete().where(model.unit == unit).execute()
    rows = [[f"K{number}", "string", "", ""] for number in range(others)]
    for name in [row[0] for row in rows] + ["N"]:
        ConfigKey.create(unit=unit, name=name, type="string", value="", checked=name != "N")
    data = maker.file(payload(text(only("config_keys", *rows, b"\n"))))
    with pytest.raises(InvalidContent, match=f"row {others + 1}: not strict JSON"):
        preview_file(io.BytesIO(data), with_file_key(maker.file_key), unit)


KEYS = SECTION_BY_NAME["config_keys"]


class Rows:
    """Stands in for a table: gives out some rows in groups of a size; the named are unchecked.

    Those that are checked it gives out as name and line, as the table of keys does.
    """

    def __init__(self, rows, size, unchecked=()):
        self.section = KEYS
        self.rows, self.size, self.unchecked = rows, size, unchecked

    def batches(self):
        for at in range(0, len(self.rows), self.size):
            yield self.rows[at : at + self.size]

    def groups(self, _unit=None):
        for rows in self.batches():
            yield Group(*zip(*map(self._grouped, rows), strict=True))

    def _grouped(self, row):
        return (
            (row, NO_LINE) if row[0] in self.unchecked else ((row[0], line_of(row)), line_of(row))
        )

    def row(self, grouped):
        return next(row for row in self.rows if row[0] == grouped[0])


def line_of(row):
    return encode_rows(KEYS, [row]).removesuffix(b"\n")


def naive(now, then):
    """The same question, asked of two dictionaries."""
    now, then = ({row[0]: row for row in rows} for rows in (now, then))
    return {
        Kind.GONE: sorted(now.keys() - then.keys()),
        Kind.COME: sorted(then.keys() - now.keys()),
        Kind.CHANGE: sorted(name for name in now.keys() & then.keys() if now[name] != then[name]),
    }


NAMES = st.text("ab.", min_size=1, max_size=4)
VALUES = st.sampled_from(["1", "2"])


STATES = st.lists(st.dictionaries(NAMES, VALUES, max_size=4), min_size=2, max_size=2)


def rows_of(*values):
    return [(name, "string", value, "") for name, value in sorted(ChainMap(*values).items())]


@pytest.mark.slow
@given(
    common=st.dictionaries(NAMES, VALUES, max_size=40),
    own=STATES,
    unchecked=st.sets(NAMES, max_size=2),
    by_lines=st.lists(st.booleans(), min_size=1, max_size=5),
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
@hypothesis_settings(
    max_examples=1_200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_merge_agrees_with_two_dictionaries(common, own, unchecked, by_lines, sizes):
    now, then = (rows_of(values, common) for values in own)
    merge = compare._Merge(Rows(now, sizes[0], unchecked), Unit(), 1_000, {})
    for rows, asked in zip(Rows(then, sizes[1]).batches(), cycle(by_lines), strict=False):
        if asked:
            found = merge.now.proven(list(map(line_of, rows)))
            for row, proven in zip(rows, found, strict=True):
                if proven is not None:
                    assert row in now
                    assert row[0] not in unchecked
                    assert proven == (row[0], line_of(row))
            rows = [proven or row for row, proven in zip(rows, found, strict=True)]
        merge.add(rows)
    found, wanted = merge.finish(), naive(now, then)
    for kind in Kind:
        assert [at.key[0] for at in found.names if at.kind is kind] == wanted[kind]
    assert numbers(found) == (
        len(now),
        len(then),
        *(len(wanted[kind]) for kind in ("come", "gone", "change")),
    )
    assert found.same == len(set(now) & set(then))
    assert found.more == 0
