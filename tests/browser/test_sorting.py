"""Moving by hand in a real browser: by mouse, touch and keyboard, and without JavaScript."""

import threading
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from dashboard.models import (
    Application,
    Plugin,
    Profile,
    ProfileWorkspace,
    Unit,
    Workspace,
    changing,
    order_of,
)
from dashboard.plugins import install, registry
from tests.browser.looks import complaints_of_axe

CLOCK, NOTES = "dashboard.core.clock", "dashboard.core.notes"


@pytest.fixture
def desk(cast):
    """The cast, and a workspace of two columns: A, B and C in the first, nothing in the other."""
    plugin = install.install(cast.daily, CLOCK, by=cast.alice)
    install.set_active(cast.daily, plugin, True, by=cast.alice)
    where = {"unit": cast.daily, "workspace": "ws-desk", "bundle": CLOCK}
    Workspace.create(unit=cast.daily, uid="ws-desk", name="Desk", icon_text="D", layout="2-equal",
                     position=2)  # fmt: skip
    for place, name in enumerate("ABC"):
        Application.create(uid=f"app-{name.lower()}", title=name, position=place, **where)
    return cast


@pytest.fixture
def placing_page(page, live, desk, log_in):
    log_in(page, desk.bob)
    page.goto(f"{live}/u/daily/w/ws-desk/applications")
    page.evaluate("window.here = true")
    return page


def stored(desk):
    rows = Application.of(desk.daily).where(Application.workspace == "ws-desk")
    columns = ["", ""]
    for row in rows.order_by(Application.column, Application.position):
        columns[row.column] += row.title
    return columns


def shown(page, number=1):
    return page.locator(f'[data-sort-list="Column {number}"] [data-sort-item]')


def names(page):
    return [item.get_attribute("data-sort-item") for item in page.locator("[data-sort-item]").all()]


def handle(page, name):
    return page.get_by_role("button", name=f"Move {name}", exact=True)


@contextmanager
def saved(page):
    """Wait until the page that a move leads to is shown: the answer alone is not on it yet."""
    page.evaluate("document.querySelector('[data-sort]').classList.add('old')")
    with page.expect_response(lambda answer: answer.ok and answer.request.redirected_from):
        yield
    expect(page.locator("[data-sort].old")).to_have_count(0)


def drag(page, name, target, *, dy=0, drop=True):
    box, goal = handle(page, name).bounding_box(), target.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(goal["x"] + goal["width"] / 2, goal["y"] + goal["height"] / 2 + dy, steps=8)
    if drop:
        page.mouse.up()


def read_out(page, words):
    expect(page.locator("[role=status][aria-live=assertive]")).to_contain_text(words)


def test_an_application_is_dragged_down_its_column(placing_page, desk):
    with saved(placing_page):
        drag(placing_page, "A", shown(placing_page).nth(2), dy=12)
    assert stored(desk) == ["BCA", ""]
    expect(shown(placing_page).last).to_contain_text("A")
    assert placing_page.evaluate("window.here")  # one request, and no page load


def test_an_application_is_dragged_into_an_empty_column(placing_page, desk):
    with saved(placing_page):
        drag(placing_page, "B", placing_page.get_by_role("region", name="Column 2"))
    assert stored(desk) == ["AC", "B"]
    expect(shown(placing_page, 2)).to_have_count(1)
    with saved(placing_page):
        drag(placing_page, "C", shown(placing_page, 2).first, dy=-14)
    assert stored(desk) == ["A", "CB"]


def test_escape_ends_a_drag_without_a_change(placing_page, desk):
    before = Unit.get_by_id(desk.daily.id).revision
    drag(placing_page, "A", placing_page.get_by_role("region", name="Column 2"), drop=False)
    expect(shown(placing_page, 2)).to_have_count(1)
    placing_page.keyboard.press("Escape")
    placing_page.mouse.up()
    assert names(placing_page) == ["A", "B", "C"]
    read_out(placing_page, "A is back in its place.")
    assert Unit.get_by_id(desk.daily.id).revision == before


def test_a_click_on_a_handle_changes_nothing(placing_page, desk):
    before = Unit.get_by_id(desk.daily.id).revision
    handle(placing_page, "B").click()
    assert names(placing_page) == ["A", "B", "C"]
    assert Unit.get_by_id(desk.daily.id).revision == before


@pytest.mark.parametrize("key", ["Space", "Enter"])
def test_an_application_is_moved_by_keyboard(placing_page, desk, key):
    handle(placing_page, "A").focus()
    placing_page.keyboard.press(key)
    expect(handle(placing_page, "A")).to_have_attribute("aria-pressed", "true")
    read_out(placing_page, "A is lifted: Column 1, place 1 of 3.")
    placing_page.keyboard.press("ArrowDown")
    read_out(placing_page, "Column 1, place 2 of 3.")
    placing_page.keyboard.press("ArrowRight")
    read_out(placing_page, "Column 2, place 1 of 1.")
    assert stored(desk) == ["ABC", ""]  # nothing is sent before it is dropped
    with saved(placing_page):
        placing_page.keyboard.press(key)
    read_out(placing_page, "A is dropped: Column 2, place 1 of 1.")
    assert stored(desk) == ["BC", "A"]
    expect(handle(placing_page, "A")).to_be_focused()  # and can be moved on
    placing_page.keyboard.press(key)
    placing_page.keyboard.press("ArrowLeft")
    placing_page.keyboard.press("End")
    read_out(placing_page, "Column 1, place 3 of 3.")
    with saved(placing_page):
        placing_page.keyboard.press(key)
    assert stored(desk) == ["BCA", ""]


