import pytest

from dashboard.models import ConfigKey, Plugin, changing
from dashboard.plugins import references, usage


@pytest.fixture
def asked(monkeypatch):
    """How often the configs were read."""
    honest, times = references.uses, []

    def counted(unit):
        times.append(unit.slug)
        return honest(unit)

    monkeypatch.setattr(references, "uses", counted)
    return times


def test_it_reads_again_only_after_a_change(cast, asked):
    assert "K0001" in usage.usage(cast.daily).places
    usage.usage(cast.daily)
    usage.usage(cast.weekly)
    assert asked == ["daily", "weekly"]
    with changing(cast.daily, "plugin.configure", by=cast.alice):
        Plugin.update(config='{"a":"${DBKS:OTHER}"}').where(Plugin.unit == cast.daily).execute()
    found = usage.usage(cast.daily)
    assert list(found.places) == ["OTHER"]
    assert found.missing == ["OTHER"]
    with changing(cast.daily, "key.create", by=cast.alice):
        ConfigKey.create(unit=cast.daily, name="OTHER", type="string", value="")
    assert usage.usage(cast.daily).missing == []
    assert asked == ["daily", "weekly", "daily", "daily"]


def test_it_knows_only_so_many_units_and_places(cast, asked, monkeypatch):
    monkeypatch.setattr(usage, "KEPT_UNITS", 1)
    for unit in (cast.daily, cast.weekly, cast.daily):
        usage.usage(unit)
    assert len(asked) == 3
    monkeypatch.setattr(usage, "KEPT_PLACES_MAX", 0)
    usage.usage(cast.weekly)
    usage.usage(cast.weekly)
    assert len(asked) == 5
