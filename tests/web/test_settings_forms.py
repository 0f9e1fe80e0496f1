"""Settings forms of applications: lists, tables, rules of the schema, warnings, errors in JSON."""

import json

import pytest

from dashboard.models import Application, ConfigKey, Plugin
from dashboard.plugins.jsontext import to_json
from tests.web.unit_state import form, state_of

PAGE = "/u/daily/w/ws-one/applications/app-1/settings"
FEED = {
    "type": "object",
    "required": ["url"],
    "properties": {
        "url": {"type": "string", "title": "Address", "format": "uri"},
        "count": {"type": "integer", "title": "Count", "minimum": 1},
        "size": {"type": "string", "enum": ["s", "l"], "title": "Size"},
        "on": {"type": "boolean", "title": "On", "default": True},
    },
}
HOST = {"type": "string", "format": "hostname"}
SCHEMA = {
    "type": "object",
    "required": ["word"],
    "properties": {
        "word": {"type": "string", "title": "Word", "maxLength": 5, "default": "x"},
        "hosts": {"type": "array", "title": "Hosts", "items": HOST},
        "feeds": {"type": "array", "title": "Feeds", "maxItems": 3, "items": FEED},
        "size": {"type": "integer", "title": "Size"},
        "rules": {"type": "object", "title": "Rules", "additionalProperties": {"type": "integer"}},
        "token": {"type": "string", "format": "password", "title": "Token", "minLength": 4},
        "secret-rows": {"type": "array", "items": {"type": "object", "properties": {
            "pw": {"type": "string", "format": "password"}}}},
    },
}  # fmt: skip
MANIFEST = {"manifestVersion": "1.0.0", "settingsSchema": {"application": SCHEMA}}
ROW = {"url": "https://a.example/", "count": 2, "size": "l", "on": False}


@pytest.fixture
def bob(client, cast, login):
    Plugin.update(manifest=json.dumps(MANIFEST)).where(
        Plugin.bundle == "dashboard.core.notes"
    ).execute()
    store(cast, config=to_json({"word": "x", "feeds": [ROW]}), secrets="{}")
    return login(client, cast.bob)


def store(cast, **columns):
    here = (Application.unit == cast.daily) & (Application.workspace == "ws-one")
    Application.update(**columns).where(here & (Application.uid == "app-1")).execute()


def stored(cast):
    here = (Application.workspace == "ws-one") & (Application.uid == "app-1")
    row = Application.of(cast.daily).where(here).get()
    return json.loads(row.config) | json.loads(row.secrets)


def rows(*given, count=None):
    """The fields of the table, as a browser sends them."""
    data = {"config-feeds-rows": str(len(given) if count is None else count)}
    for number, row in enumerate(given):
        for key, text in row.items():
            data[f"config-feeds-{number}-{key}"] = text
    return data


A = {
    "url": "https://a.example/",
    "count": "2",
    "size": "l",
}  # as ROW is sent: the box is not ticked
B = {"url": "https://b.example/", "on": "true"}


def post(client, cast, *given, **values):
    data = form(cast.daily, title="") | {"config-word": "x"} | rows(*given)
    data |= {f"config-{key}": text for key, text in values.items() if not key.startswith("_")}
    data |= {key.strip("_"): text for key, text in values.items() if key.startswith("_")}
    data = {key.replace("add_row", "add-row").replace("drop_row", "drop-row"): text
            for key, text in data.items()}  # fmt: skip
    return client.post(PAGE, data=data)


def test_a_table_shows_what_is_stored_and_one_row_more(bob, cast):
    page = bob.get(PAGE).text
    assert 'name="config-feeds-rows" value="2"' in page
    assert 'name="config-feeds-0-url" value="https://a.example/"' in page
    assert 'name="config-feeds-1-on" value="true" checked' in page  # the default of a new row
    assert 'name="config-secret-rows"' in page  # nested secrets stay JSON


