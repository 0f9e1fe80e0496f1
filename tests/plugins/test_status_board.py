"""What answers and what does not; announced once, and by what the last check found."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.plugins import status_board
from dashboard.plugins.acts import ActProblem, Doing, Placed
from dashboard.plugins.render import Placement
from dashboard.plugins.sources import CHECK, Source

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SINCE = NOW - timedelta(hours=2)
UP = Source(status=200, seconds=0.1234, checked_at=NOW, since=SINCE, fetched_at=NOW)
BROKEN = replace(UP, status=503)
DEAD = Source(problem="c.example does not answer.", hint="Do x.", checked_at=NOW, since=SINCE)
LOADING = Source(loading=True, refreshing=True)
BY_ADDRESS = {"https://a.example/": UP, "https://b.example/": BROKEN, "https://c.example/": DEAD}
LINES = "Site | https://a.example/\n\n | https://b.example/\nhttps://c.example/\nNew | https://n.example/"


class Kept:
    def __init__(self):
        self.asked = []

    def get(self, address, age, kind):
        assert kind is CHECK
        self.asked.append((address, age))
        return BY_ADDRESS.get(address, LOADING)


def here(services=LINES, plugin=None, may=("ANNOUNCE_DOWN",), can=("NOTIFY",), **config):
    config = {"services": services, **config}
    return Placement(plugin or {}, config, NOW, may.__contains__, can.__contains__, Kept())


def test_each_line_is_an_address_and_stands_in_some_way():
    shown = status_board.application(here())
    assert [(one.name, one.state, one.why) for one in shown["services"]] == [
        ("Site", "up", ""),
        ("https://b.example/", "down", "It answers with 503."),
        ("https://c.example/", "down", "c.example does not answer."),
        ("New", "unknown", ""),
    ]
    assert shown["checked_at"] is None  # not all have been
    assert shown["hints"] == ["Do x."]
    assert len({one.uid for one in shown["services"]}) == 4


@pytest.mark.parametrize(
    ("seconds", "asked"),
    [(30, 30), (3600, 3600), (29, 60), (0, 60), ("x", 60), (None, 60), (True, 60)],
)
def test_nothing_is_checked_more_often_than_every_30_seconds(seconds, asked):
    placement = here(seconds=seconds)
    status_board.application(placement)
    assert {age for _, age in placement.sources.asked} == {asked}


def test_the_card_looks_again_when_checks_are_due_and_soon_while_they_run():
    assert status_board.application(here())["refresh_seconds"] == 2
    assert status_board.application(here("https://a.example/", seconds=90))["refresh_seconds"] == 90
    assert status_board.application(here(""))["refresh_seconds"] == 0


def test_there_are_at_most_thirty():
    placement = here("\n".join(f"https://h{at}.example/" for at in range(99)))
    assert len(status_board.application(placement)["services"]) == 30


def test_others_are_shown_how_many_are_up():
    plugin = {"line": LINES, "timezone": "Europe/Stockholm"}
    shown = status_board.status_line(here("", plugin))
    assert (shown["up"], shown["of"], shown["known"]) == (1, 4, 3)
    assert shown["down"] == ["https://b.example/", "https://c.example/"]
    assert status_board.status_line(here()) == {}


def announce(at, config=None, **placed):
    calls = []
    placement = here(plugin={"timezone": "Europe/Stockholm"}, **placed)
    uid = status_board.application(placement)["services"][at].uid if at is not None else "no such"
    doing = Doing(
        placement, Placed("w", "a", "A", config or {}), {}, lambda *call: calls.append(call)
    )
    return status_board.announce(doing, {"service": uid, "text": "forged"}), calls


def test_what_is_down_is_announced_with_what_the_last_check_found():
    changes, calls = announce(1)
    assert calls == [
        ("NOTIFY", {"text": "https://b.example/ is down since 11:00. It answers with 503."})
    ]
    with pytest.raises(ActProblem, match="already"):
        announce(1, changes)
    assert announce(2, changes)[0]["announced"][1:] == changes["announced"]


@pytest.mark.parametrize("at", [0, 3, None])
def test_what_is_not_down_is_not_announced(at):
    with pytest.raises(ActProblem, match="not down"):
        announce(at)


def test_only_who_can_announce_gets_the_button():
    assert status_board.application(here())["may_announce"]
    assert not status_board.application(here(may=()))["may_announce"]
    assert not status_board.application(here(can=()))["may_announce"]