@pytest.mark.parametrize("way_out", ["Escape", "Tab"])
def test_what_is_lifted_can_be_put_back(placing_page, desk, way_out):
    before = Unit.get_by_id(desk.daily.id).revision
    handle(placing_page, "C").focus()
    for key in ("Space", "ArrowUp", "ArrowRight", way_out):
        placing_page.keyboard.press(key)
    read_out(placing_page, "C is back in its place.")
    assert names(placing_page) == ["A", "B", "C"]
    expect(placing_page.locator("[data-sort-held]")).to_have_count(0)
    assert Unit.get_by_id(desk.daily.id).revision == before


def test_a_stale_drop_shows_the_true_order(placing_page, desk):
    with changing(desk.daily, "application.move", by=desk.alice):
        Application.update(column=1).where(Application.title == "C").execute()
    with placing_page.expect_response(lambda answer: answer.status == 409):
        drag(placing_page, "A", shown(placing_page).nth(1), dy=12)
    expect(placing_page.get_by_role("alert")).to_contain_text("changed by alice@harbour.example")
    expect(shown(placing_page, 2)).to_have_count(1)
    assert names(placing_page) == ["A", "B", "C"]
    assert stored(desk) == ["AB", "C"]
    with saved(placing_page):  # and goes on from there
        drag(placing_page, "A", shown(placing_page).nth(1), dy=12)
    assert stored(desk) == ["BA", "C"]


def test_nothing_is_lifted_while_the_last_move_is_on_its_way(placing_page, desk):
    held = []
    placing_page.route("**/move", lambda route: held.append(route))
    handle(placing_page, "A").focus()
    for key in ("Space", "ArrowDown", "Space"):
        placing_page.keyboard.press(key)
    while not held:
        placing_page.wait_for_timeout(20)
    for key in ("Space", "ArrowDown"):
        placing_page.keyboard.press(key)
    read_out(placing_page, "The last move is still being saved.")
    assert names(placing_page) == ["B", "A", "C"]
    with saved(placing_page):
        held.pop().continue_()
    assert stored(desk) == ["BAC", ""]


def test_a_drop_that_is_not_saved_goes_back(placing_page, desk, complaints):
    placing_page.route("**/move", lambda route: route.abort())
    drag(placing_page, "A", shown(placing_page).nth(2), dy=12)
    expect(placing_page.locator("#toast")).to_contain_text("The server did not answer")
    read_out(placing_page, "the move was not saved")
    assert names(placing_page) == ["A", "B", "C"]
    assert stored(desk) == ["ABC", ""]
    complaints.clear()  # that the network failed is the point here


def test_an_application_is_added_by_the_plus_of_a_column(placing_page, desk):
    placing_page.get_by_role("button", name="Add an application to column 2").click()
    offers = placing_page.get_by_role("dialog", name="Add to column 2")
    offers.get_by_role("button", name="Clock").click()
    placing_page.get_by_label("Title").fill("World")
    placing_page.get_by_role("button", name="Save").click()
    expect(placing_page.get_by_role("article", name="World")).to_be_visible()
    assert stored(desk) == ["ABC", "World"]


def test_by_touch_on_a_phone(browser, live, desk, log_in):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    log_in(page, desk.bob)
    page.goto(f"{live}/u/daily/w/ws-desk/applications")
    client = context.new_cdp_session(page)
    start, goal = handle(page, "A").bounding_box(), shown(page).nth(1).bounding_box()
    x, y = start["x"] + 10, start["y"] + 10
    end = goal["y"] + goal["height"] / 2 + 14

    def touch(kind, at=None):
        points = [] if at is None else [{"x": x, "y": at}]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", y)
    for part in range(1, 9):
        touch("touchMove", y + (end - y) * part / 8)
    with saved(page):
        touch("touchEnd")
    assert stored(desk) == ["BAC", ""]
    context.close()


def test_without_javascript_there_are_buttons_and_numbers(plain_page, live, desk):
    page = plain_page(desk.alice)
    page.goto(f"{live}/u/daily/w/ws-desk/applications")
    expect(page.locator("[data-sort-handle]").first).to_be_hidden()
    page.get_by_role("button", name="Move A right").click()
    page.get_by_role("button", name="Move C up").click()
    assert stored(desk) == ["CB", "A"]
    page.get_by_role("button", name="Add an application to column 2").click()
    page.get_by_role("dialog").get_by_role("button", name="Clock").click()
    expect(page.get_by_role("heading", name="Settings of Clock")).to_be_visible()
    page.goto(f"{live}/u/daily/admin/workspaces")
    page.get_by_role("button", name="Move Desk up").click()
    expect(page.get_by_role("row").nth(2)).to_contain_text("Desk")
    page.goto(f"{live}/u/daily/profiles/pf-all")
    page.get_by_role("checkbox", name="Desk", exact=True).check()
    page.get_by_label("Place of Desk").fill("1")
    page.get_by_label("Place of One").fill("2")
    page.get_by_role("button", name="Save profile").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("a private workspace, Desk, One")


