"""Moving by button and by hand: applications, workspaces, profiles; and orders that changed."""

import pytest

from dashboard.models import (
    Application,
    AuditEvent,
    Profile,
    Workspace,
    changing,
    move_to,
    order_of,
    place_of,
)
from tests.web.unit_state import form, revision, state_of

WS = "/u/daily/w/ws-one/applications"
BOTH = pytest.mark.parametrize("use_htmx", [False, True])


@pytest.fixture
def alice(client, cast, login):
    return login(client, cast.alice)


@pytest.fixture
def bob(app, cast, login):
    return login(app.test_client(), cast.bob)


@pytest.fixture
def four(cast):
    """The cast, and in the daily four workspaces and four profiles: a, b, c, d."""
    for table in (Workspace, Profile):
        table.delete().where(table.unit == cast.daily).execute()
        for number, uid in enumerate("abcd"):
            icon = {"icon_text": uid} if table is Workspace else {}
            name = f"Name {uid}"
            table.create(unit=cast.daily, uid=uid, name=name, position=number, **icon)
    return cast


def order(unit, table):
    return "".join(row.uid for row in table.of(unit).order_by(*order_of(table)))


def columns(unit):
    rows = Application.of(unit).where(Application.workspace == "ws-one")
    ordered = rows.order_by(Application.column, Application.position)
    return [(row.uid, row.column, row.position) for row in ordered]


@BOTH
@pytest.mark.parametrize(
    ("column", "place", "expected"),
    [
        (1, 0, [("app-0", 1, 0), ("app-1", 1, 1)]),
        (1, 1, [("app-1", 1, 0), ("app-0", 1, 1)]),
        (1, 99, [("app-1", 1, 0), ("app-0", 1, 1)]),
        (3, 0, [("app-0", 1, 0), ("app-1", 1, 1)]),
        (0, 0, [("app-0", 0, 0), ("app-1", 1, 0)]),
    ],
)
def test_a_dropped_application_is_where_it_was_dropped(
    bob, cast, as_htmx, use_htmx, column, place, expected
):
    data = form(cast.daily, column=column, place=place)
    headers = as_htmx if use_htmx else {}
    answer = bob.post(f"{WS}/app-0/move", data=data, headers=headers)
    assert (answer.status_code, answer.location) == (303, WS)
    assert columns(cast.daily) == expected


@pytest.mark.parametrize(
    "bad",
    [{}, {"column": "1"}, {"place": "1"}, {"column": "-1", "place": "0"}, {"direction": "away"},
     {"column": "x", "place": "y"}, {"column": "1" * 30, "place": "0"}],
)  # fmt: skip
def test_a_drop_without_a_place_is_refused(bob, cast, bad):
    before = state_of(cast.daily)
    assert bob.post(f"{WS}/app-0/move", data=form(cast.daily, **bad)).status_code == 422
    assert state_of(cast.daily) == before


@BOTH
def test_a_stale_drop_is_answered_with_the_true_order(bob, cast, as_htmx, use_htmx):
    seen = revision(cast.daily)
    with changing(cast.daily, "application.move", by=cast.alice, subject="One"):
        Application.update(title="Moved by Alice").where(Application.uid == "app-0").execute()
    before = state_of(cast.daily)
    data = {"revision": str(seen), "column": "1", "place": "0"}
    answer = bob.post(f"{WS}/app-0/move", data=data, headers=as_htmx if use_htmx else {})
    assert answer.status_code == 409
    assert "changed by alice@harbour.example" in answer.text
    assert "Nothing was moved: this is the order now." in answer.text
    assert "Moved by Alice" in answer.text
    assert answer.headers.get("HX-Retarget") == ("#main" if use_htmx else None)
    assert state_of(cast.daily) == before
    # The page that came back is of now: the same move works from it.
    assert f'name="revision" value="{before["revision"]}"' in answer.text


