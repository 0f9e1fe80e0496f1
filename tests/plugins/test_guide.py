"""docs/plugins.md: the plugin that it writes is taken out of it and used, by its own words."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from dashboard.models import Application, AuditEvent, PluginMapping, PluginPermission
from dashboard.plugins import acts, install, registry, schema
from dashboard.plugins.mappings import State, standing
from dashboard.plugins.render import Placement
from dashboard.web import cards
from tests.web.unit_state import form

GUIDE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()
FILES = dict(re.findall(r"^`duty_roster/([^`]+)`\n\n```\w+\n(.*?)^```$", GUIDE, re.DOTALL | re.M))
ROSTER, ANNOUNCEMENTS = "org.example.duty-roster", "dashboard.core.announcements"
HOME = "/u/daily/w/ws-one"


def test_the_guide_has_every_file():
    assert set(FILES) == {
        "manifest.json",
        "__init__.py",
        "application.html",
        "portals/on-duty.html",
    }


@pytest.fixture
def roster(new_plugin):
    new_plugin("duty_roster", FILES)
    return registry.find(ROSTER)


@pytest.fixture
def alice(client, cast, login, roster):
    return login(client, cast.alice)


def post(client, cast, address, **data):
    answer = client.post(f"/u/daily/{address}", data=form(cast.daily) | data)
    assert answer.status_code == 303, answer.text
    return answer


def use(alice, cast):
    """Do what the chapter "Use it" says, on the screens it names; return the card's address."""
    for bundle in (ANNOUNCEMENTS, ROSTER):
        post(alice, cast, f"admin/plugins/{bundle}/install")
        post(alice, cast, f"admin/plugins/{bundle}/active", active="yes")
    at = f"admin/plugins/{ROSTER}"
    post(alice, cast, f"{at}/config", **{"config-people": "Anna\nBo\nCem\nDi"})
    post(alice, cast, f"{at}/permissions", **{"roles.HAND_OVER": "user"})
    permit(cast, ANNOUNCEMENTS, "ANNOUNCE")
    post(alice, cast, "w/ws-one/applications", bundle=ROSTER, column="0")
    placed = Application.of(cast.daily).where(Application.bundle == ROSTER).get()
    assert json.loads(placed.config) == {"next": 2}
    return f"{HOME}/a/{placed.uid}"


def permit(cast, bundle, key):
    PluginPermission.create(unit=cast.daily, bundle=bundle, key=key, role="user")


def people(cast):
    return json.loads(install.plugin_of(cast.daily, ROSTER).config)["people"].split("\n")


def test_it_keeps_what_its_manifest_promises(roster):
    manifest = roster.manifest
    assert all(map(roster.has_offer, manifest.offers))
    assert {act.permission for act in roster.acts.values()} <= {
        key.id for key in manifest.permission_keys
    }
    assert [field.kind for field in manifest.plugin_fields] == [schema.Kind.LINES]


def test_it_is_installed_placed_shown_and_acts(app, alice, cast, login, as_htmx):
    card = use(alice, cast)
    [tell] = standing(cast.daily, ROSTER)
    assert (tell.state, tell.auto) == (State.SERVED, True)
    text = alice.get(card, headers=as_htmx).text
    assert "<strong>Anna</strong> is on duty." in text
    assert "Next: Bo, Cem</p>" in text
    assert "Hand over</button>" not in text  # the admin gave it to users only
    ursula = login(app.test_client(), cast.ursula)
    assert "Hand over</button>" in ursula.get(card, headers=as_htmx).text
    events = AuditEvent.select().count()
    answer = ursula.post(f"{card}/act/hand-over", data={"why": "lunch"}, headers=as_htmx)
    assert "<strong>Bo</strong> is on duty." in answer.text
    assert people(cast) == ["Bo", "Cem", "Di", "Anna"]
    assert "Anna hands over to Bo: lunch" in ursula.get(f"{HOME}?plain=1").text
    assert AuditEvent.select().count() == events + 1


def test_without_anybody_to_tell_it_goes_on(app, alice, cast, login, as_htmx):
    card = use(alice, cast)
    PluginMapping.delete().where(PluginMapping.bundle == ROSTER).execute()
    ursula = login(app.test_client(), cast.ursula)
    assert ursula.post(f"{card}/act/hand-over", headers=as_htmx).status_code == 200
    assert people(cast)[0] == "Bo"
    assert json.loads(install.plugin_of(cast.daily, ANNOUNCEMENTS).config)["messages"] == ""


def test_alone_on_the_roster_one_is_told_what_to_do(app, alice, cast, login, as_htmx):
    card = use(alice, cast)
    at = f"admin/plugins/{ROSTER}/config"
    post(alice, cast, at, **{"config-people": "Anna"})
    ursula = login(app.test_client(), cast.ursula)
    answer = ursula.post(f"{card}/act/hand-over", headers=as_htmx)
    assert answer.status_code == 422
    assert "There is nobody to hand over to." in answer.text
    post(alice, cast, at, **{"config-people": ""})
    assert "Nobody is on duty." in ursula.get(card, headers=as_htmx).text


def test_others_show_who_is_on_duty_and_add_people(app, alice, cast, login, as_htmx, new_plugin):
    use(alice, cast)
    at = f"admin/plugins/{ANNOUNCEMENTS}"
    page = alice.get(f"/u/daily/{at}").text
    assert "Duty roster: Who is on duty</option>" in page
    post(alice, cast, f"{at}/mappings", **{"portal.BESIDE": f"{ROSTER}/on-duty"})
    post(alice, cast, "w/ws-one/applications", bundle=ANNOUNCEMENTS, column="0")
    assert '<span class="quiet">On duty:</span> <strong>Anna</strong>' in (
        alice.get(f"{HOME}?plain=1").text
    )
    add_person = registry.find(ROSTER).actions["add-person"].run
    here = Placement({}, {}, None, lambda key: True)
    called = acts.Called({"name": " Eva\n"}, here, {"people": "Anna"}, lambda: iter(()))
    assert add_person(called) == {"people": "Anna\nEva"}
    with pytest.raises(acts.ActProblem):
        add_person(dataclasses.replace(called, arguments={}))


@pytest.mark.parametrize("given", [Placement, acts.Doing, acts.Called])
def test_everything_that_code_is_given_is_in_the_guide(given):
    table = GUIDE.split(f"| `{given.__name__}` | |")[1].split("\n\n")[0]
    names = {field.name for field in dataclasses.fields(given)}
    names |= {name for name, what in vars(given).items() if isinstance(what, property)}
    for row in table.splitlines()[2:]:
        for name in re.findall(r"`(\w+)[`(]", row.split("|")[1]):
            assert name in names
            names.discard(name)
    assert not names


def test_what_templates_get_is_in_the_guide():
    table = GUIDE.split("| in the template | |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)", table, re.M)) == set(cards.NO_TOOLS)
