import json
import re

import pytest

from dashboard.models import Application, AuditEvent, ConfigKey, Plugin, room
from dashboard.plugins import keystore
from tests.web.unit_state import form, state_of

KEYS = "/u/daily/admin/keys"


@pytest.fixture
def alice(client, cast, login):
    return login(client, cast.alice)


def key(cast, name):
    return ConfigKey.of(cast.daily).where(ConfigKey.name == name).get_or_none()


def fill(cast, count):
    rows = [(cast.daily, f"P{number:03d}", "string", "v") for number in range(count)]
    fields = [ConfigKey.unit, ConfigKey.name, ConfigKey.type, ConfigKey.value]
    ConfigKey.insert_many(rows, fields).execute()


def test_the_list_masks_secrets_and_marks_what_is_used(alice, cast):
    page = alice.get(KEYS).text
    assert "hush-key-store" not in page
    assert "••••••••" in page
    assert "2 places" in page  # K0001, in the configs of two plugins
    assert ">unused</span>" in page
    assert "20 keys" in page


def test_references_to_missing_keys_are_listed(alice, cast):
    Plugin.update(config='{"a":"${DBKS:NOT_THERE}"}').execute()
    page = alice.get(KEYS).text
    assert "A configuration refers to a key that does not exist:" in page
    assert "/admin/keys/-/new?name=NOT_THERE" in page


def test_pages_follow_each_other_without_gaps(alice, cast):
    ConfigKey.delete().where(ConfigKey.unit == cast.daily).execute()
    fill(cast, 120)
    seen, address = [], KEYS
    while address:
        page = alice.get(address).text
        seen += [part.split('"')[0] for part in page.split("/admin/keys/P")[1:]]
        link = page.split("Next page")[0].rpartition('href="')[2].split('"')[0]
        address = link.replace("&amp;", "&") if "Next page" in page else None
    assert sorted({name for name in seen if name.isdigit()}) == [f"{n:03d}" for n in range(120)]


def test_many_keys_are_counted_only_so_far(alice, cast):
    fill(cast, 1000)
    assert "More than 1,000 keys" in alice.get(KEYS).text


@pytest.mark.parametrize("wanted", ["k0007", "0007", "K0007"])
def test_a_part_of_the_name_finds_a_key(alice, cast, wanted):
    page = alice.get(KEYS, query_string={"q": wanted}).text
    assert "/admin/keys/K0007" in page
    assert "/admin/keys/K0008" not in page


@pytest.mark.parametrize("wanted", ["%", "_______", "\\", "' OR 1=1 --", "zzz"])
def test_a_search_finds_only_what_is_written(alice, cast, wanted):
    page = alice.get(KEYS, query_string={"q": wanted})
    assert page.status_code == 200
    assert "No key found" in page.text


def test_an_empty_store_says_what_it_is_for(alice, cast):
    ConfigKey.delete().execute()
    assert "No key yet" in alice.get(KEYS).text


@pytest.mark.parametrize(
    ("kind", "text", "stored"),
    [
        ("string", "a\r\nb – ü ${DBKS:K}", "a\nb – ü ${DBKS:K}"),
        ("string", "", ""),
        ("number", "-12.50e+3", "-12.50e+3"),
        ("boolean", "false", "false"),
        ("json", '{"b": [1, null]}', '{"b": [1, null]}'),
        ("json", '"text"', '"text"'),
    ],
)
def test_a_key_of_each_type_is_added_as_it_was_typed(alice, cast, kind, text, stored):
    data = form(cast.daily, name="NEW.key-1", type=kind, value=text, description="d")
    assert alice.post(f"{KEYS}/-/new", data=data).status_code == 303
    made = key(cast, "NEW.key-1")
    assert (made.type, made.value, made.secret, made.description) == (kind, stored, None, "d")


