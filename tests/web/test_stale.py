"""A unit that changed between preview and Import: refused, told what changed, previewed again."""

import re

import pytest

from dashboard.backup.progress import Stage
from dashboard.models import BackupRun, ConfigKey, ImportTicket, Role, Unit, changing
from dashboard.models.people import set_role
from tests.backup.conftest import Unchanged, state, wipe_some
from tests.web.test_backups import (
    PAGE,
    admin,
    import_,
    saved,
    ticket_in,
    validate,
)

__all__ = ["admin", "saved"]
BOTH = pytest.mark.parametrize("htmx", [False, True])


def change(cast, name="Added", by=None):
    with changing(cast.daily, "key.create", by=by or cast.bob, subject=name):
        ConfigKey.create(unit=cast.daily, name=name, type="string", value="new")


def again(browser, ticket, **kwargs):
    return browser.post(f"{PAGE}/preview", data={"ticket": ticket}, **kwargs)


def words_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text))


@BOTH
def test_a_change_since_the_preview_is_told_and_previewed_again(
    admin, cast, saved, as_htmx, htmx, folders
):
    headers = as_htmx if htmx else {}
    before = state(cast.daily)
    old = ticket_in(validate(admin, saved))
    change(cast)
    change(cast, "Added-too")
    with Unchanged(cast.daily, cast.weekly):
        refused = import_(admin, old, headers=headers)
    assert refused.status_code == 409
    assert ("<html" in refused.text) is not htmx
    said = words_of(refused)
    assert "2 changes since the preview, the newest first" in said
    assert re.search(r"bob@harbour.example Added a config key Added-too .* Added ", said)
    assert refused.headers.get("HX-Retarget") == ("#backup-import" if htmx else None)
    assert "audit log" not in said
    # Neither file nor password is asked for.
    fresh = again(admin, ticket_in(refused), headers=headers)
    assert fresh.status_code == 200
    assert "What this backup contains" in fresh.text
    assert "2 will be gone" in words_of(fresh)
    new = ticket_in(fresh)
    assert new != old
    with Unchanged(cast.daily):
        assert import_(admin, old).status_code == 409  # it was retired
    import_(admin, new, headers=headers)
    assert state(cast.daily) == before
    assert list(folders.uploads.iterdir()) == []


@BOTH
def test_a_stale_undo_is_previewed_again(admin, cast, saved, as_htmx, htmx):
    headers = as_htmx if htmx else {}
    wipe_some(cast.daily)
    poor = state(cast.daily)
    import_(admin, ticket_in(validate(admin, saved)))
    ticket = ticket_in(admin.post(f"{PAGE}/undo"))
    change(cast)
    with Unchanged(cast.daily):
        refused = import_(admin, ticket, headers=headers)
    assert refused.status_code == 409
    fresh = again(admin, ticket_in(refused), headers=headers)
    assert "What an undo brings back" in fresh.text
    import_(admin, ticket_in(fresh))
    assert state(cast.daily) == poor


def test_a_long_list_of_changes_is_cut_and_counted(admin, cast, saved):
    ticket = ticket_in(validate(admin, saved))
    for number in range(12):
        change(cast, f"Added-{number}")
    said = words_of(import_(admin, ticket))
    assert "12 changes" in said
    assert "And 2 more" in said


def test_a_restore_meanwhile_is_named(admin, cast, saved):
    first, second = (ticket_in(validate(admin, saved)) for _ in range(2))
    import_(admin, first)
    with Unchanged(cast.daily):
        refused = import_(admin, second)
    assert "1 change since the preview" in words_of(refused)
    assert "alice@harbour.example Imported a backup" in words_of(refused)


def test_the_refusal_is_in_the_records(admin, cast, saved):
    ticket = ticket_in(validate(admin, saved))
    change(cast)
    import_(admin, ticket)
    run = BackupRun.select().order_by(BackupRun.id.desc()).first()
    assert (run.kind, run.state) == ("import", "refused")
    assert "has changed since" in run.reason
    assert run.source.startswith("Harbour Daily, ")


