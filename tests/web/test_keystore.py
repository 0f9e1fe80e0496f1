import pytest

from dashboard.models import AuditEvent, ConfigKey, Plugin
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
    assert "/admin/keys/new?name=NOT_THERE" in page


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
    assert "More than 1000 keys" in alice.get(KEYS).text


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
    assert alice.post(f"{KEYS}/new", data=data).status_code == 303
    made = key(cast, "NEW.key-1")
    assert (made.type, made.value, made.secret, made.description) == (kind, stored, None, "d")


def test_a_secret_is_sealed(alice, cast):
    data = form(cast.daily, name="NEW", type="secret", value="hush-new")
    alice.post(f"{KEYS}/new", data=data)
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
    answer = alice.post(f"{KEYS}/new", data=data)
    if bad.get("name") == "A\n":  # white space around a name is taken off
        assert answer.status_code == 303
        return
    assert answer.status_code == 422
    assert words is None or words in answer.text
    assert state_of(cast.daily) == before


def test_a_refused_secret_is_not_sent_back(alice, cast):
    data = form(cast.daily, name="1", type="secret", value="hush-typed")
    answer = alice.post(f"{KEYS}/new", data=data)
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


@pytest.mark.parametrize("address", ["new", "K0000", "K0000/delete"])
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


def test_the_list_asks_few_questions_whatever_its_size(alice, cast, query_count):
    fill(cast, 500)
    with query_count() as queries:
        alice.get(KEYS)
    assert len(queries) <= 16, queries
