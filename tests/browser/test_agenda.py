"""The agenda in a real browser."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from dashboard.models import Application
from dashboard.plugins import install
from dashboard.plugins.agenda.source import CALENDAR
from dashboard.plugins.sources import Content, Source, Sources
from tests.browser.looks import complaints_of_axe, overflow

BUNDLE = "dashboard.core.agenda"


def town(now):
    day = f"{now + timedelta(days=1):%Y%m%d}"
    return f"""BEGIN:VCALENDAR
BEGIN:VEVENT
SUMMARY:Christmas market
DTSTART;VALUE=DATE:{now:%Y%m%d}
DTEND;VALUE=DATE:{now + timedelta(days=3):%Y%m%d}
LOCATION:Old harbour
END:VEVENT
BEGIN:VEVENT
SUMMARY:Council: the ferry terminal, and what comes after it
DTSTART:{day}T090000Z
DTEND:{day}T113000Z
LOCATION:Town hall, council chamber on the second floor
URL:https://town.example/council
END:VEVENT
BEGIN:VEVENT
SUMMARY:Press conference of the port authority
DTSTART:{day}T130000Z
RRULE:FREQ=DAILY;INTERVAL=2;COUNT=2
END:VEVENT
END:VCALENDAR""".encode()


@pytest.fixture
def cast(cast):
    """The cast, with an agenda in ws-one."""
    plugin = install.install(cast.daily, BUNDLE, by=cast.alice)
    install.set_active(cast.daily, plugin, True, by=cast.alice)
    Application.create(
        unit=cast.daily, workspace="ws-one", uid="app-agenda", bundle=BUNDLE, position=5,
        title="The town", config='{"days":7,"url":"https://town.example/town.ics"}',
    )  # fmt: skip
    return cast


@pytest.fixture
def known(monkeypatch):
    """What the server has of the calendar: it is on its way."""
    found = [Source(loading=True)]
    monkeypatch.setattr(Sources, "get", lambda *asked: found[-1])
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_comes_by_itself_when_it_is_there(page, live, cast, log_in, known, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 800})
    log_in(page, cast.ursula)
    page.goto(f"{live}/u/daily/w/ws-one")
    card = page.get_by_role("article", name="The town")
    expect(card).to_contain_text("The calendar is being fetched.")
    now = datetime.now(UTC)
    value = CALENDAR.read(Content(town(now), "text/calendar", "", now))
    known.append(Source(value=value, fetched_at=now, problem="town.example answers with 503."))
    expect(card.get_by_role("heading", name="Tomorrow")).to_be_visible()
    tomorrow = card.locator("section", has=page.get_by_role("heading", name="Tomorrow"))
    expect(tomorrow.get_by_role("listitem").first).to_contain_text("All day")
    expect(tomorrow.get_by_role("listitem").nth(1)).to_contain_text("09:00–11:30")
    link = card.get_by_role("link", name="Council")
    expect(link).to_have_attribute("href", "https://town.example/council")
    expect(card).to_contain_text("town.example answers with 503.")
    assert overflow(page) <= 0
    assert complaints_of_axe(page) == []