@pytest.mark.parametrize("table", [Workspace, Profile])
@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("after", [*range(4), 99])
def test_a_row_gets_any_place(four, table, before, after):
    uid = "abcd"[before]
    rest = "abcd".replace(uid, "")
    with changing(four.daily, "workspace.move", by=four.alice):
        move_to(four.daily, table, uid, after)
    assert order(four.daily, table) == rest[:after] + uid + rest[after:]
    assert place_of(four.daily, table, uid) == min(after, 3)
    assert sorted(row.position for row in table.of(four.daily)) == [0, 1, 2, 3]
    assert order(four.weekly, table) != order(four.daily, table)  # others are not touched


def test_equal_positions_are_told_apart_by_a_move(four):
    Workspace.update(position=2**31 - 1).where(Workspace.unit == four.daily).execute()
    with changing(four.daily, "workspace.move", by=four.alice):
        move_to(four.daily, Workspace, "c", 1)
    assert order(four.daily, Workspace) == "acbd"


def test_a_row_that_is_not_there_moves_nothing(four):
    with changing(four.daily, "workspace.move", by=four.alice):
        move_to(four.daily, Profile, "z", 1)
    assert order(four.daily, Profile) == "abcd"
    assert place_of(four.daily, Profile, "z") is None


MOVES = {
    "workspace": (Workspace, "/u/daily/admin/workspaces/b/move", "/u/daily/admin/workspaces"),
    "profile": (Profile, "/u/daily/profiles/b/move", "/u/daily/profiles"),
    "profile of the admin": (
        Profile, "/u/daily/profiles/b/move?within=admin", "/u/daily/admin/profiles",
    ),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("what", MOVES)
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"direction": "up"}, "bacd"),
        ({"direction": "down"}, "acbd"),
        ({"place": "3"}, "acdb"),
        ({"place": "1", "offset": "2"}, "acdb"),
    ],
)
def test_rows_move_by_button_and_by_hand(alice, four, as_htmx, use_htmx, what, data, expected):
    table, address, home = MOVES[what]
    headers = as_htmx if use_htmx else {}
    answer = alice.post(address, data=form(four.daily, **data), headers=headers)
    assert (answer.status_code, answer.location) == (303, home)
    assert order(four.daily, table) == expected
    [event] = AuditEvent.select().where(AuditEvent.action.endswith(".move"))
    assert event.subject == "Name b"


@BOTH
@pytest.mark.parametrize("what", MOVES)
def test_a_stale_move_shows_the_order_as_it_is(alice, four, as_htmx, use_htmx, what):
    _, address, _ = MOVES[what]
    seen = revision(four.daily)
    with changing(four.daily, "workspace.move", by=four.bob):
        move_to(four.daily, Workspace, "d", 0)
        move_to(four.daily, Profile, "d", 0)
    before = state_of(four.daily)
    data = {"revision": str(seen), "place": "0"}
    answer = alice.post(address, data=data, headers=as_htmx if use_htmx else {})
    assert answer.status_code == 409
    assert "changed by bob@harbour.example" in answer.text
    main = answer.text[answer.text.index("<main") :]
    assert main.index("Name d") < main.index("Name a")
    assert answer.headers.get("HX-Reselect") == ("#main" if use_htmx else None)
    assert state_of(four.daily) == before


@pytest.mark.parametrize("what", MOVES)
@pytest.mark.parametrize("data", [{}, {"direction": "left"}, {"place": "-1"}])
def test_a_move_to_nowhere_is_refused(alice, four, what, data):
    before = state_of(four.daily)
    assert alice.post(MOVES[what][1], data=form(four.daily, **data)).status_code == 422
    assert state_of(four.daily) == before


def test_what_is_gone_cannot_be_moved(alice, four):
    for address in ("/u/daily/admin/workspaces/z/move", "/u/daily/profiles/z/move"):
        data = form(four.daily, place="0")
        assert alice.post(address, data=data).status_code == 404


def test_the_order_is_that_of_bar_and_menu(alice, four):
    Profile.update(name="Zebra").where(Profile.uid == "a").execute()
    data = form(four.daily, place="0")
    alice.post("/u/daily/admin/workspaces/d/move", data=data)
    page = alice.get("/u/daily/workspaces").text
    bar = page[page.index('class="bar"') : page.index("<main")]
    assert bar.index("Name d") < bar.index("Name a") < bar.index("Name b")
