"""The safety copies on the Backup page: what stands, undo, undo of the undo, and Delete it now."""

import re

import pytest

from dashboard import backup
from dashboard.backup import runs
from dashboard.models import AuditEvent, Plugin, Role, SafetyCopy
from dashboard.models.people import set_role
from tests.backup.conftest import Unchanged, state, wipe_some
from tests.web.test_backups import PAGE, admin, import_, saved, ticket_in, validate

__all__ = ["admin", "saved"]
BOTH = pytest.mark.parametrize("htmx", [False, True])


@pytest.fixture
def imported(admin, cast, saved):
    """An import that can be undone; gives the digest of the state before it."""
    wipe_some(cast.daily)
    before = state(cast.daily)
    import_(admin, ticket_in(validate(admin, saved)))
    return before


def undo(browser):
    return import_(browser, ticket_in(browser.post(f"{PAGE}/undo")))


def copies_on(page) -> str:
    found = re.search(r'<div id="backup-copies".*?</table>', page.text, re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0])) if found else ""


def undos_on(page) -> int:
    return len(re.findall(r"Undo</button>", page.text))


def address(copy=None):
    copy = copy or SafetyCopy.select().order_by(SafetyCopy.id.desc()).first()
    return f"{PAGE}/copies/{copy.uid}/delete"


def test_without_an_import_no_copies_are_shown(admin, cast):
    assert copies_on(admin.get(PAGE)) == ""


def test_a_copy_is_shown_with_all_that_is_known_of_it(admin, imported):
    said = copies_on(admin.get(PAGE))
    assert re.search(r"The import of a backup Harbour Daily, \d+ \w+ 20\d\d, \d\d:\d\d UTC", said)
    assert "alice@harbour.example" in said
    assert "kB" in said
    assert "The next import and at least" in said
    assert "Delete it now" in said


def test_only_the_newest_offers_an_undo_and_undos_are_copies_too(admin, cast, imported):
    back = state(cast.daily)
    undo(admin)
    assert state(cast.daily) == imported
    page = admin.get(PAGE)
    said = copies_on(page)
    assert said.count("Delete it now") == 2
    assert "The undo of an import" in said
    assert undos_on(page) == 1  # beside the result of the last import
    preview = admin.post(f"{PAGE}/undo")
    assert "What an undo brings back" in preview.text
    import_(admin, ticket_in(preview))
    assert state(cast.daily) == back


def test_delete_it_now_is_asked_first(admin, imported, folders):
    page = admin.get(address())
    assert page.status_code == 200
    assert "It can then not be undone any more" in page.text
    assert SafetyCopy.select().count() == len(list(folders.safety.iterdir())) == 1


@BOTH
def test_delete_it_now_takes_row_and_file_and_leaves_the_import(
    admin, cast, imported, folders, as_htmx, htmx
):
    ticket, after = ticket_in(admin.post(f"{PAGE}/undo")), state(cast.daily)
    copy = SafetyCopy.get()
    response = admin.post(address(), headers=as_htmx if htmx else {})
    assert (response.headers.get("HX-Redirect") if htmx else response.location) == PAGE
    assert SafetyCopy.select().count() == 0
    assert list(folders.safety.iterdir()) == []
    assert state(cast.daily) == after
    event = AuditEvent.select().order_by(AuditEvent.id.desc()).first()
    assert (event.action, event.outcome, event.user_email) == (
        "safety_copy.delete",
        "done",
        "alice@harbour.example",
    )
    assert copy.file_sha256 in event.detail
    page = admin.get(PAGE)
    assert "The safety copy is deleted" in page.text
    assert "The backup is back" not in page.text
    with Unchanged(cast.daily):
        assert admin.post(f"{PAGE}/undo").status_code == 409
        assert import_(admin, ticket).status_code == 409  # an undo that was previewed before


def test_after_the_newest_is_deleted_an_undo_brings_back_the_one_before(
    admin, cast, saved, imported
):
    Plugin.delete().where(Plugin.unit == cast.daily).execute()
    import_(admin, ticket_in(validate(admin, saved)))
    admin.post(address())
    page = admin.get(PAGE)
    assert "The backup is back" not in page.text  # it would offer to undo this import
    assert copies_on(page).count(" Undo ") == undos_on(page) == 1
    undo(admin)
    assert state(cast.daily) == imported


@pytest.mark.parametrize(
    ("who", "status"), [("bob", 403), ("ursula", 403), ("rita", 403), ("mallory", 404)]
)
@BOTH
def test_only_an_admin_of_the_unit_deletes_a_copy(
    app, login, cast, imported, folders, who, status, as_htmx, htmx
):
    browser = login(app.test_client(), getattr(cast, who))
    with Unchanged(cast.daily, cast.weekly):
        refused = browser.post(address(), headers=as_htmx if htmx else {})
    assert refused.status_code == status
    assert len(list(folders.safety.iterdir())) == 1


def test_a_copy_of_another_unit_is_not_there(app, login, cast, imported, folders):
    mallory = login(app.test_client(), cast.mallory)
    foreign = address().replace("/daily/", "/weekly/")
    missing = mallory.post(f"/u/weekly/admin/backup/copies/{'0' * 32}/delete")
    with Unchanged(cast.daily, cast.weekly):
        refused = mallory.post(foreign)
    assert refused.status_code == missing.status_code == 404
    assert len(list(folders.safety.iterdir())) == 1


def test_no_copy_is_deleted_without_a_token_or_a_fresh_login(app, login, cast, admin, imported):
    old = login(app.test_client(), cast.alice, fresh=False)
    with Unchanged(cast.daily):
        assert admin.post(address(), csrf=False).status_code == 400
        assert old.post(address()).location.startswith("/confirm")


@BOTH
def test_no_copy_is_deleted_while_something_runs(
    admin, app, login, cast, imported, folders, as_htmx, htmx
):
    set_role(cast.bob, cast.daily, Role.ADMIN)
    run = backup.begin(cast.daily, backup.RunKind.UNDO, cast.bob)
    with Unchanged(cast.daily):
        refused = admin.post(address(), headers=as_htmx if htmx else {})
    assert refused.status_code == 409
    assert "One at a time" in refused.text
    assert len(list(folders.safety.iterdir())) == 1
    runs.abandon(run)
