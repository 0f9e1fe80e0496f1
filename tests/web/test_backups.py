"""The Backup page: each step with htmx and without, and every refusal with nothing changed."""

import io
import re
from dataclasses import replace

import peewee
import pytest

from dashboard.backup import imports, runs
from dashboard.backup.errors import OutcomeUnknown
from dashboard.models import ConfigKey, ImportTicket, Plugin
from tests.backup.conftest import Unchanged, state, wipe_some

PAGE = "/u/daily/admin/backup"
PASSWORD = "four words, one file"


@pytest.fixture
def admin(client, login, cast):
    """Alice's browser."""
    return login(client, cast.alice)


def export(browser, password=PASSWORD, *, page=PAGE, **kwargs):
    return browser.post(f"{page}/export", data={"password": password}, **kwargs)


@pytest.fixture
def saved(admin) -> bytes:
    """A backup of the unit, downloaded."""
    return admin.get(export(admin).location, buffered=True).data


def validate(browser, data, password=PASSWORD, *, page=PAGE, name="x.dbk", **kwargs):
    form = {"file": (io.BytesIO(data), name), "password": password}
    return browser.post(f"{page}/validate", data=form, **kwargs)


def ticket_in(response) -> str:
    return re.search(r'name="ticket" value="([^"]+)"', response.text)[1]


def import_(browser, ticket, *, page=PAGE, **kwargs):
    form = {"ticket": ticket, "unit_name": kwargs.pop("unit_name", "")}
    return browser.post(f"{page}/import", data=form, **kwargs)


def test_without_javascript_the_download_answers_the_form(admin):
    response = export(admin)
    assert response.status_code == 303
    file = admin.get(response.location, buffered=True)
    assert file.data.startswith(b"dashboard-backup/1\n")
    assert re.fullmatch(
        r"attachment; filename=daily-\d{4}-\d\d-\d\d-\d{4}\.dbk",
        file.headers["Content-Disposition"],
    )
    assert file.headers["Content-Type"] == "application/octet-stream"
    assert int(file.headers["Content-Length"]) == len(file.data)
    assert "no-store" in file.headers["Cache-Control"]


def test_with_htmx_the_download_is_a_link_that_clicks_itself(admin, as_htmx):
    response = export(admin, headers=as_htmx)
    assert response.status_code == 200
    assert "data-autoclick" in response.text
    assert response.text.count("<form") == 1
    link = re.search(r'href="([^"]+)" download', response.text)[1]
    assert admin.get(link, buffered=True).data.startswith(b"dashboard-backup/1\n")


@pytest.mark.parametrize("most", [10, 1 << 30])
def test_a_backup_larger_than_this_server_takes_in_is_made_and_said_to_be(
    admin, app, as_htmx, most, monkeypatch
):
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], max_upload_bytes=most)
    monkeypatch.setitem(app.jinja_env.globals, "config", app.config)  # tests' apps share it
    response = export(admin, headers=as_htmx)
    assert "Download it again" in response.text
    assert ("This server takes in files of" in response.text) is (most == 10)


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize("password", ["", "abc"])
def test_three_characters_are_refused_and_nothing_is_made(admin, folders, htmx, as_htmx, password):
    response = export(admin, password, headers=as_htmx if htmx else {})
    assert response.status_code == 422
    assert "at least 4 characters" in response.text
    assert ("<html" in response.text) is not htmx
    assert list(folders.exports.iterdir()) == []


@pytest.mark.parametrize("htmx", [False, True])
def test_what_cannot_be_exported_is_named_at_the_form(admin, cast, folders, htmx, as_htmx):
    mine = (ConfigKey.unit == cast.daily) & (ConfigKey.name == "K0001")
    ConfigKey.update(type="number", value="x").where(mine).execute()
    response = export(admin, headers=as_htmx if htmx else {})
    assert response.status_code == 422
    assert "row 2 (&#34;K0001&#34;): not a number. Mend or delete it" in response.text
    assert f'action="{PAGE}/export"' in response.text
    assert ("<html" in response.text) is not htmx
    assert list(folders.exports.iterdir()) == []


def test_a_download_is_for_the_admin_who_made_it(admin, app, login, cast):
    from dashboard.models import Role
    from dashboard.models.people import set_role

    link = export(admin).location
    set_role(cast.bob, cast.daily, Role.ADMIN)
    assert login(app.test_client(), cast.bob).get(link).status_code == 404
    assert login(app.test_client(), cast.mallory).get(link).status_code == 404
    assert login(app.test_client(), cast.ursula).get(link).status_code == 403


