import pytest

from dashboard.models import AuditEvent, ConfigKey
from dashboard.plugins import keystore
from tests.web.unit_state import form, revision, state_of

KEYS = "/u/daily/admin/keys"
DELETE = f"{KEYS}/-/delete"


@pytest.fixture
def alice(client, cast, login):
    return login(client, cast.alice)


def names(unit):
    return sorted(row.name for row in ConfigKey.of(unit))


def confirmed(cast, **data):
    return form(cast.daily, confirmed="yes", **data)


def test_ticked_keys_are_named_with_who_uses_them_before_anything_goes(alice, cast):
    before = state_of(cast.daily)
    answer = alice.post(DELETE, data={"key": ["K0000", "K0001"]})
    assert answer.status_code == 200
    assert "Delete 2 keys?" in answer.text
    assert "1 of them is in use." in answer.text
    assert "Plugin dashboard.core.notes" in answer.text
    assert state_of(cast.daily) == before


def test_they_go_as_one_change(alice, cast):
    before, theirs = revision(cast.daily), names(cast.weekly)
    answer = alice.post(DELETE, data=confirmed(cast, key=["K0000", "K0001"]))
    assert (answer.status_code, answer.location) == (303, KEYS)
    assert not {"K0000", "K0001"} & set(names(cast.daily))
    assert len(names(cast.daily)) == 18
    assert names(cast.weekly) == theirs  # which has a K0000 of its own
    assert revision(cast.daily) == before + 1
    event = AuditEvent.select().order_by(AuditEvent.id.desc()).first()
    assert (event.action, event.subject) == ("key.delete_many", "2 keys: K0000, K0001")


def test_all_that_match_a_search_are_counted_exactly(alice, cast):
    page = alice.post(DELETE, data={"all": "yes", "q": "k000", "show": "unused"}).text
    assert "Delete 9 keys?" in page
    assert "No configuration refers to any of them." in page
    alice.post(DELETE, data=confirmed(cast, all="yes", q="k000", show="unused"))
    assert names(cast.daily) == ["K0001", *(f"K{n:04d}" for n in range(10, 20))]
    event = AuditEvent.select().order_by(AuditEvent.id.desc()).first()
    assert event.subject == "9 keys, with “k000” in the name, used by nothing"


def test_by_type(alice, cast):
    alice.post(DELETE, data=confirmed(cast, all="yes", type="secret"))
    assert not ConfigKey.of(cast.daily).where(ConfigKey.type == "secret").exists()
    assert ConfigKey.of(cast.daily).count() == 17


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "Tick the keys to delete first."),
        ({"key": ["GONE"]}, "The chosen keys are gone already."),
        ({"key": ["%", "../x", "", "\0"]}, "Tick the keys to delete first."),
        ({"all": "yes"}, "Tick the keys to delete first."),  # not simply all
        ({"all": "yes", "type": "x"}, "Tick the keys to delete first."),
        ({"all": "yes", "show": "missing"}, "Tick the keys to delete first."),
        ({"all": "yes", "q": "zzz"}, "No key fits this search any more."),
        ({"all": "yes", "q": "%"}, "No key fits this search any more."),
    ],
)
def test_what_chooses_nothing_deletes_nothing(alice, cast, data, words):
    before = state_of(cast.daily)
    answer = alice.post(DELETE, data=confirmed(cast, **data), follow_redirects=True)
    assert words in answer.text
    assert state_of(cast.daily) == before


def test_a_page_that_is_stale_shows_what_would_go_now(alice, cast):
    data = confirmed(cast, all="yes", q="K000")
    alice.post(f"{KEYS}/K0003/delete", data=form(cast.daily))
    before = state_of(cast.daily)
    answer = alice.post(DELETE, data=data)
    assert answer.status_code == 409
    assert "Somebody changed the unit meanwhile" in answer.text
    assert "Delete 9 keys?" in answer.text
    assert f'name="revision" value="{revision(cast.daily)}"' in answer.text
    assert state_of(cast.daily) == before


def test_a_form_without_a_revision_is_stale(alice, cast):
    before = state_of(cast.daily)
    answer = alice.post(DELETE, data={"confirmed": "yes", "key": ["K0000"]})
    assert answer.status_code == 409
    assert state_of(cast.daily) == before


def test_too_many_at_once_are_refused(alice, cast, monkeypatch):
    monkeypatch.setattr(keystore, "DELETED_MAX", 5)
    before = state_of(cast.daily)
    for data in ({}, confirmed(cast)):
        answer = alice.post(DELETE, data={**data, "all": "yes", "q": "K"})
        assert "More than 5 keys match" in answer.text
    assert answer.status_code == 422
    assert state_of(cast.daily) == before


def test_a_reload_leads_back_to_the_list(alice):
    assert alice.get(DELETE).location == KEYS