@BOTH
def test_a_change_while_the_safety_copy_is_made_stops_the_import(
    admin, cast, saved_by_job, as_htmx, slow, htmx, folders
):
    headers = as_htmx if htmx else {}
    ticket = saved_by_job
    slow.hold(Stage.SAVE)
    started = import_(admin, ticket, headers=headers)
    slow.wait()
    change(cast)
    before = state(cast.daily)
    slow.finish()
    address = poll_of(started) if htmx else started.location
    refused = admin.get(address, headers=headers)
    assert refused.status_code == 409
    assert "Added a config key" in words_of(refused)
    assert state(cast.daily) == before
    assert list(folders.safety.iterdir()) == []
    # The ticket is used up, and still opens the file once more.
    slow.hold(None)
    started = again(admin, ticket_in(refused), headers=headers)
    slow.finish()
    fresh = admin.get(poll_of(started) if htmx else started.location, headers=headers)
    assert "1 will be gone" in words_of(fresh)
    import_(admin, ticket_in(fresh), headers=headers)
    slow.finish()
    assert ConfigKey.get_or_none(ConfigKey.unit == cast.daily, ConfigKey.name == "Added") is None


def poll_of(response) -> str:
    return re.search(r'hx-get="([^"]+/status)"', response.text)[1]


@pytest.fixture
def saved_by_job(admin, saved, slow, as_htmx):
    """The ticket of a validated backup, where no act is answered directly any more."""
    slow.hold(None)
    started = validate(admin, saved, headers=as_htmx)
    slow.finish()
    return ticket_in(admin.get(poll_of(started), headers=as_htmx))


def test_nobody_else_can_preview_again(admin, app, login, cast, saved):
    ticket = ticket_in(validate(admin, saved))
    change(cast)
    set_role(cast.bob, cast.daily, Role.ADMIN)
    bob = login(app.test_client(), cast.bob)
    mallory = login(app.test_client(), cast.mallory)
    with Unchanged(cast.daily, cast.weekly):
        assert again(bob, ticket).status_code == 409
        assert again(mallory, ticket).status_code == 404
        assert again(admin, "no ticket").status_code == 409
    assert ImportTicket.select().count() == 1
    assert again(admin, ticket).status_code == 200


def test_what_was_imported_is_not_previewed_again(admin, cast, saved):
    ticket = ticket_in(validate(admin, saved))
    import_(admin, ticket)
    with Unchanged(cast.daily):
        assert again(admin, ticket).status_code == 409


def test_a_file_that_was_swapped_is_not_previewed_again(admin, cast, saved, folders):
    ticket = ticket_in(validate(admin, saved))
    change(cast)
    [upload] = folders.uploads.iterdir()
    upload.write_bytes(saved[:-1] + bytes([saved[-1] ^ 1]))
    with Unchanged(cast.daily):
        assert again(admin, ticket).status_code == 422
    upload.unlink()
    with Unchanged(cast.daily):
        assert again(admin, ticket).status_code == 409


def test_a_look_into_a_stale_preview_leads_on(admin, cast, saved, as_htmx):
    ticket = ticket_in(validate(admin, saved))
    change(cast)
    form = {"ticket": ticket, "section": "config_keys", "key": '["K0001"]'}
    refused = admin.post(f"{PAGE}/fields", data=form, headers=as_htmx)
    assert refused.status_code == 409
    assert refused.headers["HX-Retarget"] == "#backup-import"
    assert ticket_in(refused) == ticket


def test_a_change_without_a_record_is_stale_too(admin, cast, saved):
    ticket = ticket_in(validate(admin, saved))
    Unit.update(revision=Unit.revision + 1).where(Unit.id == cast.daily.id).execute()
    with Unchanged(cast.daily):
        refused = import_(admin, ticket)
    assert refused.status_code == 409
    assert "Preview again" in refused.text