@pytest.mark.parametrize("htmx", [False, True])
def test_validate_shows_what_is_inside_and_what_goes(admin, cast, saved, htmx, as_htmx):
    ConfigKey.delete().where(ConfigKey.unit == cast.daily, ConfigKey.name > "K0004").execute()
    response = validate(admin, saved, headers=as_htmx if htmx else {})
    assert response.status_code == 200
    assert ("<html" in response.text) is not htmx
    words = re.sub(r"<[^>]+>|\s+", " ", response.text)
    words = re.sub(r" +", " ", words)
    assert "Plugins 2" in words
    assert "Profiles 1" in words
    assert "Config keys 20" in words
    assert "Config keys 20 5 0 15 0" in words
    assert "Harbour Daily" in words
    assert "Dashboard 1.0.0" in words
    assert "Import" in words


@pytest.mark.parametrize("htmx", [False, True])
def test_import_brings_everything_back_and_the_browser_reloads(admin, cast, saved, htmx, as_htmx):
    before = state(cast.daily)
    wipe_some(cast.daily)
    headers = as_htmx if htmx else {}
    response = import_(admin, ticket_in(validate(admin, saved, headers=headers)), headers=headers)
    if htmx:
        assert response.headers["HX-Refresh"] == "true"
    else:
        assert response.status_code == 303
        assert response.location == PAGE
    assert state(cast.daily) == before
    page = admin.get(PAGE).text
    assert "The backup is back" in page
    assert "20 config keys" in page
    assert "Undo" in page


def test_a_second_click_shows_the_same_result(admin, cast, saved):
    ticket = ticket_in(validate(admin, saved))
    assert import_(admin, ticket).status_code == 303
    wipe_some(cast.daily)
    with Unchanged(cast.daily):
        assert import_(admin, ticket).status_code == 303


@pytest.mark.parametrize(
    ("spoil", "password", "says"),
    [
        (lambda data: data, "wrong", "not the password"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), PASSWORD, "damaged"),
        (lambda data: data[:-20], PASSWORD, "damaged"),
        (lambda _: b"hello", PASSWORD, "not a Dashboard backup"),
        (lambda _: b"", PASSWORD, "Choose a backup file|not a Dashboard backup"),
        (lambda data: b"dashboard-backup/2" + data[18:], PASSWORD, "newer version"),
    ],
)
@pytest.mark.parametrize("htmx", [False, True])
def test_each_bad_file_has_its_own_sentence(
    admin, cast, saved, htmx, as_htmx, spoil, password, says
):
    with Unchanged(cast.daily, cast.weekly):
        response = validate(admin, spoil(saved), password, headers=as_htmx if htmx else {})
    assert response.status_code == 422
    assert re.search(says, response.text)
    assert ImportTicket.select().count() == 0


def test_after_a_wrong_password_the_file_need_not_be_sent_again(admin, cast, saved):
    kept = re.search(r'name="upload" value="(\w+)"', validate(admin, saved, "wrong").text)[1]
    form = {"upload": kept, "password": PASSWORD}
    response = admin.post(f"{PAGE}/validate", data=form)
    assert response.status_code == 200
    assert import_(admin, ticket_in(response)).status_code == 303


@pytest.mark.parametrize("upload", ["../../server.key", "0" * 32, "nothing"])
def test_an_upload_that_is_not_ones_own_is_not_there(admin, cast, upload):
    response = admin.post(f"{PAGE}/validate", data={"upload": upload, "password": PASSWORD})
    assert response.status_code == 422
    assert "Choose it again" in response.text


def test_an_expired_ticket_stops_the_import(admin, cast, saved):
    ticket = ticket_in(validate(admin, saved))
    ImportTicket.update(expires_at=runs.now() - 1).execute()
    with Unchanged(cast.daily):
        assert import_(admin, ticket).status_code == 409


def test_a_ticket_of_somebody_else_is_no_ticket(admin, app, login, cast, saved):
    ticket = ticket_in(validate(admin, saved))
    mallory = login(app.test_client(), cast.mallory)
    with Unchanged(cast.daily, cast.weekly):
        page = "/u/weekly/admin/backup"
        response = import_(mallory, ticket, page=page, unit_name="Coast Weekly")
    assert response.status_code == 409


@pytest.mark.parametrize("htmx", [False, True])
def test_another_units_backup_needs_the_name_typed(app, login, cast, saved, htmx, as_htmx):
    mallory, page = login(app.test_client(), cast.mallory), "/u/weekly/admin/backup"
    headers = as_htmx if htmx else {}
    preview = validate(mallory, saved, page=page, headers=headers)
    assert "This is a backup of another unit: Harbour Daily." in preview.text
    ticket = ticket_in(preview)
    with Unchanged(cast.daily, cast.weekly):
        response = import_(mallory, ticket, page=page, unit_name="Weekly", headers=headers)
    assert response.status_code == 422
    assert "Type the unit&#39;s name, Coast Weekly, to confirm." in response.text
    import_(mallory, ticket_in(response), page=page, unit_name="Coast Weekly", headers=headers)
    assert state(cast.weekly) == state(cast.daily)


