"""The configuration of a plugin as a file: what is sent, what is previewed, what is applied."""

import io
import json
import re

import pytest

from dashboard import backup
from dashboard.archive import KdfCost, open_with_password
from dashboard.backup import parts
from dashboard.models import (
    AuditEvent,
    Plugin,
    PluginMapping,
    PluginPermission,
    Unit,
)
from dashboard.plugins import install
from tests.web.unit_state import revision, state_of

CONTENT = "example.deskworks.content-agent"
STORY = "example.deskworks.story-editor"
PAGE = f"/u/daily/admin/plugins/{CONTENT}"


@pytest.fixture
def alice(client, cast, login):
    for bundle in (CONTENT, STORY):
        install.install(cast.daily, bundle, by=cast.alice)
    Plugin.update(
        config='{"apiUrl":"https://a.example","pageSize":20}', secrets='{"apiPassword":"hush-old"}'
    ).where(Plugin.bundle == CONTENT).execute()
    PluginPermission.create(unit=cast.daily, bundle=CONTENT, key="STORE_CONTENT", role="user")
    return login(client, cast.alice)


@pytest.fixture
def engine(folders):
    return backup.Context(folders, "Dashboard test", KdfCost(1, 8 << 20), 4)


def row(cast, bundle=CONTENT):
    return install.plugin_of(cast.daily, bundle)


def saved(cast, engine, password="", bundle=CONTENT) -> bytes:
    return parts.export_plugin(cast.daily, bundle, password, engine, by=cast.alice)


