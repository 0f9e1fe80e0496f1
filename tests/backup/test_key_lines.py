"""Config keys as the lines that SQLite spells: those that the encoder of the format makes."""

import io

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dashboard import backup, db
from dashboard.archive import SECTION_BY_NAME, NotExportable, encode_rows, with_value
from dashboard.backup import errors
from dashboard.backup.sections import TABLE_OF
from dashboard.backup.tables import NO_LINE
from dashboard.models import ConfigKey
from tests.backup.conftest import PASSWORD, Unchanged

KEYS = SECTION_BY_NAME["config_keys"]
TABLE = TABLE_OF["config_keys"]
TEXT = st.text(max_size=20)


def fill(unit, keys):
    """Leave *unit* nothing but *keys*: name -> (type, value, description)."""
    ConfigKey.delete().where(ConfigKey.unit == unit).execute()
    for name, (kind, value, description) in keys.items():
        is_secret = kind == "secret"
        values = {"value": "", "secret": value} if is_secret else {"value": value}
        ConfigKey.create(unit=unit, name=name, type=kind, description=description, **values)


def text_of(unit):
    return b"".join(lines.text for lines in TABLE.lines(unit))


def mark_checked():
    """Say that every key was checked, as it is, which only an import may say."""
    ConfigKey.update(checked=True).execute()


def test_every_character_is_spelled_as_the_encoder_spells_it(cast):
    points = [chr(at) for at in range(0x110000) if not 0xD800 <= at < 0xE000]
    size = 5_000
    pieces = ["".join(points[at : at + size]) for at in range(0, len(points), size)]
    fill(cast.daily, {f"K{at:03}": ("string", piece, piece) for at, piece in enumerate(pieces)})
    rows = [(f"K{at:03}", "string", piece, piece) for at, piece in enumerate(pieces)]
    assert text_of(cast.daily) == encode_rows(KEYS, rows)


@given(
    st.dictionaries(
        TEXT, st.tuples(st.sampled_from(["string", "json", "secret"]), TEXT, TEXT), max_size=8
    )
)
@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_the_table_holds_is_spelled_so_and_comes_back_so(cast, keys):
    """Names and values that no rule would let in, too: nothing is lost on the way to the check."""
    fill(cast.daily, keys)
    rows = [(name, *keys[name]) for name in sorted(keys)]
    assert text_of(cast.daily) == encode_rows(KEYS, rows)
    assert [row for batch in TABLE.batches(cast.daily) for row in batch] == rows
    assert [key for lines in TABLE.lines(cast.daily) for key in lines.keys] == sorted(keys)
    for row in rows:
        assert TABLE.find(cast.daily, row[:1]) == row
        assert TABLE.find(cast.weekly, row[:1]) is None
    for are_checked in (False, True):
        groups = list(TABLE.groups(cast.daily))
        assert [TABLE.row(row) for group in groups for row in group.rows] == rows
        lines = [line for group in groups for line in group.lines]
        assert lines == [encode_rows(KEYS, [row])[:-1] if are_checked else NO_LINE for row in rows]
        assert all(lines.checked is are_checked for lines in TABLE.lines(cast.daily))
        mark_checked()


@pytest.mark.parametrize("changed", ["A", "B", "C"])
def test_a_key_that_nobody_checked_has_those_beside_it_checked_again(cast, changed):
    fill(cast.daily, dict.fromkeys("ABC", ("secret", "v", "")))
    mark_checked()
    ConfigKey.update(description="new").where(ConfigKey.name == changed).execute()
    assert [lines.checked for lines in TABLE.lines(cast.daily)] == [False]
    (group,) = TABLE.groups(cast.daily)
    assert [line != NO_LINE for line in group.lines] == [name != changed for name in "ABC"]
    assert TABLE.row(group.rows["ABC".index(changed)]) == (changed, "secret", "v", "new")


@pytest.mark.parametrize("column", ["value", "description"])
@pytest.mark.parametrize("is_checked", [True, False])
def test_damaged_text_is_never_exported(cast, engine, tmp_path, column, is_checked):
    """Whoever reads the file would refuse it, and then it is too late."""
    fill(cast.daily, dict.fromkeys("ABC", ("string", "ä", "")))
    broken = f"UPDATE config_key SET {column} = CAST(X'61FF62' AS TEXT) WHERE name = 'B'"
    db.database.execute_sql(broken)
    ConfigKey.update(checked=is_checked).execute()
    file = tmp_path / "out.dbk"
    with pytest.raises(NotExportable, match=r'config_keys, row 2 \("B"\): not strict JSON'):
        backup.export_to_file(cast.daily, file, PASSWORD, "test", engine)
    assert not file.exists()


@pytest.mark.parametrize("is_checked", [True, False])
@pytest.mark.parametrize(
    "damage",
    [
        "value = CAST(X'61FF62' AS TEXT)",
        "description = CAST(X'61FF62' AS TEXT)",
        "type = 'odd'",
        "name = 'not a name'",
        "value = 'a' || char(0) || 'b'",
        f"description = '{'x' * 2_001}'",
    ],
)
def test_a_unit_with_a_damaged_key_is_compared_and_restored_when_that_is_gone(
    cast, make_backup, bring_in, damage, is_checked
):
    """The present state must be saved first, and such a key cannot be."""
    fill(cast.daily, dict.fromkeys("ABC", ("string", "ä", "")))
    data = make_backup(cast.daily)
    db.database.execute_sql(f"UPDATE config_key SET {damage} WHERE name = 'B'")
    ConfigKey.update(checked=is_checked).execute()
    found = backup.preview_with_password(io.BytesIO(data), PASSWORD, cast.daily)
    keys = found.comparison.sections[-1]
    assert (keys.now, keys.then, keys.same) == (3, 3, 2)
    can_be_saved = is_checked and "X'" not in damage  # nobody asks again
    if not can_be_saved:
        refused = pytest.raises(
            errors.NoSafetyCopy,
            match=r'row [23] \("(B|not a name)"\): .*Mend or delete what it names',
        )
        with refused, Unchanged(cast.weekly):
            bring_in(cast.daily, cast.alice, data)
        ConfigKey.delete().where(ConfigKey.name.not_in(["A", "C"])).execute()
    bring_in(cast.daily, cast.alice, data)
    assert [row[0] for batch in TABLE.batches(cast.daily) for row in batch] == ["A", "B", "C"]


def test_a_value_that_looks_like_a_mark_or_a_line_is_a_value(cast, make_backup, bring_in):
    keys = {"A": ("string", '\x01["B","string","",""]\n\x01', "\n")}
    fill(cast.daily, keys)
    mark_checked()
    assert [lines.checked for lines in TABLE.lines(cast.daily)] == [True]
    data = make_backup(cast.daily)
    fill(cast.daily, {})
    bring_in(cast.daily, cast.alice, data)
    assert [row for batch in TABLE.batches(cast.daily) for row in batch] == [("A", *keys["A"])]


def test_one_value_of_a_line_is_replaced_and_nothing_else():
    row = ("N", "secret", "", 'say "x"\u2028')
    line = encode_rows(KEYS, [row]).removesuffix(b"\n")
    new = with_value(KEYS, line, "value", 'ä"\\\n')
    assert new + b"\n" == encode_rows(KEYS, [("N", "secret", 'ä"\\\n', row[3])])