def test_a_secret_is_sealed(alice, cast):
    data = form(cast.daily, name="NEW", type="secret", value="hush-new")
    alice.post(f"{KEYS}/-/new", data=data)
    assert (key(cast, "NEW").value, key(cast, "NEW").secret) == ("", "hush-new")
    assert "hush-new" not in alice.get(f"{KEYS}/NEW").text
    details = " ".join(event.detail + event.subject for event in AuditEvent.select())
    assert "hush-new" not in details


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"name": ""}, "Type a name."),
        ({"name": "1A"}, "Begin with a letter"),
        ({"name": "A B"}, "Begin with a letter"),
        ({"name": "A\n"}, None),
        ({"name": "Ä"}, "Begin with a letter"),
        ({"name": "A" * 129}, "Begin with a letter"),
        ({"name": "K0001"}, "There is a key of this name."),
        ({"type": "date"}, None),
        ({"type": "number", "value": "1."}, "number"),
        ({"type": "number", "value": "01"}, "number"),
        ({"type": "number", "value": "1e999"}, "too large"),
        ({"type": "number", "value": "1" * 65}, "too many digits"),
        ({"type": "number", "value": "0x10"}, "number"),
        ({"type": "number", "value": "1\n"}, "number"),
        ({"type": "boolean", "value": "True"}, "true or false"),
        ({"type": "json", "value": '{"a":1,"a":2}'}, "only once"),
        ({"type": "json", "value": "[NaN]"}, "NaN"),
        ({"type": "json", "value": "[" * 33 + "]" * 33}, "Nest less"),
        ({"type": "secret", "value": ""}, "Type the secret."),
        ({"value": "a\0b"}, "NUL"),
        ({"description": "a\0b"}, "NUL"),
        ({"value": "x" * ((1 << 20) + 1)}, "1 MiB"),
        ({"value": "\x01" * (600 << 10)}, "control characters"),
        ({"description": "x" * 2001}, "2,000"),
    ],
)
def test_a_bad_key_is_refused_and_changes_nothing(alice, cast, bad, words):
    before = state_of(cast.daily)
    data = form(cast.daily, **{"name": "NEW", "type": "string", "value": "v", **bad})
    answer = alice.post(f"{KEYS}/-/new", data=data)
    if bad.get("name") == "A\n":  # white space around a name is taken off
        assert answer.status_code == 303
        return
    assert answer.status_code == 422
    assert words is None or words in answer.text
    assert state_of(cast.daily) == before


def test_a_refused_secret_is_not_sent_back(alice, cast):
    data = form(cast.daily, name="1", type="secret", value="hush-typed")
    answer = alice.post(f"{KEYS}/-/new", data=data)
    assert answer.status_code == 422
    assert "hush-typed" not in answer.text


def test_a_key_is_edited_but_keeps_its_name(alice, cast):
    data = form(cast.daily, name="OTHER", type="number", value="5", description="five")
    assert alice.post(f"{KEYS}/K0000", data=data).status_code == 303
    changed = key(cast, "K0000")
    assert (changed.type, changed.value, changed.description) == ("number", "5", "five")
    assert key(cast, "OTHER") is None


def test_a_secret_left_empty_stays_and_can_become_a_string(alice, cast):
    data = form(cast.daily, type="secret", value="", description="new words")
    alice.post(f"{KEYS}/K0004", data=data)
    assert (key(cast, "K0004").secret, key(cast, "K0004").description) == (
        "hush-key-store", "new words",
    )  # fmt: skip
    alice.post(f"{KEYS}/K0004", data=form(cast.daily, type="string", value=""))
    assert (key(cast, "K0004").type, key(cast, "K0004").secret) == ("string", None)


def test_a_string_cannot_become_an_empty_secret(alice, cast):
    before = state_of(cast.daily)
    data = form(cast.daily, type="secret", value="")
    assert alice.post(f"{KEYS}/K0000", data=data).status_code == 422
    assert state_of(cast.daily) == before


@pytest.mark.parametrize("address", ["-/new", "K0000", "K0000/delete"])
def test_a_stale_page_changes_nothing(alice, cast, address):
    before = state_of(cast.daily)
    data = {"revision": "99", "name": "NEW", "type": "string", "value": "late"}
    assert alice.post(f"{KEYS}/{address}", data=data).status_code == 409
    assert state_of(cast.daily) == before


def test_deleting_says_who_uses_the_key(alice, cast):
    page = alice.get(f"{KEYS}/K0001/delete").text
    assert "in its own configuration" in page
    assert alice.post(f"{KEYS}/K0001/delete", data=form(cast.daily)).status_code == 303
    assert key(cast, "K0001") is None
    assert ConfigKey.of(cast.weekly).where(ConfigKey.name == "K0001").exists()