@pytest.mark.parametrize(
    ("address", "table"),
    [("admin/workspaces", Workspace), ("admin/profiles", Profile), ("profiles", Profile)],
)
def test_rows_are_dragged_and_moved_by_keyboard(page, live, desk, log_in, address, table):
    for number, name in enumerate(("Late", "Later")):
        icon = {"icon_text": "L"} if table is Workspace else {}
        place = {"position": 10 + number}
        table.create(unit=desk.daily, uid=f"x-{number}", name=name, **place, **icon)
    log_in(page, desk.alice)
    page.goto(f"{live}/u/daily/{address}")

    def order():
        return [row.name for row in table.of(desk.daily).order_by(*order_of(table))]

    first = order()[0]
    with saved(page):
        drag(page, "Later", page.get_by_role("row").nth(1), dy=-8)
    assert order()[:2] == ["Later", first]
    handle(page, "Later").focus()
    for key in ("Space", "ArrowDown"):
        page.keyboard.press(key)
    with saved(page):
        page.keyboard.press("Space")
    assert order()[:2] == [first, "Later"]
    assert names(page) == order()


def test_the_workspaces_of_a_profile_are_ordered_by_hand(page, live, desk, log_in):
    log_in(page, desk.bob)
    page.goto(f"{live}/u/daily/profiles/pf-all")
    assert names(page) == ["Zwei – 二 😀", "One", "Desk"]
    page.get_by_role("checkbox", name="Desk", exact=True).check()
    expect(page.get_by_label("Place of Desk")).to_have_value("3")
    drag(page, "Desk", page.locator(".choice-row").first, dy=-10)
    expect(page.get_by_label("Place of Desk")).to_have_value("1")
    expect(page.get_by_label("Place of One")).to_have_value("3")
    handle(page, "One").focus()
    for key in ("Space", "ArrowUp", "ArrowUp", "Space"):
        page.keyboard.press(key)
    expect(page.get_by_label("Place of One")).to_have_value("1")
    page.get_by_label("Place of Desk").fill("3")
    page.get_by_label("Place of Desk").press("Tab")
    assert names(page) == ["One", "Zwei – 二 😀", "Desk"]
    page.get_by_role("button", name="Save profile").click()
    expect(page.get_by_text("is saved")).to_be_visible()
    rows = ProfileWorkspace.of(desk.daily).order_by(ProfileWorkspace.position)
    assert [row.workspace for row in rows] == ["ws-one", "ws-two", "ws-desk"]


def test_an_application_that_hangs_does_not_hold_up_the_others(
    page, live, desk, log_in, monkeypatch
):
    Application.update(bundle=NOTES, config='{"text":"slow"}').where(
        Application.title == "A"
    ).execute()
    Plugin.update(active=True).where(Plugin.bundle == NOTES).execute()
    code, go = registry.find(CLOCK), threading.Event()
    honest = registry.find(NOTES).module.application

    def hang(placement):
        assert go.wait(30)
        return honest(placement)

    monkeypatch.setattr(registry.find(NOTES).module, "application", hang)
    assert code is not None
    log_in(page, desk.bob)
    page.goto(f"{live}/u/daily/w/ws-desk")
    for name in "BC":
        expect(page.get_by_role("article", name=name).locator("time").first).to_be_visible()
    slow = page.get_by_role("article", name="A")
    expect(slow).to_contain_text("Loading")
    go.set()
    expect(slow).to_contain_text("slow")


def test_an_application_that_does_not_answer_says_so_in_its_box(
    page, live, desk, log_in, complaints
):
    log_in(page, desk.bob)
    page.route("**/a/app-b?*", lambda route: route.abort())
    page.goto(f"{live}/u/daily/w/ws-desk")
    broken = page.get_by_role("article", name="B")
    expect(broken).to_contain_text("This application did not answer.")
    expect(page.get_by_role("article", name="C").locator("time").first).to_be_visible()
    page.unroute("**/a/app-b?*")
    broken.get_by_role("button", name="Try again").click()
    expect(broken.locator("time").first).to_be_visible()
    complaints.clear()  # that the network failed is the point here


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_what_opens_and_what_is_held_is_accessible(page, live, desk, log_in, scheme, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    log_in(page, desk.bob)
    page.goto(f"{live}/u/daily/w/ws-desk/applications")
    page.get_by_role("button", name="Add an application to column 1").click()
    assert complaints_of_axe(page) == []
    page.keyboard.press("Escape")
    handle(page, "A").focus()
    page.keyboard.press("Space")
    assert complaints_of_axe(page) == []