def test_rows_are_added_changed_and_left_out(bob, cast):
    assert post(bob, cast, A, B, {"on": "true"}).status_code == 303
    assert stored(cast)["feeds"] == [ROW, {"url": "https://b.example/", "on": True}]
    assert post(bob, cast, {"url": ""}, B | {"count": "7"}).status_code == 303
    assert stored(cast)["feeds"] == [{"url": "https://b.example/", "count": 7, "on": True}]
    assert post(bob, cast).status_code == 303
    assert stored(cast)["feeds"] == []


def test_saving_what_was_not_touched_changes_nothing(bob, cast):
    strange = {"word": "x", "feeds": [{"url": "https://a.example/", "size": ""}]}
    store(cast, config=to_json(strange))
    sent = {"url": "https://a.example/", "size": ""}
    assert post(bob, cast, sent).status_code == 303
    assert stored(cast) == strange


@pytest.mark.parametrize(
    ("row", "words", "cell"),
    [
        ({"url": "x y"}, "feeds › 2 › url: Write a whole address", "url"),
        (B | {"count": "0"}, "feeds › 2 › count: Enter at least 1.", "count"),
        (B | {"count": "many"}, "2 › Count: Write a whole number.", "count"),
        ({"count": "3"}, "feeds › 2 › url: Fill this in.", "url"),
        (B | {"size": "m"}, "2 › Size: Choose one of", "size"),
        ({"url": "a\0b"}, "NUL", "url"),
    ],
)  # fmt: skip
def test_a_bad_cell_is_named_marked_and_kept(bob, cast, row, words, cell):
    before = state_of(cast.daily)
    answer = post(bob, cast, A, row)
    assert answer.status_code == 422
    assert words in answer.text
    tag = answer.text.split(f'name="config-feeds-1-{cell}"')[1].split(">")[0]
    assert 'aria-invalid="true"' in tag
    assert state_of(cast.daily) == before


def test_a_rule_for_the_whole_table_stands_at_it(bob, cast):
    before = state_of(cast.daily)
    answer = post(bob, cast, A, B, B, B)
    assert answer.status_code == 422
    assert "Keep at most 3 entries." in answer.text
    assert state_of(cast.daily) == before


@pytest.mark.parametrize("header", [{}, {"HX-Request": "true"}])
def test_a_row_is_added_and_taken_out_without_saving(bob, cast, header):
    before = state_of(cast.daily)
    data = form(cast.daily, title="T") | {"config-word": "much too long"} | rows(A, B)
    answer = bob.post(PAGE, data=data | {"add-row": "feeds"}, headers=header)
    assert answer.status_code == 200
    assert 'name="config-feeds-rows" value="3"' in answer.text
    assert 'value="https://b.example/"' in answer.text
    assert 'value="much too long"' in answer.text
    answer = bob.post(PAGE, data=data | {"drop-row": "feeds/0"}, headers=header)
    assert answer.status_code == 200
    assert 'value="https://a.example/"' not in answer.text
    assert 'name="config-feeds-0-url" value="https://b.example/"' in answer.text
    assert state_of(cast.daily) == before


@pytest.mark.parametrize("count", ["", "x", "-1", "99999", "1e9", "9" * 5000])
def test_a_strange_number_of_rows_is_bounded(bob, cast, count):
    data = form(cast.daily, title="") | {"config-word": "x"} | rows(count=count)
    assert bob.post(PAGE, data=data).status_code in (303, 422)
    data |= {"drop-row": "feeds/99", "add-row": "other"}
    assert bob.post(PAGE, data=data).status_code == 200


def test_a_typed_secret_is_asked_for_again_when_a_row_is_added(bob, cast):
    data = form(cast.daily, title="") | rows(A) | {"config-token": "hush-1", "add-row": "feeds"}
    page = bob.post(PAGE, data=data).text
    assert "hush-1" not in page
    assert "Type it again" in page


def test_what_a_table_cannot_show_is_json(bob, cast):
    for feeds in ([ROW | {"more": 1}], ["x"], [{"url": ["x"]}], "${DBKS:FEEDS}", [{"on": False}]):
        store(cast, config=to_json({"word": "x", "feeds": feeds}))
        page = bob.get(PAGE).text
        assert 'name="config-feeds-rows"' not in page
        assert '<textarea class="code"' in page or 'name="config-feeds"' in page
    text = bob.get(f"{PAGE}?as=text").text
    assert "Show switches, choices and lists again" in text