@pytest.mark.parametrize("htmx", [False, True])
def test_an_undo_is_previewed_and_undoes(admin, cast, saved, htmx, as_htmx):
    headers = as_htmx if htmx else {}
    Plugin.delete().where(Plugin.unit == cast.daily).execute()
    poor = state(cast.daily)
    import_(admin, ticket_in(validate(admin, saved)))
    preview = admin.post(f"{PAGE}/undo", headers=headers)
    assert "What an undo brings back" in preview.text
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", preview.text))
    assert "Kind Before the import Now" in words
    assert "is in the unit now, and was not there before the import." in words
    assert "Undo the import Cancel" in words
    assert "In the backup" not in words
    import_(admin, ticket_in(preview), headers=headers)
    assert state(cast.daily) == poor
    page = admin.get(PAGE).text
    assert "The import was undone" in page
    assert ", brought back " in page
    assert ", imported " not in page


def test_an_undo_without_an_import_is_refused(admin, cast):
    with Unchanged(cast.daily):
        assert admin.post(f"{PAGE}/undo").status_code == 409


@pytest.mark.parametrize("htmx", [False, True])
def test_cancel_forgets_the_upload(admin, cast, saved, folders, htmx, as_htmx):
    ticket = ticket_in(validate(admin, saved))
    response = admin.post(
        f"{PAGE}/discard", data={"ticket": ticket}, headers=as_htmx if htmx else {}
    )
    assert response.status_code == (200 if htmx else 303)
    assert list(folders.uploads.iterdir()) == []
    with Unchanged(cast.daily):
        assert import_(admin, ticket).status_code == 409


STEPS = ("export", "validate", "import", "undo", "discard")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("who", "status"), [("bob", 403), ("ursula", 403), ("rita", 403), ("mallory", 404)]
)
def test_only_an_admin_of_the_unit_may(client, login, cast, step, who, status):
    browser = login(client, getattr(cast, who))
    with Unchanged(cast.daily, cast.weekly):
        assert browser.post(f"{PAGE}/{step}").status_code == status


@pytest.mark.parametrize("step", STEPS)
def test_no_step_without_a_csrf_token(admin, cast, step):
    with Unchanged(cast.daily):
        assert admin.post(f"{PAGE}/{step}", csrf=False).status_code == 400


@pytest.mark.parametrize("step", ["export", "validate", "import", "undo"])
def test_each_step_asks_for_the_login_password_when_it_is_old(client, login, cast, step):
    browser = login(client, cast.alice, fresh=False)
    with Unchanged(cast.daily):
        response = browser.post(f"{PAGE}/{step}")
    assert response.status_code == 303
    assert response.location.startswith("/confirm")


def test_an_upload_over_the_limit_is_refused(admin, app, cast, folders):
    from dataclasses import replace

    app.config["SETTINGS"] = replace(app.config["SETTINGS"], max_upload_bytes=1 << 20)
    form = "multipart/form-data; boundary=x"
    with Unchanged(cast.daily):
        response = admin.post(f"{PAGE}/validate", data=b"x" * (3 << 20), content_type=form)
    assert response.status_code == 413
    assert list(folders.uploads.iterdir()) == []


def test_the_page_holds_no_secret_and_every_section(admin, cast):
    page = admin.get(PAGE).text
    assert "hush" not in page
    for words in ("Export backup", "Import backup", "One backup for each unit", "Left out"):
        assert words in page


def test_an_import_that_nobody_can_be_sure_of_is_not_said_to_have_changed_nothing(
    admin, saved, monkeypatch
):
    def fail(*_, **__):
        raise OutcomeUnknown

    def end(*_, **__):
        raise peewee.OperationalError

    ticket = ticket_in(validate(admin, saved))
    monkeypatch.setattr(imports, "_replace", fail)
    monkeypatch.setattr(runs, "end", end)
    response = import_(admin, ticket)
    assert response.status_code == 503
    assert "wholly as it was, or wholly as in the backup" in response.text
    assert "othing was" not in response.text


def test_a_disk_that_is_full_under_validate_is_no_fault_of_the_file(
    admin, cast, saved, folders, monkeypatch
):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dashboard.backup.tickets.issue", full)
    with Unchanged(cast.daily):
        response = validate(admin, saved)
    assert response.status_code == 503
    assert "The disk is full. Nothing was changed." in response.text
    assert list(folders.uploads.iterdir()) == []
