"""What is announced: dated, on top, and not without end."""

from datetime import UTC, datetime

import pytest

from dashboard.models import Plugin, PluginMapping
from dashboard.plugins import announcements, install, registry
from dashboard.plugins.acts import ActProblem, Called, Doing, Placed
from dashboard.plugins.announcements import Message
from dashboard.plugins.mappings import State, standing
from dashboard.plugins.render import Placement
from tests import factories

NOW = datetime(2026, 11, 25, 23, 10, tzinfo=UTC)
BUNDLE = "dashboard.core.announcements"


def here(**plugin):
    return Placement(plugin, {}, NOW, lambda key: key == "ANNOUNCE")


def called(messages, **arguments):
    plugin = {"messages": messages, "timezone": "Europe/Stockholm"}
    return announcements.notify(Called(arguments, here(**plugin), plugin, lambda: iter(())))


def test_they_are_shown_newest_first_with_their_time_if_they_have_one():
    messages = "2026-11-26 00:10 | New | x\n\n Old \n2026-13-45 99:99 | odd"
    shown = announcements.application(here(messages=messages))
    assert shown["messages"] == [
        Message("New | x", datetime(2026, 11, 26, 0, 10)),  # noqa: DTZ001 - as it is read on site
        Message("Old"),
        Message("2026-13-45 99:99 | odd"),
    ]
    assert shown["may_announce"]
    widget = announcements.widget(here(messages=messages))
    assert (widget["message"].text, widget["others"]) == ("New | x", 2)
    assert announcements.widget(here()) is None


def test_what_another_plugin_tells_comes_on_top_in_the_time_of_the_unit():
    assert called("Old", text=" It is\n down ") == {
        "messages": "2026-11-26 00:10 | It is down\nOld"
    }


def test_people_announce_in_the_application():
    doing = Doing(here(timezone="Not/AZone"), Placed("w", "a", "A", {}), {}, lambda *call: None)
    changes = announcements.announce(doing, {"text": "Hello"})
    assert changes.plugin == {"messages": "2026-11-25 23:10 | Hello"}
    assert not changes.applications


def test_only_the_newest_are_kept():
    lines = called("\n".join(f"m{number}" for number in range(500)), text="new")["messages"]
    assert len(lines.splitlines()) == 200
    assert lines.splitlines()[-1] == "m198"


@pytest.mark.parametrize("text", ["", " \n", "x" * 501])
def test_nothing_and_endless_words_are_refused(text):
    with pytest.raises(ActProblem):
        called("Old", text=text)


@pytest.fixture
def old_copy(folders):
    """A unit with Announcements as version 1.0.0 installed it: no key, no offer, no requirement."""
    unit = factories.make_unit()
    alice = factories.make_user("alice", daily="admin")
    plugin = install.install(unit, BUNDLE, by=alice)
    old = '{"manifestVersion":"1.0.0","parts":["application","widget","settings"]}'
    Plugin.update(version="1.0.0", manifest=old, config='{"messages":"Old"}', active=True).execute()
    return unit, alice, install.plugin_of(unit, plugin.bundle)


def test_an_older_copy_goes_on_and_offers_the_update(old_copy):
    unit, alice, plugin = old_copy
    assert install.has_update(plugin)
    assert standing(unit, BUNDLE) == []
    install.update(unit, plugin, by=alice)
    plugin = install.plugin_of(unit, BUNDLE)
    assert plugin.config == '{"messages":"Old","timezone":"UTC"}'
    [beside] = standing(unit, BUNDLE)
    assert (beside.state, beside.matters) == (State.OPEN, False)


def test_no_portal_is_chosen_without_the_admin(old_copy):
    unit, alice, plugin = old_copy
    install.update(unit, plugin, by=alice)
    install.set_active(
        unit, install.install(unit, "dashboard.core.clock", by=alice), True, by=alice
    )
    assert PluginMapping.of(unit).count() == 0
    assert [offer.id for offer in registry.find("dashboard.core.clock").manifest.offers] == [
        "time-line"
    ]
