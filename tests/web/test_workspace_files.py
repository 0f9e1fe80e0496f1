"""A workspace once more: exported, imported, duplicated."""

import io
import re

import pytest

from dashboard.archive import open_with_password
from dashboard.models import Application, Asset, AuditEvent, Workspace, room
from tests.web.test_pictures import png
from tests.web.unit_state import form, state_of

IMPORT = "/u/{}/workspaces/import"
TWO = "/u/daily/w/ws-two"


@pytest.fixture
def alice(client, cast, login):
    return login(client, cast.alice)


@pytest.fixture
def bob(app, cast, login):
    return login(app.test_client(), cast.bob)


def export(browser, address="/u/daily/w/ws-one", password="harbour"):
    return browser.post(f"{address}/export", data={"password": password})


def bring(browser, unit, data, password="harbour", slug="daily", **more):
    values = form(unit, password=password, file=(io.BytesIO(data), "x.dbk"), **more)
    return browser.post(IMPORT.format(slug), data=values)


def text_of(file, password="harbour"):
    reader = open_with_password(io.BytesIO(file), password)
    return b"".join(batch.lines for batch in reader.batches())


def made(unit):
    return Workspace.of(unit).order_by(Workspace.position.desc(), Workspace.uid).first()


def test_an_admin_takes_a_workspace_along_with_its_secrets(alice):
    answer = export(alice)
    assert (answer.status_code, answer.mimetype) == (200, "application/octet-stream")
    assert "filename=daily-one.dbk" in answer.headers["Content-Disposition"]
    assert b"hush-application" in text_of(answer.data)


def test_without_a_password_there_are_no_secrets(alice):
    assert b"hush" not in text_of(export(alice, password="").data, "")


def test_a_power_user_gets_no_secrets_even_with_a_password(bob):
    file = export(bob).data
    assert b"# Hello" in text_of(file)
    assert b"hush" not in text_of(file)
    page = bob.get("/u/daily/w/ws-one/export").text
    assert "only an admin can export those" in page
    event = AuditEvent.get(AuditEvent.action == "workspace.export")
    assert '"secrets": "left out"' in event.detail


def test_a_short_password_is_refused_with_the_form(alice, cast):
    answer = export(alice, password="abc")
    assert answer.status_code == 422
    assert "at least 4 characters" in answer.text


def test_what_an_admin_cannot_open_he_cannot_take_along(alice, cast):
    before = state_of(cast.daily)
    assert alice.get(f"{TWO}/export").status_code == 404
    assert export(alice, TWO).status_code == 404
    assert alice.post(f"{TWO}/copy", data=form(cast.daily)).status_code == 404
    page = alice.get(f"{TWO}/settings").text
    assert "Duplicate" not in page
    assert state_of(cast.daily) == before


def test_a_file_becomes_a_new_workspace_of_another_unit(bob, app, login, cast):
    file = export(bob, TWO).data
    mallory = login(app.test_client(), cast.mallory)
    Workspace.delete().where(Workspace.unit == cast.weekly).execute()
    answer = bring(mallory, cast.weekly, file, slug="weekly")
    [row] = Workspace.of(cast.weekly)
    assert (answer.status_code, answer.location) == (303, f"/u/weekly/w/{row.uid}")
    assert (row.name, row.shared, row.owner_email) == (
        "Zwei – 二 😀", False, "mallory@harbour.example",
    )  # fmt: skip
    assert Application.of(cast.weekly).count() == 2
    page = mallory.get(answer.location).text
    assert "with 2 applications" in page
    assert "does not have the plugin for some of it: example.gone.away." in page
    assert "Only you see it." in page


def test_an_import_changes_nothing_that_is_there(bob, cast):
    before = state_of(cast.daily)
    bring(bob, cast.daily, export(bob).data)
    after = state_of(cast.daily)
    for table, rows in before.items():
        if table != "revision":
            assert set(rows) <= set(after[table]), table
    assert after["revision"] == before["revision"] + 1
    assert made(cast.daily).name == "One"


@pytest.mark.parametrize(
    ("password", "words"), [("wrong", "not the password"), ("", "This file has a password")]
)
def test_a_wrong_password_is_said_beside_the_password(bob, cast, password, words):
    file = export(bob).data
    before = state_of(cast.daily)
    answer = bring(bob, cast.daily, file, password)
    assert answer.status_code == 422
    field = re.search(r'id="password-error".*?</p>', answer.text, re.DOTALL)[0]
    assert words in field
    assert state_of(cast.daily) == before


