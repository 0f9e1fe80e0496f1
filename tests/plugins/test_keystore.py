"""The key store as a list: what a page costs does not depend on how many keys there are."""

from contextlib import contextmanager

import pytest

from dashboard import db
from dashboard.models import ConfigKey, KeyType
from dashboard.plugins import keystore
from dashboard.plugins.keystore import Cursor, Search

MANY = 200_000
MILLION = 1_000_000
FILL = """
    WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < ? - 1)
    INSERT INTO config_key (unit_id, name, type, value, description, checked)
    SELECT ?, printf('N%07d.%s', n, substr('ABCDEFGHIJ', n % 10 + 1, 1)), 'string', 'v', '', 0
    FROM number
"""


def fill(unit, count):
    ConfigKey.delete().where(ConfigKey.unit == unit).execute()
    db.database.execute_sql(FILL, (count, unit.id))


@contextmanager
def steps():
    """Count what SQLite does, in hundreds of the instructions of its machine."""
    counted = []
    connection = db.database.connection()
    connection.set_progress_handler(lambda: bool(counted.append(1)), 100)
    yield counted
    connection.set_progress_handler(None, 0)


def cost(unit, search, **place):
    with steps() as counted:
        page = keystore.page(unit, search, **place)
    return len(counted), page


PLACES = {
    "first": {},
    "middle": {"after": Cursor(0, "N0500000.A")},
    "back": {"before": Cursor(0, "N0500000.A")},
    "last": {"before": Cursor(0, "O")},
}


@pytest.mark.slow
def test_a_page_costs_the_same_of_50_keys_and_of_a_million(cast):
    fill(cast.daily, 51)
    few, _ = cost(cast.daily, Search())
    fill(cast.daily, MILLION)
    for name, place in PLACES.items():
        many, page = cost(cast.daily, Search(), **place)
        assert len(page.rows) == 50, name
        assert many <= 2 * few + 2, name


def test_a_beginning_is_found_by_the_index(cast):
    fill(cast.daily, MANY)
    for text in ("N0199", "n0199"):
        many, page = cost(cast.daily, Search(text=text))
        assert page.rows[0].name == "N0199000.A"
        # One window at most: not the 199,000 names before it.
        assert many < keystore.SIFTED_KEYS * 30 / 100


@pytest.mark.slow
def test_what_must_be_looked_for_stops_in_time_and_goes_on(cast, monkeypatch):
    fill(cast.daily, MANY)
    monkeypatch.setattr(keystore, "SEARCH_SECONDS", -1)
    many, page = cost(cast.daily, Search(text="199999"))
    assert page.rows == []
    assert page.stopped == f"N{keystore.SIFTED_KEYS - 1:07d}.J"
    assert many < keystore.SIFTED_KEYS * 30 / 100
    found, rounds = [], 1
    while page.later:
        page = keystore.page(cast.daily, Search(text="199999"), after=page.later)
        found += [row.name for row in page.rows]
        rounds += 1
    assert found == ["N0199999.J"]
    assert rounds == MANY // keystore.SIFTED_KEYS + 1


def test_backwards_it_stops_and_goes_on_too(cast, monkeypatch):
    fill(cast.daily, 1000)
    monkeypatch.setattr(keystore, "SEARCH_SECONDS", -1)
    monkeypatch.setattr(keystore, "SIFTED_KEYS", 100)
    page = keystore.page(cast.daily, Search(text="0000000"), before=Cursor(1, "O"))
    assert page.rows == []
    assert page.stopped == "N0000900.A"
    while page.earlier:
        page = keystore.page(cast.daily, Search(text="0000000"), before=page.earlier)
    assert [row.name for row in page.rows] == ["N0000000.A"]


@pytest.mark.parametrize("size", [1, 3, 7, 20_000])
@pytest.mark.parametrize(
    "search",
    [
        Search(text=".C"),
        Search(text="n00000"),
        Search(type=KeyType.STRING),
        Search(used={f"N{n:07d}.A" for n in range(0, 300, 10)}),
        Search(text="1", type=KeyType.STRING, used={"N0000001.B"}),
    ],
    ids=["contains", "begins", "type", "unused", "all"],
)
def test_windows_of_every_size_find_the_same(cast, monkeypatch, size, search):
    fill(cast.daily, 300)
    monkeypatch.setattr(keystore, "SIFTED_KEYS", size)
    monkeypatch.setattr(keystore, "UNSIFTED_KEYS", size)
    names = sorted(row.name for row in ConfigKey.of(cast.daily))
    fits = [
        name
        for name in names
        if search.text.lower() in name.lower() and name not in (search.used or ())
    ]
    assert sorted(keystore.names_of(cast.daily, search, 1000)) == fits
    seen, page = [], keystore.page(cast.daily, search)
    while True:
        seen += [row.name for row in page.rows]
        if page.later is None:
            break
        page = keystore.page(cast.daily, search, after=page.later)
    assert sorted(seen) == fits
