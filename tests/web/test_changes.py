"""What an import would change, on the page: counts, names, and fields on demand."""

import html
import json
import re
import sys

import pytest

from dashboard.models import UNIT_STATE, ConfigKey, Plugin, Role
from dashboard.models.people import set_role
from tests.backup.conftest import Unchanged
from tests.web.test_backups import PAGE, admin, import_, saved, ticket_in, validate  # noqa: F401

CANARY = "hush-canary"


@pytest.fixture
def preview(admin, cast, saved):  # noqa: F811
    """`preview(headers)`: the preview after a key went, one changed, and secrets were replaced."""
    mine = ConfigKey.unit == cast.daily
    ConfigKey.create(unit=cast.daily, name="Mine", type="string", value="<b>", description="")
    ConfigKey.delete().where(mine, ConfigKey.name == "K0000").execute()
    ConfigKey.update(description="d").where(mine, ConfigKey.name == "K0001").execute()
    ConfigKey.update(secret=CANARY).where(mine, ConfigKey.name == "K0004").execute()
    Plugin.update(secrets=json.dumps({"apiKey": CANARY})).where(
        Plugin.unit == cast.daily, Plugin.bundle == "example.desk.ghost"
    ).execute()

    def make(**kwargs):
        return validate(admin, saved, **kwargs)

    return make


def words_of(response) -> str:
    text = re.sub(r"<[^>]+>", " ", response.text)
    return re.sub(r"\s+", " ", html.unescape(text))


def fields(browser, ticket, section, key, *, page=PAGE, **kwargs):
    data = {"ticket": ticket, "section": section, "key": json.dumps(key)}
    return browser.post(f"{page}/fields", data=data, **kwargs)


@pytest.mark.parametrize("htmx", [False, True])
def test_the_preview_says_what_goes_comes_and_changes(preview, htmx, as_htmx):
    response = preview(headers=as_htmx if htmx else {})
    words = words_of(response)
    assert (
        "1 will be gone 1 will come 3 will change"
        " What will be gone is in the unit now, and not in this backup." in words
    )
    assert "Config keys 20 20 1 1 2" in words
    assert "Plugins 2 2 0 0 1" in words
    assert "Config keys 1 will be gone 1 will come 2 will change" in words
    assert "gone Mine come K0000 change K0001 change K0004" in words
    assert response.text.count("<details>") == 2
    assert "hush" not in response.text


def test_a_preview_of_the_very_same_state_says_so(admin, saved):  # noqa: F811
    response = validate(admin, saved)
    assert "nothing will change" in words_of(response)
    assert "<details>" not in response.text


def test_without_losses_the_preview_says_so(admin, cast, saved):  # noqa: F811
    ConfigKey.delete().where(ConfigKey.unit == cast.daily, ConfigKey.name == "K0000").execute()
    words = words_of(validate(admin, saved))
    assert "1 will come Nothing will be gone: all that is in the unit now is in this" in words


def test_an_empty_unit_has_nothing_to_lose(admin, cast, saved):  # noqa: F811
    for model in reversed(UNIT_STATE):
        model.delete().where(model.unit == cast.daily).execute()
    words = words_of(validate(admin, saved))
    assert "will come Harbour Daily is empty: there is nothing to lose." in words
    assert "Nothing will be gone" not in words


def test_what_will_change_is_not_told_as_if_nothing_were_lost(admin, cast, saved):  # noqa: F811
    mine = (ConfigKey.unit == cast.daily) & (ConfigKey.name << ["K0001", "K0002"])
    ConfigKey.update(description="mine").where(mine).execute()
    words = words_of(validate(admin, saved))
    assert (
        "2 will change Nothing will be gone, but not everything is the same in this backup."
        in words
    )
    assert "is in this backup too" not in words


def test_a_hundred_names_of_each_kind_are_shown_and_the_rest_is_counted(admin, cast, saved):  # noqa: F811
    for number in range(130):
        name = f"Mine{number}"
        ConfigKey.create(unit=cast.daily, name=name, type="string", value="", description="")
    mine = ConfigKey.unit == cast.daily
    ConfigKey.delete().where(mine, ConfigKey.name == "K0000").execute()
    ConfigKey.update(description="d").where(mine, ConfigKey.name << ["K0001", "K0002"]).execute()
    response = validate(admin, saved)
    assert response.text.count('name="key"') == 100 + 1 + 2
    assert (
        "And 30 more will be gone: the command backup diff lists them all."
        " come K0000 change K0001 change K0002 "
    ) in words_of(response)
    assert words_of(response).count("lists them all") == 1


