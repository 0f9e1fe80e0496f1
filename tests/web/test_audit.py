import pytest

from dashboard.models import audit


@pytest.fixture
def alice(client, cast, login):
    return login(client, cast.alice)


def test_an_empty_log_says_what_will_be_in_it(alice, cast):
    assert "Nothing happened yet" in alice.get("/u/daily/admin/audit").text


def test_events_are_listed_newest_first_with_words(alice, cast):
    audit("key.create", by=cast.alice, unit=cast.daily, subject="FIRST")
    audit("backup.import", by="bob@harbour.example", unit=cast.daily, outcome="refused", keys=3)
    audit("key.delete", by=cast.alice, unit=cast.weekly, subject="THEIRS")
    page = alice.get("/u/daily/admin/audit").text
    assert page.index("keys: 3") < page.index("FIRST")
    assert "Added a config key" in page
    assert ">refused</span>" in page
    assert "THEIRS" not in page


def test_older_events_are_on_the_next_page(alice, cast):
    for number in range(60):
        audit("key.create", by=cast.alice, unit=cast.daily, subject=f"E{number:02d}")
    page = alice.get("/u/daily/admin/audit").text
    assert "E59" in page
    assert "E09" not in page
    older = page.split(">Older</a>")[0].rpartition('href="')[2].rstrip('"')
    page = alice.get(older).text
    assert "E09" in page
    assert "E10" not in page
    assert ">Newest</a>" in page


@pytest.mark.parametrize("before", ["x", "-1", "1" * 30, "%00"])
def test_a_strange_page_is_the_first(alice, cast, before):
    audit("key.create", by=cast.alice, unit=cast.daily, subject="ONLY")
    page = alice.get("/u/daily/admin/audit", query_string={"before": before})
    assert (page.status_code, "ONLY" in page.text) == (200, True)