@pytest.mark.parametrize("use_htmx", [False, True])
def test_a_reveal_is_in_the_audit_log(alice, cast, as_htmx, use_htmx):
    before = state_of(cast.daily)
    answer = alice.post(f"{KEYS}/K0004/reveal", headers=as_htmx if use_htmx else {})
    assert answer.status_code == 200
    assert "hush-key-store" in answer.text
    assert answer.text.lstrip().startswith("<span" if use_htmx else "<!doctype")
    event = AuditEvent.select().order_by(AuditEvent.id.desc()).first()
    assert (event.action, event.subject, event.user_email) == (
        "key.reveal", "K0004", "alice@harbour.example",
    )  # fmt: skip
    assert state_of(cast.daily) == before


def test_a_reveal_asks_for_the_login_password_again(app, cast, login, as_htmx):
    client = login(app.test_client(), cast.alice, fresh=False)
    answer = client.post(f"{KEYS}/K0004/reveal", headers=as_htmx)
    assert answer.status_code == 401
    assert "/confirm" in answer.headers["HX-Redirect"]
    assert "hush" not in answer.text
    assert client.post(f"{KEYS}/K0004/reveal").status_code == 303


def test_only_secrets_are_revealed_and_never_by_a_get(alice, cast):
    assert alice.post(f"{KEYS}/K0000/reveal").status_code == 404
    assert alice.get(f"{KEYS}/K0004/reveal").status_code == 405
    assert alice.post(f"{KEYS}/NOPE/reveal").status_code == 404


@pytest.mark.parametrize("query", [{}, {"q": "P1"}, {"show": "unused"}, {"type": "string"}])
def test_the_list_asks_few_questions_whatever_its_size(alice, cast, query_count, query):
    counts = []
    for keys in (0, 500):
        fill(cast, keys) if keys else None
        alice.get(KEYS)  # who uses what is known from here on
        with query_count() as queries:
            alice.get(KEYS, query_string=query)
        counts.append(len(queries))
    # A search has a stretch for each spelling, each with its end.
    assert counts[1] <= counts[0] <= 19, counts


def test_after_a_change_it_asks_who_uses_what_once_more(alice, cast, query_count):
    alice.get(KEYS)
    alice.post(f"{KEYS}/-/new", data=form(cast.daily, name="NEW", type="string", value="v"))
    with query_count() as queries:
        alice.get(KEYS)
    assert len(queries) <= 18, queries
    with query_count() as queries:
        alice.get(KEYS)
    assert len(queries) <= 13, queries


def links(page):
    return {
        words: address.replace("&amp;", "&")
        for address, words in re.findall(r'<a (?:rel="\w+" )?href="([^"]+)">([^<]+)</a>', page)
    }


def names_on(page):
    return re.findall(r'name="key" value="([^"]+)" form="chosen"', page)


@pytest.mark.parametrize("query", [{}, {"q": "p"}, {"q": "P0"}, {"type": "string"}])
def test_pages_lead_there_and_back(alice, cast, query):
    fill(cast, 150)
    seen, pages, address = [], [], KEYS
    page = alice.get(address, query_string=query).text
    while True:
        pages.append(names_on(page))
        seen += pages[-1]
        if "Next page" not in links(page):
            break
        page = alice.get(links(page)["Next page"]).text
    assert len(pages) > 1
    assert len(seen) == len(set(seen))
    for expected in reversed(pages[:-1]):
        page = alice.get(links(page)["Previous page"]).text
        assert names_on(page) == expected
    assert "Previous page" not in links(page)


def test_names_that_begin_with_it_come_first(alice, cast):
    ConfigKey.delete().where(ConfigKey.unit == cast.daily).execute()
    names = ("A_url", "URL_B", "url_C", "Z", "Url_D", "url_A")
    for name in names:
        ConfigKey.create(unit=cast.daily, name=name, type="string", value="")
    page = alice.get(KEYS, query_string={"q": "url"}).text
    assert names_on(page) == ["url_A", "url_C", "URL_B", "A_url", "Url_D"]
    assert "5 keys found" in page


