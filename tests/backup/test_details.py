"""One row before and after, field by field; of secrets only whether they are the same."""

import hashlib
import io
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.archive import SECTION_BY_NAME, with_file_key
from dashboard.archive.reader import ArchiveReader, open_with_password
from dashboard.backup import fields
from dashboard.backup.details import _find, details
from dashboard.backup.errors import UnitChanged
from dashboard.backup.fields import FieldChange, State, fields_of
from dashboard.models import Application, Asset, ConfigKey, Plugin, Workspace
from tests.backup.conftest import PASSWORD
from tests.factories import PIXEL

KEYS, PLUGINS = SECTION_BY_NAME["config_keys"], SECTION_BY_NAME["plugins"]


@pytest.fixture
def look(cast, make_backup):
    """`look(section, *key)`: what the backup, made at the start, would change now."""
    data = make_backup(cast.daily)
    key_of_file = open_with_password(io.BytesIO(data), PASSWORD).file_key

    def look(section, *key):
        opener, revision = with_file_key(key_of_file), cast.daily.revision
        [found] = details(io.BytesIO(data), opener, cast.daily, [(section, key)], revision)
        return found

    return look


def key_change(now, then):
    rows = [None if row is None else ("K", *row, "") for row in (now, then)]
    return list(fields_of(KEYS, *rows))


def plugin_change(column, now, then):
    def row(text):
        values = dict.fromkeys(PLUGINS.columns, "{}") | {column: text}
        return tuple(values.values())

    return list(fields_of(PLUGINS, row(now), row(then)))


def test_a_changed_key_shows_the_field_that_differs(cast, look):
    ConfigKey.update(description="mine").where(
        ConfigKey.unit == cast.daily, ConfigKey.name == "K0001"
    ).execute()
    assert look("config_keys", "K0001") == (
        FieldChange("description", State.DIFFERENT, "mine", "key 1"),
    )


def test_a_key_that_comes_or_goes_shows_all_of_it(cast, look):
    ConfigKey.delete().where(ConfigKey.unit == cast.daily, ConfigKey.name == "K0001").execute()
    ConfigKey.create(unit=cast.daily, name="Mine", type="string", value="v", description="")
    comes = look("config_keys", "K0001")
    assert FieldChange("value", State.NEW, None, "-12.50e+3") in comes
    gone = look("config_keys", "Mine")
    assert FieldChange("value", State.GONE, "v", None) in gone


def test_rows_with_keys_of_several_parts_are_found(cast, look):
    mine = Application.unit == cast.daily
    Application.update(title="T").where(mine, Application.uid == "app-1").execute()
    token = FieldChange("secrets.token", State.SAME, secret=True)
    title = FieldChange("title", State.DIFFERENT, "T", "")
    assert look("applications", "ws-one", "app-1") == (title, token)
    assert look("applications", "ws-one", "app-0") == (token,)
    assert look("applications", "ws-one", "app-9") == ()
    assert look("profile_workspaces", "pf-all", 0) == ()


def test_values_that_are_no_text_are_told_in_words(cast, look):
    Workspace.update(owner_email=None, shared=True, icon_asset=None).where(
        Workspace.unit == cast.daily
    ).execute()
    Asset.delete().where(Asset.unit == cast.daily).execute()
    digest = hashlib.sha256(PIXEL).hexdigest()
    assert look("workspaces", "ws-two") == (
        FieldChange("icon_asset", State.DIFFERENT, "none", digest),
        FieldChange("shared", State.DIFFERENT, "yes", "no"),
        FieldChange("owner_email", State.DIFFERENT, "none", "bob@harbour.example"),
    )
    size = f"{len(PIXEL)} bytes"
    assert look("assets", digest)[-1] == FieldChange("content", State.NEW, None, size)