@pytest.mark.parametrize("content", [b"", b"no backup at all", png()])
def test_what_is_no_such_file_is_said_beside_the_file(bob, cast, content):
    before = state_of(cast.daily)
    answer = bring(bob, cast.daily, content)
    assert answer.status_code == 422
    assert 'id="file-error"' in answer.text
    assert state_of(cast.daily) == before


def test_a_damaged_file_is_refused_whole(bob, cast):
    file = bytearray(export(bob).data)
    file[-20] ^= 0xFF
    before = state_of(cast.daily)
    assert bring(bob, cast.daily, bytes(file)).status_code == 422
    assert state_of(cast.daily) == before


def test_a_missing_file_is_asked_for(bob, cast):
    answer = bob.post(IMPORT.format("daily"), data=form(cast.daily, password=""))
    assert answer.status_code == 422
    assert "Choose a file. Its name ends in .dbk." in answer.text


@pytest.mark.parametrize("address", [IMPORT.format("daily"), "/u/daily/w/ws-one/copy"])
def test_a_stale_page_changes_nothing(bob, cast, address):
    before = state_of(cast.daily)
    data = {"revision": "99", "file": (io.BytesIO(export(bob).data), "x.dbk")}
    assert bob.post(address, data={**data, "password": "harbour"}).status_code == 409
    assert state_of(cast.daily) == before


def test_a_duplicate_is_like_it_and_private(bob, cast):
    answer = bob.post("/u/daily/w/ws-one/copy", data=form(cast.daily))
    copy = made(cast.daily)
    assert answer.location == f"/u/daily/w/{copy.uid}"
    assert (copy.name, copy.shared, copy.owner_email, copy.position) == (
        "One (copy)", False, "bob@harbour.example", 2,
    )  # fmt: skip
    original = Workspace.of(cast.daily).where(Workspace.uid == "ws-one").get()
    same = ("layout", "icon_text", "icon_color", "icon_asset")
    assert [getattr(copy, name) for name in same] == [getattr(original, name) for name in same]
    fields = (Application.uid, Application.column, Application.position, Application.bundle,
              Application.title, Application.config, Application.secrets)  # fmt: skip
    placed = [
        sorted(Application.of(cast.daily, *fields).where(Application.workspace == uid).tuples())
        for uid in ("ws-one", copy.uid)
    ]
    assert placed[0] == placed[1]
    assert "hush-application" in repr(placed[1])
    assert "Only you see it" in bob.get(answer.location).text


def test_the_name_of_a_duplicate_is_never_too_long(bob, cast):
    Workspace.update(name="x" * 120).where(Workspace.uid == "ws-one").execute()
    bob.post("/u/daily/w/ws-one/copy", data=form(cast.daily))
    assert made(cast.daily).name == "x" * 113 + " (copy)"


def test_a_picture_stays_while_a_duplicate_shows_it(bob, cast):
    bob.post(f"{TWO}/copy", data=form(cast.daily))
    bob.post(f"{TWO}/delete", data=form(cast.daily))
    assert Asset.of(cast.daily).count() == 1
    bob.post(f"/u/daily/w/{made(cast.daily).uid}/delete", data=form(cast.daily))
    assert Asset.of(cast.daily).count() == 0


@pytest.mark.parametrize("table", [Workspace, Application])
@pytest.mark.parametrize("act", ["copy", "import"])
def test_a_unit_without_room_takes_no_more(bob, cast, monkeypatch, table, act):
    file = export(bob).data
    monkeypatch.setitem(room.ROOM, table, (table.of(cast.daily).count(), "things"))
    before = state_of(cast.daily)
    if act == "copy":
        answer = bob.post("/u/daily/w/ws-one/copy", data=form(cast.daily))
    else:
        answer = bring(bob, cast.daily, file)
    assert answer.status_code == 422
    assert "There is no room for this" in answer.text
    assert state_of(cast.daily) == before


def test_an_old_login_types_the_password_before_an_export(app, cast, login):
    alice = login(app.test_client(), cast.alice, fresh=False)
    assert export(alice).location.startswith("/confirm")
