"""References to config keys, and where they are used."""

import pytest

from dashboard.models import Application, ConfigKey, KeyType, Plugin, Workspace
from dashboard.plugins import references
from dashboard.plugins.references import MASK, Key, Resolution, resolve
from tests import factories

KEYS = {
    "NAME": Key(KeyType.STRING, "Harbour"),
    "SIZE": Key(KeyType.NUMBER, "50"),
    "RATIO": Key(KeyType.NUMBER, "-1.5e1"),
    "ON": Key(KeyType.BOOLEAN, "true"),
    "LIST": Key(KeyType.JSON, '["a", 1]'),
    "PASSWORD": Key(KeyType.SECRET, "hush"),
    "CHAIN": Key(KeyType.STRING, "${DBKS:NAME}"),
    "BROKEN": Key(KeyType.JSON, "[1,"),
}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("${DBKS:NAME}", "Harbour"),
        ("${DBKS:SIZE}", 50),
        ("${DBKS:RATIO}", -15.0),
        ("${DBKS:ON}", True),
        ("${DBKS:LIST}", ["a", 1]),
        ("Size ${DBKS:SIZE}, ${DBKS:ON}", "Size 50, true"),
        (" ${DBKS:SIZE}", " 50"),
        ("${DBKS:LIST}!", '["a", 1]!'),
        ("${DBKS:CHAIN}", "${DBKS:NAME}"),
        ("<${DBKS:CHAIN}>", "<${DBKS:NAME}>"),
        ("$${DBKS:NAME}", "${DBKS:NAME}"),
        ("$$${DBKS:NAME}", "$${DBKS:NAME}"),
        ("$${DBKS:", "${DBKS:"),
        ("${DBKS:UNKNOWN}", "${DBKS:UNKNOWN}"),
        ("${DBKS:1BAD}", "${DBKS:1BAD}"),
        ("${DBKS:}", "${DBKS:}"),
        ("${DBKS:BROKEN}", "[1,"),
        ("${NAME}", "${NAME}"),
        (7, 7),
        (None, None),
        ({"${DBKS:NAME}": ["${DBKS:SIZE}", {"a": "x${DBKS:SIZE}"}]},
         {"${DBKS:NAME}": [50, {"a": "x50"}]}),
    ],
)  # fmt: skip
def test_a_reference_becomes_what_the_key_says(written, expected):
    assert resolve(written, KEYS, Resolution()) == expected


def test_an_unknown_key_is_reported():
    notes = Resolution()
    resolve(["${DBKS:GONE}", "a ${DBKS:AWAY} ${DBKS:NAME}"], KEYS, notes)
    assert notes.missing == {"GONE", "AWAY"}


@pytest.mark.parametrize("written", ["${DBKS:PASSWORD}", "key=${DBKS:PASSWORD}"])
def test_a_secret_is_masked_unless_a_secret_is_expected(written):
    notes = Resolution()
    shown = resolve(written, KEYS, notes)
    assert "hush" not in shown
    assert MASK in shown
    assert notes.withheld == {"PASSWORD"}
    assert "hush" in resolve(written, KEYS, notes, reveal=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${DBKS:A}", True),
        ("$${DBKS:A}", False),
        (" ${DBKS:A}", False),
        ("${DBKS:A}${DBKS:B}", False),
        ("", False),
    ],
)
def test_exactly_one_reference_is_told_from_longer_text(text, expected):
    assert references.is_reference(text) is expected


def test_where_a_key_is_used_is_found_in_plain_and_in_sealed_config(folders):
    unit = factories.make_unit()
    other = factories.make_unit("other", "Other")
    Plugin.create(
        unit=unit,
        bundle="a.b.c",
        name="Abc",
        version="1",
        config='{"u":["${DBKS:ONE}","$${DBKS:LITERAL}"]}',
        secrets='{"p":"${DBKS:TWO}"}',
    )
    Workspace.create(unit=unit, uid="ws-1", name="Desk", icon_text="D")
    Application.create(
        unit=unit, workspace="ws-1", uid="app-1", bundle="x.y.z", config='{"t":"a ${DBKS:ONE}"}'
    )
    Plugin.create(unit=other, bundle="a.b.c", name="X", version="1", config='{"u":"${DBKS:ONE}"}')
    found = references.uses(unit)
    assert set(found) == {"ONE", "TWO"}
    assert [(use.bundle, use.plugin, use.workspace_name) for use in found["ONE"]] == [
        ("a.b.c", "Abc", ""),
        ("x.y.z", "x.y.z", "Desk"),
    ]


def test_keys_are_looked_up_in_their_own_unit_only(folders):
    unit, other = factories.make_unit(), factories.make_unit("other", "Other")
    ConfigKey.create(unit=unit, name="MINE", type="secret", secret="s")
    ConfigKey.create(unit=other, name="THEIRS", type="string", value="t")
    assert references.look_up(unit, ["MINE", "THEIRS"]) == {"MINE": Key(KeyType.SECRET, "s")}
    assert references.existing(unit, ["MINE", "THEIRS"]) == {"MINE"}


def test_more_names_than_one_question_can_hold_are_looked_up(folders):
    unit = factories.make_unit()
    for number in range(0, 1200, 100):
        ConfigKey.create(unit=unit, name=f"K{number}", type="string", value="v")
    assert len(references.existing(unit, [f"K{number}" for number in range(1200)])) == 12