def test_many_rows_are_found_in_one_reading(cast, make_backup):
    data = io.BytesIO(make_backup(cast.daily))
    opener = with_file_key(open_with_password(data, PASSWORD).file_key)
    ConfigKey.update(description="mine").where(ConfigKey.unit == cast.daily).execute()
    wanted = [("config_keys", (f"K{number:04d}",)) for number in range(20)]
    wanted += [("profiles", ("pf-all",)), ("plugins", ("no.such.thing",)), ("toolbar", (1,))]
    found = details(data, opener, cast.daily, wanted[::-1], cast.daily.revision)[::-1]
    assert found[20:] == [(), (), ()]
    for number, changes in enumerate(found[:20]):
        assert changes[-1] == FieldChange("description", State.DIFFERENT, "mine", f"key {number}")


@pytest.fixture
def large(cast, make_backup, monkeypatch):
    """A backup of 500 config keys more, which comes in many small batches: the file and its key."""
    monkeypatch.setattr("dashboard.archive.blocks.BLOCK_TARGET_BYTES", 1 << 10)
    monkeypatch.setattr("dashboard.archive.reader.PIECE_BYTES", 1 << 8)
    for number in range(500):
        ConfigKey.create(unit=cast.daily, name=f"L{number:03}", type="string", value="v")
    data = io.BytesIO(make_backup(cast.daily))
    return data, with_file_key(open_with_password(data, PASSWORD).file_key)


def test_any_rows_of_the_file_are_found_and_no_others(large):
    data, opener = large
    data.seek(0)
    batches = list(ArchiveReader(data, opener).batches())
    assert len([at for at in batches if at.section is KEYS]) > 20
    rows = {
        (at.section.name, tuple(row[place] for place in at.section.key_at)): row
        for at in batches
        for row in at.rows
    }
    absent = [("config_keys", (f"{name}-",)) for name in ("A", "L007", "L123", "L499", "z")]
    absent += [("toolbar", (9,)), ("plugins", ("a.a",)), ("applications", ("ws-one", "none"))]
    rng = random.Random(7)
    assert _find(data, opener, set()) == {}
    for _ in range(100):
        known = rng.sample(sorted(rows, key=str), rng.choice([0, 1, 2, 30, len(rows)]))
        asked = {*known, *rng.sample(absent, rng.randrange(len(absent)))}
        assert _find(data, opener, asked) == {place: rows[place] for place in known}


class Steps(str):
    """A text that counts how often it is compared with another."""

    taken = 0

    def __lt__(self, other):
        Steps.taken += 1
        return str.__lt__(self, other)

    def __gt__(self, other):
        Steps.taken += 1
        return str.__gt__(self, other)

    def __eq__(self, other):
        Steps.taken += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


class Walked(set):
    """A set that counts how many of its members were gone through."""

    taken = 0

    def __iter__(self):
        for member in super().__iter__():
            self.taken += 1
            yield member


def test_what_is_asked_for_is_gone_through_once_and_not_for_each_row_and_batch(large):
    names = [f"{kind}{number:03}" for kind in "LM" for number in range(500)]  # half are not there
    asked = Walked(("config_keys", (Steps(name),)) for name in names)
    asked.taken = Steps.taken = 0
    assert len(_find(*large, asked)) == 500
    assert asked.taken <= 2 * len(names)
    assert Steps.taken <= 4 * len(names) * len(names).bit_length()  # sorted once, searched once


def test_a_unit_that_has_changed_is_not_looked_into(cast, make_backup):
    data = io.BytesIO(make_backup(cast.daily))
    opener = with_file_key(open_with_password(data, PASSWORD).file_key)
    with pytest.raises(UnitChanged):
        details(data, opener, cast.daily, [("toolbar", (0,))], cast.daily.revision + 1)


@pytest.mark.parametrize(
    "key", [(), ("a", "b"), (1,), (None,), (["K0001"],), ("no such key",), ("",), ("\U0010ffff",)]
)
def test_what_is_no_key_has_no_fields(look, key):
    assert look("config_keys", *key) == ()


