"""A config against the schema of a manifest: right words at the right place, whoever wrote both."""

import socket
import time

import pytest

from dashboard.models import KeyType
from dashboard.plugins import checking
from dashboard.plugins.checking import check
from dashboard.plugins.references import Key

KEYS = {
    "SECRET": Key(KeyType.SECRET, "hush-secret"),
    "SIZE": Key(KeyType.NUMBER, "50"),
    "WORD": Key(KeyType.STRING, "fifty"),
    "FEEDS": Key(KeyType.JSON, '[{"name": "x"}]'),
}
FEEDS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["url"],
        "properties": {"url": {"type": "string", "format": "uri"}, "name": {"type": "string"}},
    },
}


def words(rules, value, **more):
    schema = {"type": "object", "properties": {"a": rules}, **more}
    return [problem.words for problem in check(schema, {"a": value}, KEYS).problems]


@pytest.mark.parametrize(
    ("rules", "value", "said"),
    [
        ({"type": "integer"}, 1.5, "A whole number belongs here."),
        ({"type": ["array", "null"]}, 1, "A list [ … ] or nothing belongs here."),
        ({"enum": ["x", None, 3]}, "y", "Choose one of: x, null, 3."),
        ({"const": "x"}, "y", "Choose one of: x."),
        ({"minimum": 1}, 0, "Enter at least 1."),
        ({"maximum": 1.5}, 2, "Enter at most 1.5."),
        ({"exclusiveMinimum": 1}, 1, "Enter more than 1."),
        ({"exclusiveMaximum": 1}, 1, "Enter less than 1."),
        ({"multipleOf": 5}, 7, "Enter a multiple of 5."),
        ({"minLength": 2}, "x", "Use at least 2 characters."),
        ({"maxLength": 1}, "xy", "Use at most 1 character."),
        ({"pattern": "^[a-z]+$"}, "A", "Write it in the form that is asked for: ^[a-z]+$"),
        ({"format": "email"}, "x", "Write an e-mail address like name@example.org."),
        ({"format": "uri"}, "x y", "Write a whole address like https://www.example.org/."),
        ({"format": "date"}, "2026-02-30", "Write a date like 2027-01-31."),
        ({"minItems": 1}, [], "Add more: at least 1 entry."),
        ({"maxItems": 1}, [1, 2], "Keep at most 1 entry."),
        ({"uniqueItems": True}, [1, 1], "Remove what is listed twice."),
        ({"required": ["x"]}, {}, "a › x: Fill this in."),
        ({"additionalProperties": False}, {"x": 1},
         "a › x: The plugin does not know this setting. Remove it."),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 1,
         "This does not fit what the plugin asks for."),
        (FEEDS, [{"url": "https://x.example"}, {"url": "x"}],
         "a › 2 › url: Write a whole address like https://www.example.org/."),
        (FEEDS, [{"name": 5, "url": "https://x.example"}], "a › 1 › name: Text belongs here."),
    ],
)  # fmt: skip
def test_a_broken_rule_is_told_in_a_sentence_with_its_place(rules, value, said):
    assert words(rules, value) == [said]


@pytest.mark.parametrize(
    ("rules", "value"),
    [
        ({"type": "integer", "maximum": 50}, "${DBKS:SIZE}"),
        ({"type": "string", "minLength": 11}, "${DBKS:SECRET}"),
        ({"type": "string", "maxLength": 7}, "a ${DBKS:WORD}"),
        ({"type": "integer"}, 5.0),
        ({"format": "uri"}, ""),
        ({"format": "unheard-of"}, "x"),
        ({"type": "string", "enum": ["x"]}, ""),
        (FEEDS, []),
    ],
)
def test_what_fits_after_references_are_put_in_is_fine(rules, value):
    assert words(rules, value) == []


@pytest.mark.parametrize(
    ("rules", "value", "said"),
    [
        ({"type": "integer"}, "${DBKS:WORD}",
         "The config key WORD holds text. A whole number belongs here."),
        ({"maximum": 9}, "${DBKS:SIZE}", "The config key SIZE does not fit. Enter at most 9."),
        (FEEDS, "${DBKS:FEEDS}", "a › 1 › url: The config key FEEDS does not fit. Fill this in."),
    ],
)  # fmt: skip
def test_what_a_config_key_brings_is_checked_and_the_key_named(rules, value, said):
    assert words(rules, value) == [said]


@pytest.mark.parametrize(
    "rules",
    [{"type": "integer"}, {"enum": ["x"]}, {"pattern": "^x$"}, {"maxLength": 2}, {"const": "x"},
     {"format": "email"}, {"not": {"type": "string"}}],
)  # fmt: skip
def test_a_secret_never_stands_in_a_sentence(rules):
    said = words(rules, "${DBKS:SECRET}")
    assert len(said) == 1
    assert "hush" not in said[0]


def test_a_reference_that_leads_nowhere_is_told_and_not_refused():
    schema = {"properties": {"a": {"type": "integer"}, "b": {"items": {"type": "integer"}}}}
    found = check(schema, {"a": "${DBKS:GONE}", "b": [1, "${DBKS:LOST}", "x"]}, KEYS)
    assert found.missing == {"GONE", "LOST"}
    assert [problem.words for problem in found.problems] == ["b › 3: A whole number belongs here."]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"properties": {"a": {"$ref": "#/properties/a"}}},
        {"$ref": "#/$defs/x"},
        {"minimum": "x", "properties": {"a": {"minimum": []}}},
        {"properties": 7},
        {"properties": {"a": {"multipleOf": 0}}},
        {"properties": {"a": {"enum": 5}}},
        {"properties": {"a": {"type": "no such type"}}},
    ],
)
def test_a_schema_that_makes_no_sense_is_said_to_be_unchecked(schema):
    found = check(schema, {"a": 1}, {})
    assert found.problems == ()
    assert "taken as they are" in found.unchecked


def test_a_schema_is_never_fetched(monkeypatch):
    asked = []

    def forbidden(*args, **_kwargs):
        asked.append(args)
        raise OSError("no network")

    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(socket, "create_connection", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    away = "http://127.0.0.1:9/schema"
    for schema in ({"$ref": away}, {"$id": away, "$ref": "other"}, {"$schema": away},
                   {"$dynamicRef": away}, {"allOf": [{"$ref": away}]}):  # fmt: skip
        assert check(schema, {"a": 1}, {}).problems == ()
    assert asked == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/d0",
         "$defs": {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(30)}
         | {"d30": {"type": "object"}}},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "#/$defs/d0",
         "$defs": {f"d{i}": {"$schema": "https://json-schema.org/draft/2020-12/schema",
                             "anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(30)}
         | {"d30": {"type": "string"}}},
        {"items": {}, "properties": {"a": {"items": {"allOf": [{"type": "integer"}] * 500}}}},
        {"properties": {"a": {"patternProperties": {}, "uniqueItems": True}}},
    ],
)  # fmt: skip
def test_a_schema_cannot_keep_the_server_busy(schema):
    begun = time.thread_time()
    check(schema, {"a": [{"n": i} for i in range(5_000)]}, {})
    assert time.thread_time() - begun < checking.MAX_SECONDS + 1.5


def test_a_schema_brings_a_bounded_number_of_problems():
    found = check(
        {"additionalProperties": {"type": "integer"}}, {f"k{i}": "x" for i in range(999)}, {}
    )
    assert len(found.problems) == checking.MAX_PROBLEMS