def preview(client, data: bytes, password="", page=PAGE):
    # By hand: the test client would leave the temporary file of a large form open.
    line, end = b"--limit\r\nContent-Disposition: form-data; name=", b"\r\n--limit--\r\n"
    head = line + b'"password"\r\n\r\n' + password.encode() + b"\r\n"
    body = head + line + b'"file"; filename="c.dbk"\r\n\r\n' + data + end
    kind = "multipart/form-data; boundary=limit"
    return client.post(f"{page}/import", data=body, content_type=kind)


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of the preview's form."""
    names = ("revision", "file", "key", "expires")
    inputs = re.findall(r"<input[^>]*>", page)
    found = {}
    for tag in inputs:
        name = re.search(r'name="([^"]*)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if name and value and name[1] in names:
            found.setdefault(name[1], value[1])
    return found


def apply(client, page: str, **changed: str):
    return client.post(f"{PAGE}/import/apply", data=hidden(page) | changed)


def test_the_page_offers_both_ways(alice, cast):
    page = alice.get(f"{PAGE}/file").text
    for words in ("Download configuration", "Upload the file", "Preview"):
        assert words in page


@pytest.mark.parametrize(("password", "has_secret"), [("", False), ("four words", True)])
def test_an_export_is_a_file_that_can_be_read(alice, cast, password, has_secret):
    before = revision(cast.daily)
    answer = alice.post(f"{PAGE}/export", data={"password": password})
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith(
        "attachment; filename=daily-content-agent-configuration.dbk"
    )
    reader = open_with_password(io.BytesIO(answer.data), password)
    text = b"".join(batch.lines for batch in reader.batches())
    assert (b"hush-old" in text) is has_secret
    assert revision(cast.daily) == before
    assert AuditEvent.select().where(AuditEvent.action == "plugin.export").count() == 1


def test_a_short_password_is_refused_at_its_field(alice, cast):
    answer = alice.post(f"{PAGE}/export", data={"password": "abc"})
    assert answer.status_code == 422
    assert "Use at least 4 characters, or none at all." in answer.text


def test_a_preview_shows_every_change_and_does_nothing(alice, cast, engine):
    data = saved(cast, engine, "four words")
    Plugin.update(
        config='{"apiUrl":"https://b.example","mine":1}', secrets='{"apiPassword":"hush-new"}'
    ).where(Plugin.bundle == CONTENT).execute()
    PluginPermission.delete().where(PluginPermission.bundle == CONTENT).execute()
    PluginPermission.create(unit=cast.daily, bundle=CONTENT, key="STORE_CONTENT", role="admin")
    before = state_of(cast.daily)
    answer = preview(alice, data, "four words")
    assert answer.status_code == 200
    page = answer.text
    shown = ("https://a.example", "https://b.example", "removed", "added", "changed")
    for said in (*shown, *(f"<code>{key}</code>" for key in ("mine", "pageSize", "apiPassword"))):
        assert said in page
    assert "hush" not in page
    assert state_of(cast.daily) == before
    assert apply(alice, page).status_code == 303
    assert json.loads(row(cast).config) == {"apiUrl": "https://a.example", "pageSize": 20}
    assert row(cast).secrets == '{"apiPassword":"hush-old"}'
    roles = PluginPermission.of(cast.daily).where(PluginPermission.bundle == CONTENT)
    assert [(at.key, at.role) for at in roles] == [("STORE_CONTENT", "user")]
    event = AuditEvent.select().order_by(AuditEvent.id.desc()).get()
    assert (event.action, event.subject, event.outcome) == ("plugin.import", CONTENT, "done")
    assert json.loads(event.detail)["file_sha256"]


def test_without_a_password_secrets_that_are_set_stay(alice, cast, engine):
    data = saved(cast, engine)
    Plugin.update(config='{"apiUrl":"x"}', secrets='{"apiPassword":"hush-new"}').where(
        Plugin.bundle == CONTENT
    ).execute()
    page = preview(alice, data).text
    assert "Secrets that the file does not carry stay as they are." in page
    assert apply(alice, page).status_code == 303
    assert row(cast).secrets == '{"apiPassword":"hush-new"}'
    assert json.loads(row(cast).config)["apiUrl"] == "https://a.example"


def test_the_same_configuration_changes_nothing_and_has_no_button(alice, cast, engine):
    page = preview(alice, saved(cast, engine)).text
    assert "Nothing would change" in page
    assert "Import configuration" not in page


@pytest.mark.parametrize(
    ("field", "value"),
    [("expires", "99999999999"), ("key", "AAAA"), ("file", "AAAA"), ("file", "?"), ("key", "")],
)
def test_what_was_not_previewed_cannot_be_applied(alice, cast, engine, field, value):
    data = saved(cast, engine)
    Plugin.update(config="{}").where(Plugin.bundle == CONTENT).execute()
    page = preview(alice, data).text
    before = state_of(cast.daily)
    answer = apply(alice, page, **{field: value})
    assert answer.status_code == 409
    assert "Choose the file again." in answer.text
    assert state_of(cast.daily) == before


def test_another_file_cannot_take_the_place_of_the_previewed_one(alice, cast, engine):
    evil = saved(cast, engine)
    Plugin.update(config='{"apiUrl":"y"}').where(Plugin.bundle == CONTENT).execute()
    good = saved(cast, engine)
    Plugin.update(config="{}").where(Plugin.bundle == CONTENT).execute()
    other = hidden(preview(alice, evil).text)
    before = state_of(cast.daily)
    assert apply(alice, preview(alice, good).text, file=other["file"]).status_code == 409
    assert state_of(cast.daily) == before


@pytest.mark.parametrize("given", ["old", ""])
def test_a_stale_preview_is_refused(alice, cast, engine, given):
    data = saved(cast, engine)
    Plugin.update(config="{}").where(Plugin.bundle == CONTENT).execute()
    page = preview(alice, data).text
    Unit.update(revision=Unit.revision + 1).execute()
    before = state_of(cast.daily)
    changed = {} if given else {"revision": ""}
    assert apply(alice, page, **changed).status_code == 409
    assert apply(alice, page, revision=str(revision(cast.daily))).status_code == 409
    assert state_of(cast.daily) == before


def test_a_second_press_changes_nothing_more(alice, cast, engine):
    data = saved(cast, engine)
    Plugin.update(config="{}").where(Plugin.bundle == CONTENT).execute()
    page = preview(alice, data).text
    assert apply(alice, page).status_code == 303
    before = state_of(cast.daily)
    assert apply(alice, page).status_code == 409
    assert state_of(cast.daily) == before


def test_the_file_of_another_plugin_is_refused_with_the_way_on(alice, cast, engine):
    data = saved(cast, engine, bundle=STORY)
    before = state_of(cast.daily)
    answer = preview(alice, data)
    assert answer.status_code == 422
    assert "Import it on the page of that plugin." in answer.text
    Plugin.delete().where(Plugin.bundle == STORY).execute()
    answer = preview(alice, data)
    assert "not installed in this unit: install it first." in answer.text
    assert state_of(cast.daily) | {"Plugin": 0} == before | {"Plugin": 0}
    events = AuditEvent.select().where(AuditEvent.action == "plugin.import")
    assert [event.outcome for event in events] == ["refused", "refused"]


def test_a_file_of_a_newer_version_is_refused(alice, cast, engine):
    Plugin.update(version="99.0.0").where(Plugin.bundle == CONTENT).execute()
    data = saved(cast, engine)
    Plugin.update(version="2.0.0").where(Plugin.bundle == CONTENT).execute()
    before = state_of(cast.daily)
    answer = preview(alice, data)
    assert answer.status_code == 422
    assert "made with version 99.0.0" in answer.text
    assert "Update the plugin first." in answer.text
    assert state_of(cast.daily) == before


def test_a_file_of_an_older_version_goes_through_the_steps_between(alice, cast, engine):
    version = row(cast, STORY).version
    here = Plugin.bundle == STORY
    Plugin.update(version="4.1.0", config='{"writerUrl":"https://w.example"}').where(here).execute()
    data = saved(cast, engine, bundle=STORY)
    Plugin.update(version=version, config="{}").where(here).execute()
    page = f"/u/daily/admin/plugins/{STORY}"
    answer = preview(alice, data, page=page)
    assert "one step brings its settings up to date" in answer.text
    assert alice.post(f"{page}/import/apply", data=hidden(answer.text)).status_code == 303
    config = json.loads(row(cast, STORY).config)
    assert config["editorUrl"] == "https://w.example"
    assert "writerUrl" not in config
    assert config["autosaveSeconds"] == 30


def test_only_what_the_installed_version_knows_comes_in(alice, cast, engine):
    PluginPermission.create(unit=cast.daily, bundle=CONTENT, key="EVERYTHING", role="readonly")
    PluginMapping.create(unit=cast.daily, bundle=CONTENT, kind="action", requirement="SECRET_DOOR",
                         target_bundle="org.evil.x", target="y")  # fmt: skip
    data = saved(cast, engine)
    for model in (PluginPermission, PluginMapping):
        model.delete().where(model.bundle == CONTENT).execute()
    page = preview(alice, data).text
    assert "permission EVERYTHING" in page
    assert "action SECRET_DOOR" in page
    assert apply(alice, page).status_code == 303
    keys = {
        at.key for at in PluginPermission.of(cast.daily).where(PluginPermission.bundle == CONTENT)
    }
    assert keys == {"STORE_CONTENT"}
    assert not PluginMapping.of(cast.daily).where(PluginMapping.bundle == CONTENT).exists()


def test_what_needs_a_look_afterwards_is_said_before(alice, cast, engine):
    Plugin.update(config='{"apiUrl":"x","pageSize":"${DBKS:GONE}","timeoutMs":5}').where(
        Plugin.bundle == CONTENT
    ).execute()
    data = saved(cast, engine)
    Plugin.update(config="{}").where(Plugin.bundle == CONTENT).execute()
    page = preview(alice, data).text
    assert "There is no config key GONE." in page
    assert "Enter at least 1000." in page
    assert apply(alice, page).status_code == 303


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda cast, engine: b"hello", "not a Dashboard backup"),
        (lambda cast, engine: saved(cast, engine)[:-1], "damaged"),
        (lambda cast, engine: parts.export_workspace(
            cast.daily, "ws-one", "", engine, by=cast.alice), "This file holds one workspace"),
        (lambda cast, engine: bytes(parts.MAX_PART_BYTES + 1), "larger than 4 MiB"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_configuration_is_refused_at_its_field(alice, cast, engine, make, said):
    data, before = make(cast, engine), state_of(cast.daily)
    answer = preview(alice, data)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert state_of(cast.daily) == before


def test_a_wrong_password_is_refused_at_its_field(alice, cast, engine):
    answer = preview(alice, saved(cast, engine, "four words"), "other words")
    assert answer.status_code == 422
    assert "This is not the password" in answer.text
    assert "Choose a file" in alice.post(f"{PAGE}/import", data={"password": ""}).text


def test_the_largest_file_fits_the_form_of_its_preview(alice, cast, engine):
    import random

    noise = "".join(map(chr, random.Random(7).choices(range(0x4E00, 0x9000), k=330_000)))
    Plugin.update(config=json.dumps({"apiUrl": noise}, ensure_ascii=False)).where(
        Plugin.bundle == CONTENT
    ).execute()
    data = saved(cast, engine)
    assert len(data) > 600_000
    Plugin.update(config="{}").where(Plugin.bundle == CONTENT).execute()
    page = preview(alice, data).text
    assert apply(alice, page).status_code == 303
    assert json.loads(row(cast).config)["apiUrl"] == noise


def test_a_whole_unit_is_not_replaced_by_the_file_of_a_plugin(alice, cast, engine):
    data, before = saved(cast, engine, "four words"), state_of(cast.daily)
    fields = {"file": (io.BytesIO(data), "c.dbk"), "password": "four words"}
    answer = alice.post(
        "/u/daily/admin/backup/validate", data=fields, content_type="multipart/form-data"
    )
    assert answer.status_code == 422
    assert "not a whole unit" in answer.text
    assert "under Plugins in Admin settings" in answer.text
    assert state_of(cast.daily) == before