@pytest.mark.parametrize("htmx", [False, True])
def test_each_name_opens_its_fields(admin, preview, htmx, as_htmx):  # noqa: F811
    headers = as_htmx if htmx else {}
    shown = preview(headers=headers)
    button = re.search(r'name="key" value="([^"]+)"[^>]*>K0001<', shown.text)
    key = json.loads(html.unescape(button[1]))
    response = fields(admin, ticket_in(shown), "config_keys", key, headers=headers)
    assert response.status_code == 200
    assert ("<html" in response.text) is not htmx
    assert "description d key 1" in words_of(response)


def test_markup_in_a_value_is_text(admin, preview, as_htmx):  # noqa: F811
    response = fields(admin, ticket_in(preview()), "config_keys", ["Mine"], headers=as_htmx)
    assert "&lt;b&gt;" in response.text
    assert "<b>" not in response.text


@pytest.mark.parametrize("htmx", [False, True])
def test_secrets_are_told_as_different_and_never_shown(admin, preview, htmx, as_htmx):  # noqa: F811
    headers = as_htmx if htmx else {}
    ticket = ticket_in(preview())
    for section, key in (("config_keys", "K0004"), ("plugins", "example.desk.ghost")):
        response = fields(admin, ticket, section, [key], headers=headers)
        assert "secret, different" in words_of(response)
        assert "hush" not in response.text


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("users", ["alice"]),
        ("", []),
        ("config_keys", []),
        ("config_keys", {"name": "K0001"}),
        ("config_keys", ["no such key"]),
        ("config_keys", ["\ud800"]),
        ("config_keys", [["K0001"]]),
        ("config_keys", [None]),
        ("config_keys", ["K0002"]),  # the same on both sides
        ("toolbar", [10**30]),
    ],
)
def test_what_does_not_change_has_no_fields(admin, preview, section, key):  # noqa: F811
    assert fields(admin, ticket_in(preview()), section, key).status_code == 404


def test_very_many_fields_are_cut(admin, preview, monkeypatch, as_htmx):  # noqa: F811
    monkeypatch.setattr(sys.modules["dashboard.web.changes"], "FIELDS_SHOWN", 2)
    response = fields(admin, ticket_in(preview()), "config_keys", ["Mine"], headers=as_htmx)
    assert "And 2 more fields." in words_of(response)


def test_a_preview_is_looked_into_by_its_owner_alone(admin, app, login, cast, preview):  # noqa: F811
    ticket = ticket_in(preview())
    set_role(cast.bob, cast.daily, Role.ADMIN)
    bob, mallory = (login(app.test_client(), user) for user in (cast.bob, cast.mallory))
    weekly = "/u/weekly/admin/backup"
    with Unchanged(cast.daily, cast.weekly):
        assert fields(bob, ticket, "config_keys", ["K0001"]).status_code == 409
        assert fields(mallory, ticket, "config_keys", ["K0001"]).status_code == 404
        assert fields(mallory, ticket, "config_keys", ["K0001"], page=weekly).status_code == 409
        assert fields(admin, "no ticket", "config_keys", ["K0001"]).status_code == 409
    assert fields(admin, ticket, "config_keys", ["K0001"]).status_code == 200


def test_a_preview_of_a_state_that_is_gone_is_closed(admin, cast, preview):  # noqa: F811
    ticket = ticket_in(preview())
    cast.daily.revision += 1
    cast.daily.save()
    response = fields(admin, ticket, "config_keys", ["K0001"])
    assert response.status_code == 409
    assert "has changed since" in response.text


def test_after_the_import_there_is_nothing_to_look_into(admin, preview):  # noqa: F811
    ticket = ticket_in(preview())
    import_(admin, ticket)
    assert fields(admin, ticket, "config_keys", ["K0001"]).status_code == 409


def test_a_ticket_is_in_no_address(preview):
    response = preview()
    assert not re.search(r'(?:href|action|hx-\w+)="[^"]*' + ticket_in(response), response.text)