def test_a_list_has_one_text_in_a_line(bob, cast):
    assert post(bob, cast, A, hosts=" a.example \r\n\r\nb.example").status_code == 303
    assert stored(cast)["hosts"] == ["a.example", "b.example"]
    assert "a.example\nb.example</textarea>" in bob.get(PAGE).text.replace("\r", "")
    answer = post(bob, cast, A, hosts="a.example\nb example")
    assert answer.status_code == 422
    assert "hosts › 2: Write the name of a host" in answer.text


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"word": "sixsix"}, "Use at most 5 characters."),
        ({"rules": '{"a": "x"}'}, "rules › a: A whole number belongs here."),
        ({"token": "abc"}, "Use at least 4 characters."),
        ({"size": "${DBKS:WORD}"}, "The config key WORD holds text. A whole number belongs here."),
        ({"token": "${DBKS:PIN}"}, "The config key PIN does not fit. Use at least 4 characters."),
    ],
)
def test_a_rule_of_the_schema_is_kept_after_references_are_put_in(bob, cast, values, words):
    ConfigKey.create(unit=cast.daily, name="WORD", type="string", value="hush-word")
    ConfigKey.create(unit=cast.daily, name="PIN", type="secret", secret="shh")
    before = state_of(cast.daily)
    answer = post(bob, cast, A, **values)
    assert answer.status_code == 422
    assert words in answer.text
    assert "hush" not in answer.text
    assert "shh" not in answer.text
    assert state_of(cast.daily) == before


def test_a_missing_reference_is_a_warning_at_its_field(bob, cast):
    assert post(bob, cast, A, size="${DBKS:GONE}").status_code == 303
    assert stored(cast)["size"] == "${DBKS:GONE}"
    page = bob.get(PAGE).text
    assert "There is no config key GONE." in page
    assert "field__error" not in page
    ConfigKey.create(unit=cast.daily, name="GONE", type="number", value="5")
    assert "There is no config key" not in bob.get(PAGE).text


def test_a_missing_reference_in_a_stored_secret_is_told_too(bob, cast):
    store(cast, secrets=to_json({"token": "${DBKS:LOST}"}))
    assert "There is no config key LOST." in bob.get(PAGE).text


def test_what_was_not_touched_is_marked_and_in_nobodys_way(bob, cast):
    store(cast, config=to_json({"word": "sixsix", "size": "x", "hosts": ["a b"]}))
    page = bob.get(PAGE).text
    assert page.count("field__warning") == 3
    assert post(bob, cast, word="sixsix", size="x", hosts="a b").status_code == 303
    answer = post(bob, cast, word="sixsix", size="x", hosts="c d")
    assert answer.status_code == 422
    assert "hosts › 1: Write the name of a host" in answer.text


def test_the_place_of_an_error_in_json_is_shown(bob, cast):
    answer = post(bob, cast, A, rules='{\r\n  "a": 1,\r\n  "b": <b>\r\n}')
    assert answer.status_code == 422
    assert "Line 3, column 8: a value is missing here." in answer.text
    assert "<mark>&lt;</mark>b&gt;" in answer.text


def test_rules_that_cannot_be_asked_are_said_to_be_so(bob, cast):
    broken = {"settingsSchema": {"application": SCHEMA | {"$ref": "#"}}}
    Plugin.update(manifest=json.dumps(broken)).where(
        Plugin.bundle == "dashboard.core.notes"
    ).execute()
    assert "are circular" in bob.get(PAGE).text
    assert post(bob, cast, A, word="other").status_code == 303


def test_a_stale_form_keeps_its_rows(bob, cast):
    before = state_of(cast.daily)
    answer = bob.post(PAGE, data={"revision": "99", "title": "", "config-word": "x"} | rows(A, B))
    assert answer.status_code == 409
    assert 'name="config-feeds-1-url" value="https://b.example/"' in answer.text
    assert state_of(cast.daily) == before
