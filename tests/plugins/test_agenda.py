"""The agenda: what is next, by the clock of the unit, and what is wrong if something is."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.models import Application, Plugin, PluginMapping
from dashboard.plugins import agenda, install
from dashboard.plugins.agenda.source import CALENDAR
from dashboard.plugins.render import Placement
from dashboard.plugins.sources import Content, Source

BUNDLE = "dashboard.core.agenda"
ADDRESS = "https://calendar.example/team.ics"
NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)  # a Wednesday; half past ten in Stockholm
FETCHED = NOW - timedelta(minutes=10)


def calendar(*events):
    lines = ["BEGIN:VCALENDAR"]
    for event in events:
        lines += ["BEGIN:VEVENT", *event.split("|"), "END:VEVENT"]
    return "\n".join([*lines, "END:VCALENDAR"]).encode()


TEAM = calendar(
    "SUMMARY:Over|DTSTART:20261125T080000Z|DTEND:20261125T090000Z",
    "SUMMARY:Going on|DTSTART:20261125T090000Z|DTEND:20261125T100000Z|LOCATION:Room 4",
    "SUMMARY:Fair|DTSTART;VALUE=DATE:20261124|DTEND;VALUE=DATE:20261127",
    "SUMMARY:Night|DTSTART:20261125T210000Z|DTEND:20261126T050000Z",
    "SUMMARY:Late|DTSTART:20261201T230500Z|URL:https://a.example/",
    "SUMMARY:Floating|DTSTART:20261127T120000",
    "SUMMARY:Far|DTSTART:20270115T120000Z",
)


class Known:
    """Sources that know one thing."""

    def __init__(self, data=None, now=NOW, **more):
        value = None if data is None else CALENDAR.read(Content(data, "", "", now))
        self.source = Source(data, value=value, fetched_at=data and FETCHED, **more)
        self.asked = []

    def get(self, *asked):
        self.asked.append(asked)
        return self.source


def here(sources=None, *, url=ADDRESS, days=7, **plugin):
    plugin = {"timezone": "Europe/Stockholm"} | plugin
    may = frozenset().__contains__
    return Placement(plugin, {"url": url, "days": days}, NOW, may, sources=sources or Known())


def lines(given):
    return [
        f"{day.name}: {entry.time or '-'} {entry.title}"
        for day in given["days"]
        for entry in day.entries
    ]


def test_the_next_days_are_shown_by_the_clock_of_the_unit():
    given = agenda.application(here(Known(TEAM)))
    assert lines(given) == [
        "Today: - Fair",
        "Today: 10:00–11:00 Going on",
        "Today: 22:00–06:00 Night",
        "Tomorrow: - Fair",
        "Tomorrow: until 06:00 Night",
        "Fri 27 Nov: 12:00 Floating",
    ]
    assert [entry.title for entry in given["days"][0].entries if entry.is_now] == ["Going on"]
    assert (given["fetched"], given["problem"], given["is_whole"]) == ("10:20", "", True)
    assert given["days"][0].entries[1].place == "Room 4"


@pytest.mark.parametrize(
    ("days", "last"),
    [(8, "Wed 2 Dec: 00:05 Late"), (1, "Today: 22:00–06:00 Night"), (0, "Today: 22:00–06:00 Night"),
     (90, "Fri 15 Jan 2027: 13:00 Far"), (9_999, "Fri 15 Jan 2027: 13:00 Far"),
     ("x", "Fri 27 Nov: 12:00 Floating"), (None, "Fri 27 Nov: 12:00 Floating"),
     (True, "Fri 27 Nov: 12:00 Floating")],
)  # fmt: skip
def test_as_many_days_as_were_chosen(days, last):
    assert lines(agenda.application(here(Known(TEAM), days=days)))[-1] == last


def test_the_zone_decides_on_the_day_and_an_unknown_one_is_utc():
    late = calendar("SUMMARY:Late|DTSTART:20261125T233000Z")
    for zone, line in (
        ("Europe/Stockholm", "Tomorrow: 00:30 Late"),
        ("Asia/Tokyo", "Tomorrow: 08:30 Late"),
        ("America/New_York", "Today: 18:30 Late"),
        ("Not/AZone", "Today: 23:30 Late"),
        (None, "Today: 23:30 Late"),
    ):
        assert lines(agenda.application(here(Known(late), timezone=zone))) == [line]


def test_an_end_on_the_hour_that_comes_twice_is_no_trouble():
    back = calendar("SUMMARY:Shift|DTSTART:20261025T003000Z|DTEND:20261025T010500Z")
    events = CALENDAR.read(Content(back, "", "", datetime(2026, 10, 24, tzinfo=UTC))).events
    zone, now = agenda.find_zone("Europe/Stockholm"), datetime(2026, 10, 24, 12, tzinfo=UTC)
    days, _ = agenda.by_day(events, zone, now, 7)
    assert [entry.time for day in days for entry in day.entries] == ["02:30"]


def test_a_long_list_says_that_there_is_more():
    many = calendar(*[f"SUMMARY:{n}|DTSTART:20261126T100000Z" for n in range(300)])
    given = agenda.application(here(Known(many)))
    assert len(lines(given)) == 200
    assert not given["is_whole"]


@pytest.mark.parametrize(
    ("url", "asked"),
    [(ADDRESS, ADDRESS), (" webcal://calendar.example/team.ics ", ADDRESS),
     ("http://a.example/x", "http://a.example/x"), ("file:///etc/passwd", None), ("x", None)],
)  # fmt: skip
def test_only_addresses_of_the_web_are_asked(url, asked):
    known = Known()
    given = agenda.application(here(known, url=url))
    assert [address for address, *_ in known.asked] == ([asked] if asked else [])
    assert asked or "https://" in given["problem"]


@pytest.mark.parametrize(
    ("minutes", "seconds"), [(None, 1800), (1, 300), (45, 2700), (10**9, 86_400), ("x", 1800)]
)
def test_it_asks_as_often_as_was_chosen_within_bounds(minutes, seconds):
    known = Known()
    agenda.application(here(known, refreshMinutes=minutes))
    assert known.asked == [(ADDRESS, seconds, CALENDAR)]


def test_others_are_shown_the_next_three():
    given = agenda.next_events(here(Known(TEAM), portalAddress=ADDRESS))
    assert [(event.when, event.title) for event in given["events"]] == [
        ("Today", "Fair"), ("Now", "Going on"), ("Today, 22:00", "Night"),
    ]  # fmt: skip
    assert agenda.next_events(here(Known(TEAM))) == {}


# --- on the page ---


@pytest.fixture
def shown(cast, app, client, login):
    """Show the agenda of ws-one, with sources that the test gives."""
    plugin = install.install(cast.daily, BUNDLE, by=cast.alice)
    install.set_active(cast.daily, plugin, True, by=cast.alice)
    Application.create(
        unit=cast.daily, workspace="ws-one", uid="app-agenda", bundle=BUNDLE, position=9,
        title="Team", config=f'{{"days":7,"url":"{ADDRESS}"}}',
    )  # fmt: skip
    login(client, cast.ursula)

    def show(sources):
        app.extensions["sources"] = sources
        return " ".join(client.get("/u/daily/w/ws-one?plain=1").get_data(as_text=True).split())

    return show


def test_a_calendar_that_does_not_answer_says_so(shown):
    words = "No public address is known for calendar.example."
    page = shown(Known(problem=words))
    assert "The calendar cannot be shown." in page
    assert words in page


def test_what_was_there_stays_when_the_server_goes_down(shown):
    page = shown(Known(calendar("SUMMARY:Every day|DTSTART:20200101T120000Z|RRULE:FREQ=DAILY"),
                       problem="calendar.example answers with 503."))  # fmt: skip
    assert "calendar.example answers with 503." in page
    assert "This is how it was at" in page


def test_while_it_is_fetched_it_says_so_and_looks_again_soon(shown, client, as_htmx):
    assert "The calendar is being fetched." in shown(Known(loading=True))
    card = client.get("/u/daily/w/ws-one/a/app-agenda", headers=as_htmx).text
    assert "The calendar is being fetched." in card
    assert 'hx-trigger="every 3s"' in card


def test_an_empty_calendar_says_so(shown):
    assert "Nothing in the next 7 days." in shown(Known(calendar()))


def test_without_an_address_it_says_what_to_do(shown):
    Application.update(config="{}").where(Application.uid == "app-agenda").execute()
    assert "Write its address in Application settings." in shown(Known())


def test_what_is_broken_is_counted(shown):
    assert "1 event could not be read." in shown(Known(calendar("DTSTART:x")))


def test_titles_are_text_and_links_lead_to_the_web(shown):
    now = datetime.now(UTC)
    start = f"{now + timedelta(hours=30):%Y%m%dT%H%M%SZ}"
    page = shown(Known(calendar(
        f"SUMMARY:<script>x</script>|DTSTART:{start}|URL:javascript:x",
        f"SUMMARY:Linked|DTSTART:{start}|URL:https://a.example/?a=1&b=2",
    ), now))  # fmt: skip
    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page
    assert "javascript:x" not in page
    assert 'href="https://a.example/?a=1&amp;b=2" rel="noopener noreferrer">Linked</a>' in page


def test_announcements_show_the_next_events_of_the_unit(shown, cast):
    plugin = install.install(cast.daily, "dashboard.core.announcements", by=cast.alice)
    install.set_active(cast.daily, plugin, True, by=cast.alice)
    Application.create(unit=cast.daily, workspace="ws-one", uid="app-a",
                       bundle="dashboard.core.announcements", position=8)  # fmt: skip
    PluginMapping.create(unit=cast.daily, bundle="dashboard.core.announcements", kind="portal",
                         requirement="BESIDE", target_bundle=BUNDLE,
                         target="next-events")  # fmt: skip
    assert "Next events" not in shown(Known(TEAM))
    config = f'{{"portalAddress":"{ADDRESS}"}}'
    Plugin.update(config=config).where(Plugin.bundle == BUNDLE).execute()
    now = datetime.now(UTC)
    soon = f"{now + timedelta(hours=30):%Y%m%dT%H%M%SZ}"
    page = shown(Known(calendar(f"SUMMARY:Ferry|DTSTART:{soon}"), now))
    assert 'aria-label="Next events"' in page
    assert page.count("Ferry") == 2
