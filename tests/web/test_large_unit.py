"""A unit as large as its backup may be: pages cost as many queries as in a small one, and say what
they leave out."""

import re

import peewee
import pytest

from dashboard.models import (
    Membership,
    Profile,
    ProfileRole,
    ProfileWorkspace,
    Workspace,
    order_of,
)
from tests.web.unit_state import form, revision

pytestmark = pytest.mark.slow
WORKSPACES, PROFILES = 20_000, 5_000
QUERIES = 22


def insert(table, rows):
    for batch in peewee.chunked(rows, 2000):
        table.insert_many(batch).execute()


@pytest.fixture
def large(cast):
    """The daily, filled up: each profile holds forty workspaces, the first one everything."""
    unit = cast.daily
    insert(
        Workspace,
        (
            {"unit": unit, "uid": f"w{n:05}", "name": f"Workspace {n:05}", "icon_text": "W",
             "position": n + 2}
            for n in range(WORKSPACES - 2)
        ),
    )  # fmt: skip
    insert(
        Profile,
        (
            {"unit": unit, "uid": f"p{n:04}", "name": f"Profile {n:04}", "position": n + 1}
            for n in range(PROFILES - 1)
        ),
    )
    insert(
        ProfileRole,
        ({"unit": unit, "profile": f"p{n:04}", "role": "user"} for n in range(PROFILES - 1)),
    )
    insert(
        ProfileWorkspace,
        (
            {"unit": unit, "profile": f"p{n:04}", "position": at, "workspace": f"w{at + n:05}"}
            for n in range(PROFILES - 1)
            for at in range(WORKSPACES - 10_000 if n == 0 else 10)
        ),
    )
    return cast


def count(text, pattern):
    return len(re.findall(pattern, text))


def test_every_page_stays_small(client, app, large, login, query_count):
    alice, ursula = login(client, large.alice), login(app.test_client(), large.ursula)
    Membership.update(profile_uid="p4998").where(Membership.user == large.ursula).execute()
    pages = {}
    for browser, address in (
        (alice, "w/ws-one"),
        (alice, "workspaces"),
        (alice, "workspaces?page=100"),
        (alice, "workspaces/new"),
        (alice, "w/ws-one/settings"),
        (alice, "w/ws-one/delete"),
        (alice, "admin/workspaces"),
        (alice, "admin/workspaces?page=200"),
        (alice, "admin/profiles"),
        (alice, "profiles?page=50"),
        (alice, "profiles/p0000"),
        (alice, "profiles/p0001"),
        (ursula, "profile"),
        (ursula, "w/ws-one"),
    ):
        with query_count() as queries:
            answer = browser.get(f"/u/daily/{address}")
        assert answer.status_code == 200, address
        assert len(queries) <= QUERIES, (address, queries)
        assert len(answer.data) < 700_000, address
        pages[address if browser is alice else f"ursula {address}"] = answer.text

    assert "Find another workspace" in pages["w/ws-one"]
    assert count(pages["w/ws-one"], r'class="bar__item" href="/u/daily/w/') == 200
    # An own private workspace is not hers, so alice has one fewer than there are.
    assert "19,999 workspaces, page 1 of 200" in pages["workspaces"]
    assert "20,000 workspaces, page 1 of 200" in pages["admin/workspaces"]
    assert "5,000 profiles, page 50 of 50" in pages["profiles?page=50"]
    assert "and 9,992 more" in pages["admin/profiles"]
    assert "Only the first 100 profiles are listed" in pages["workspaces/new"]
    assert "9,500 more workspaces in this profile" in pages["profiles/p0000"]
    assert "19,499 more workspaces are too many to list" in pages["profiles/p0001"]
    menu = pages["ursula w/ws-one"]
    assert count(menu, r'name="profile" value="p') == 50
    assert "Find another profile" in menu
    assert re.search(r'value="p4998" class="menu__item" aria-pressed="true"', menu)
    assert "5,000 profiles, page 1 of 50" in pages["ursula profile"]


def test_nothing_that_is_not_listed_is_lost(client, large, login):
    alice = login(client, large.alice)

    def inside():
        rows = ProfileWorkspace.of(large.daily).where(ProfileWorkspace.profile == "p0000")
        return [row.workspace for row in rows.order_by(ProfileWorkspace.position)]

    before = inside()
    ticked = [*before[1:1000], "ws-one"]
    data = form(large.daily, name="Profile 0000", workspace=ticked, roles="user")
    answer = alice.post("/u/daily/profiles/p0000", data=data)
    assert answer.status_code == 303
    after = inside()
    assert set(after) == set(before) - {before[0]} | {"ws-one"}
    assert [uid for uid in after if uid != "ws-one"] == before[1:]


def test_the_last_workspace_becomes_the_first(client, large, login, query_count):
    alice = login(client, large.alice)
    page = "/u/daily/admin/workspaces"
    last = Workspace.of(large.daily).order_by(Workspace.position.desc()).first()
    with query_count() as queries:
        alice.post(f"{page}/{last.uid}/move", data=form(large.daily, place="0"))
    assert len(queries) <= QUERIES
    first = Workspace.of(large.daily).order_by(*order_of(Workspace)).first()
    assert first.uid == last.uid
    # The first of the second page, one place up, ends the first page.
    data = {"revision": str(revision(large.daily)), "direction": "up"}
    uid = Workspace.of(large.daily).where(Workspace.position == 100).get().uid
    alice.post(f"{page}/{uid}/move?page=2", data=data)
    assert Workspace.of(large.daily).where(Workspace.uid == uid).get().position == 99


def test_a_workspace_beyond_the_bar_is_opened_again(client, large, login):
    alice = login(client, large.alice)
    alice.get("/u/daily/w/w15000")
    assert alice.get("/u/daily/").location == "/u/daily/w/w15000"