def test_the_list_can_show_one_type_or_what_nothing_uses(alice, cast):
    secrets = names_on(alice.get(KEYS, query_string={"type": "secret"}).text)
    assert secrets == ["K0004", "K0010", "K0016"]
    unused = names_on(alice.get(KEYS, query_string={"show": "unused"}).text)
    assert len(unused) == 19
    assert "K0001" not in unused
    both = alice.get(KEYS, query_string={"show": "unused", "type": "number", "q": "k000"}).text
    assert names_on(both) == ["K0007"]


@pytest.mark.parametrize(
    "query", [{"type": "x"}, {"show": "x"}, {"after": "x"}, {"before": "9~A"}, {"after": "0~ä"}]
)
def test_an_address_that_makes_no_sense_shows_the_list(alice, query):
    assert len(names_on(alice.get(KEYS, query_string=query).text)) == 20


def test_a_search_that_takes_too_long_goes_on_from_where_it_was(alice, cast, monkeypatch):
    fill(cast, 300)
    monkeypatch.setattr(keystore, "SEARCH_SECONDS", -1)
    monkeypatch.setattr(keystore, "SIFTED_KEYS", 40)
    page, steps, found = alice.get(KEYS, query_string={"q": "299"}).text, 0, []
    assert "Nothing so far" in page
    while "Keep searching" in links(page):
        steps += 1
        page = alice.get(links(page)["Keep searching"]).text
        found += names_on(page)
    assert found == ["P299"]
    assert steps > 5


def test_missing_keys_are_a_list_of_their_own(alice, cast):
    config = json.dumps({f"k{n}": f"${{DBKS:GONE_{n}}}" for n in range(8)})
    Plugin.update(config=config).where(Plugin.unit == cast.daily).execute()
    page = alice.get(KEYS).text
    assert "Show all 8" in page
    assert "GONE_7" not in page
    page = alice.get(KEYS, query_string={"show": "missing"}).text
    assert "8 missing keys" in page
    assert "/admin/keys/-/new?name=GONE_7" in page
    page = alice.get(KEYS, query_string={"show": "missing", "q": "gone_3"}).text
    assert "1 missing key" in page


def test_where_a_key_is_used_leads_there(alice, cast):
    Application.update(config='{"text":"${DBKS:K0000}"}').where(
        Application.unit == cast.daily,
        Application.workspace == "ws-one",
        Application.uid == "app-1",
    ).execute()
    page = alice.get(f"{KEYS}/K0000").text
    assert 'href="/u/daily/w/ws-one/applications/app-1/settings"' in page
    assert 'href="/u/daily/admin/plugins/dashboard.core.notes"' in alice.get(f"{KEYS}/K0001").text


def test_a_key_may_be_called_new(alice, cast):
    alice.post(f"{KEYS}/-/new", data=form(cast.daily, name="new", type="string", value="v"))
    data = form(cast.daily, type="string", value="changed")
    assert alice.post(f"{KEYS}/new", data=data).status_code == 303
    assert key(cast, "new").value == "changed"


def test_a_unit_takes_no_more_keys_than_a_backup_holds(alice, cast, monkeypatch):
    monkeypatch.setitem(room.ROOM, ConfigKey, (21, "config keys"))
    data = {"type": "string", "value": "v"}
    alice.post(f"{KEYS}/-/new", data=form(cast.daily, name="LAST", **data))
    before = state_of(cast.daily)
    answer = alice.post(f"{KEYS}/-/new", data=form(cast.daily, name="MORE", **data))
    assert answer.status_code == 422
    assert "a unit has at most 21 config keys" in answer.text
    assert 'value="MORE"' in answer.text
    assert state_of(cast.daily) == before


def test_a_secret_is_hidden_again_by_the_page_of_its_key(alice, as_htmx):
    shown = alice.post(f"{KEYS}/K0004/reveal", headers=as_htmx).text
    assert "hush-key-store" in shown
    assert f'hx-get="{KEYS}/K0004"' in shown
    page = alice.get(f"{KEYS}/K0004").text
    assert 'class="secret"' in page
    assert "hush-key-store" not in page
