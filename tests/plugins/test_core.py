"""The plugins that come with the product."""

import re
from datetime import UTC, datetime

import pytest

from dashboard.plugins import clock, links, notes, web_view
from dashboard.plugins.render import Placement

NOW = datetime(2026, 11, 22, 23, 40, tzinfo=UTC)


def placement(application=None, plugin=None, may=lambda key: False):
    return Placement(plugin or {}, application or {}, NOW, may)


def test_a_note_is_shown_as_markdown_below_its_title():
    html = notes.application(placement({"text": "# Head\n\n**b** [l](https://a.example)"}))["html"]
    assert "<h3>Head</h3>" in html
    assert '<a href="https://a.example" rel="noopener noreferrer">l</a>' in html


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "[x](javascript:alert(1))", "![x](https://a.example/i.png)",
     "<img src=x onerror=y>", "[x](data:text/html,hi)"],
)  # fmt: skip
def test_a_note_cannot_bring_scripts_or_images(text):
    html = notes.to_html(text)
    assert "<script" not in html
    assert "<img" not in html
    assert 'href="javascript' not in html
    assert 'href="data' not in html


def test_a_long_note_is_cut_and_says_so():
    assert notes.application(placement({"text": "x" * 200_001}))["is_cut"]


def test_links_are_read_in_groups():
    text = "Start | https://a.example\n# Press\nhttps://b.example\n| https://c.example\nBad | x:y"
    groups = links.application(placement({"links": text}))["groups"]
    assert [group.title for group in groups] == ["", "Press"]
    assert [(link.text, link.address) for group in groups for link in group.links] == [
        ("Start", "https://a.example"),
        ("https://b.example", "https://b.example"),
        ("https://c.example", "https://c.example"),
        ("Bad", ""),
    ]


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "https:", "//a.example", "http://[", ""]
)
def test_a_link_leads_only_to_the_web_or_to_mail(address):
    [group] = links.read_board(f"Words | {address}")
    assert group.links[0].address == ""


def test_the_toolbar_shows_links_only_when_there_are_some():
    assert links.widget(placement(plugin={"toolbar": ""})) is None
    shown = links.widget(placement(plugin={"toolbar": "A | https://a.example\nB | nowhere"}))
    assert [link.text for link in shown["links"]] == ["A"]


def test_the_clock_tells_the_time_of_each_place():
    zones = "Newsroom | Europe/Stockholm\nAmerica/New_York\nNowhere | Not/AZone\n../etc/passwd"
    places = clock.application(placement({"zones": zones}))["places"]
    assert [place.name for place in places][:3] == ["Newsroom", "New York", "Nowhere"]
    assert places[0].time.strftime("%H:%M %d") == "00:40 23"
    assert places[1].time.strftime("%H:%M") == "18:40"
    assert places[2].time is None
    assert places[3].time is None


def test_without_places_the_clock_shows_the_units_time():
    [place] = clock.application(placement(plugin={"timezone": "Asia/Tokyo"}))["places"]
    assert place.name == "Tokyo"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("2026-11-23 00:40", "0 min"),
        ("2026-11-23 02:45", "2 h 5 min"),
        ("2026-12-23 00:40", "30 d 0 h 0 min"),
        ("2026-11-22T23:50:00+00:00", "10 min"),
        ("2026-11-22", "It is past."),
        ("tomorrow", "This is not a date. Write it like 2027-01-31 18:00."),
        ("9999-12-31 23:59", None),
    ],
)
def test_the_countdown_says_how_long_it_is(target, words):
    config = {"countdownTo": target}
    left = clock.application(placement(config, {"timezone": "Europe/Stockholm"}))["countdown"]
    assert left == words or words is None


def test_the_time_line_has_the_places_of_the_plugin():
    plugin = {"timezone": "Asia/Tokyo", "line": "Desk | Europe/Stockholm\nUTC\nx | Not/AZone"}
    given = clock.time_line(placement({"zones": "America/New_York"}, plugin))["places"]
    assert [place.name for place in given] == ["Desk", "UTC", "x"]
    assert given[2].time is None
    [home] = clock.time_line(placement({}, {"timezone": "Asia/Tokyo"}))["places"]
    assert home.time.strftime("%H:%M") == "08:40"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://stats.example/live?x=1", True),
        ("https://STATS.example/", True),
        ("https://stats.example:8443/", True),
        ("https://stats.example:443/", True),
        ("https://stats.example:9/", False),
        ("http://stats.example/", False),
        ("https://other.example/", False),
        ("https://stats.example.evil.example/", False),
        ("https://stats.example@evil.example/", False),
        ("https://user@stats.example/", False),
        ("javascript:alert(1)", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_only_pages_of_allowed_hosts_are_shown(address, shown):
    plugin = {"allowedHosts": ["Stats.example", "stats.example:8443"]}
    here = placement({"url": address, "height": 99_999}, plugin)
    result = web_view.application(here)
    assert (bool(result["address"]), result["height"]) == (shown, 480)


@pytest.mark.parametrize(
    "host",
    ["*", "*.example", "a.example; script-src *", "a b", "a.example/x", "-a", "'self'", "a..b",
     "a.-b", ".a", "a.", "a:0", "a:x", "a:123456", "https:", "a.example\nx", "ä.example", "a" * 64],
)  # fmt: skip
def test_what_is_no_host_name_never_reaches_the_policy(host):
    sources = web_view.frame_sources({"allowedHosts": [host, "ok.example"]})
    assert sources == ["https://ok.example"]


@pytest.mark.parametrize("hosts", [None, "ok.example", {"a": 1}, []])
def test_without_a_list_no_host_is_allowed(hosts):
    assert web_view.frame_sources({"allowedHosts": hosts}) == []


@pytest.mark.parametrize(
    ("levels", "shown"),
    [
        ([1, 2, 3], [3, 4, 5]),
        ([3, 3], [3, 3]),
        ([1, 4, 2], [3, 4, 4]),
        ([2, 1], [3, 3]),
        ([1, 2, 3, 4, 5, 6], [3, 4, 5, 6, 6, 6]),
    ],
)
def test_headings_of_a_note_are_an_outline_without_gaps(levels, shown):
    html = notes.to_html("\n\n".join(f"{'#' * level} H" for level in levels))
    assert [int(level) for level in re.findall(r"<h(\d)>", html)] == shown
    assert html.count("</h") == len(shown)


def test_the_empty_corner_of_a_table_is_no_header():
    html = notes.to_html("| | Day |\n|-|-|\n| Web | Tom |")
    assert "<td></td>" in html
    assert re.findall("<th>(.*?)</th>", html) == ["Day"]