@pytest.mark.parametrize("position", [-1, 2**31, 2**80, "0", 1.5])
def test_a_position_that_cannot_be_has_no_fields(look, position):
    assert look("toolbar", position) == ()


def test_json_objects_are_compared_key_by_key():
    now = '{"a": 1, "deep": {"x": [1, 2], "y z": true}, "old": null}'
    then = '{"a": 1.0, "deep": {"x": [2, 1], "y z": 1}, "new": {"n": 2.50}}'
    assert plugin_change("config", now, then) == [
        FieldChange("config.deep.x", State.DIFFERENT, "[1, 2]", "[2, 1]"),
        FieldChange('config.deep."y z"', State.DIFFERENT, "true", "1"),
        FieldChange("config.new", State.NEW, None, '{"n": 2.50}'),
        FieldChange("config.old", State.GONE, "null", None),
    ]


def test_the_same_content_spelled_differently_says_so():
    now, then = '{"a": 1, "b": [1.50]}', '{"b":[1.5],"a":1e0}'
    assert plugin_change("config", now, then) == [FieldChange("config", State.RESPELLED, now, then)]


def test_a_long_text_is_shown_where_it_differs():
    now, then = "x" * 5_000 + "A" + "y" * 5_000, "x" * 5_000 + "B" + "y" * 9_000
    [change] = key_change(("string", now), ("string", then))
    assert "A" in change.before
    assert "B" in change.after
    assert change.after.endswith("(14,001 characters)")
    assert len(change.after) < fields.LONGEST + 50


CANARY = "hush-canary"


@pytest.mark.parametrize(
    ("now", "then", "state"),
    [
        (("secret", CANARY), ("secret", CANARY + "2"), State.DIFFERENT),
        (("secret", CANARY), ("secret", CANARY), State.SAME),
        (None, ("secret", CANARY), State.NEW),
        (("secret", CANARY), None, State.GONE),
        (("string", CANARY), ("secret", CANARY), State.SAME),
        (("secret", CANARY), ("json", f'{{"a": "{CANARY}"}}'), State.DIFFERENT),
    ],
)
def test_a_secret_key_is_only_the_same_different_new_or_gone(now, then, state):
    changes = key_change(now, then)
    assert FieldChange("value", state, secret=True) in changes
    assert CANARY not in str(changes)


def test_secrets_of_a_plugin_are_told_by_name_alone(cast, look):
    Plugin.update(secrets=json.dumps({"apiKey": CANARY, "more": {"x": CANARY}})).where(
        Plugin.unit == cast.daily, Plugin.bundle == "dashboard.core.notes"
    ).execute()
    changes = look("plugins", "dashboard.core.notes")
    assert changes == (
        FieldChange("secrets.apiKey", State.DIFFERENT, secret=True),
        FieldChange("secrets.more", State.GONE, secret=True),
    )
    respelled = plugin_change("secrets", f'{{"a":"{CANARY}"}}', f'{{"a": "{CANARY}"}}')
    assert FieldChange("secrets", State.RESPELLED, secret=True) in respelled
    assert CANARY not in str(respelled)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab"), inner, max_size=2),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text("ab"), JSON, max_size=3)


@given(OBJECTS, OBJECTS)
def test_two_objects_have_no_changes_exactly_when_they_are_the_same(now, then):
    def plain(value):
        return json.dumps(value, sort_keys=True)

    changes = plugin_change("config", json.dumps(now), json.dumps(then))
    changes = [at for at in changes if at.state is not State.RESPELLED]
    assert (not changes) is (plain(now) == plain(then))


@given(st.dictionaries(st.sampled_from("abc"), JSON), st.dictionaries(st.sampled_from("abc"), JSON))
def test_no_text_of_a_secret_ever_gets_out(now, then):
    for change in plugin_change("secrets", json.dumps(now), json.dumps(then)):
        assert change.secret
        assert change.before is change.after is None
        assert change.state in set(State)
