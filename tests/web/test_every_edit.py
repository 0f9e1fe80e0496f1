"""Every kind of edit of the whole demo on its screens, and one import that undoes them all."""

import io

import pytest

from dashboard import backup, demo
from dashboard.archive import KdfCost
from dashboard.backup.export import content_digest
from dashboard.models import AuditEvent, Unit, User

PASSWORD = "four words, one file"
HOME = "/u/harbour-daily"
ADMIN = f"{HOME}/admin"
NOTES = f"{ADMIN}/plugins/dashboard.core.notes"
WORKSPACE = f"{HOME}/w/ws-morning"
LOOK = {
    "layout": "2-equal",
    "icon_text": "MM",
    "icon_color": "#123456",
    "shared": "y",
    "position": "1",
}

# (audit action, address, fields): in this order on one unit, each from a fresh page.
EDITS = (
    ("plugin.install", f"{ADMIN}/plugins/example.deskworks.photo-desk/install", {}),
    ("plugin.deactivate", f"{ADMIN}/plugins/dashboard.core.clock/active", {"active": "no"}),
    (
        "plugin.configure",
        f"{ADMIN}/plugins/dashboard.core.clock/config",
        {"config-timezone": "UTC"},
    ),
    ("plugin.permissions", f"{NOTES}/permissions", {"roles.ADD_TO_NOTE": "admin"}),
    (
        "plugin.mappings",
        f"{ADMIN}/plugins/dashboard.core.announcements/mappings",
        {"portal.BESIDE": ""},
    ),
    ("application.act", f"{WORKSPACE}/a/app-follow-ups/act/append-note", {"line": "one more"}),
    ("application.move", f"{WORKSPACE}/applications/app-events/move", {"direction": "right"}),
    (
        "application.add",
        f"{WORKSPACE}/applications",
        {"bundle": "dashboard.core.links", "column": "0"},
    ),
    ("application.configure", f"{WORKSPACE}/applications/app-plans/settings", {"title": "Other"}),
    ("application.remove", f"{WORKSPACE}/applications/app-plans/remove", {}),
    ("workspace.change", f"{WORKSPACE}/settings", {"name": "Evening", **LOOK}),
    ("workspace.create", f"{HOME}/workspaces/new", {"name": "Made", "layout": "1", "shared": "y"}),
    ("workspace.copy", f"{WORKSPACE}/copy", {}),
    ("workspace.delete", f"{HOME}/w/ws-web/delete", {}),
    ("profile.change", f"{HOME}/profiles/pf-planning", {"name": "Plans", "roles": "admin"}),
    ("profile.create", f"{HOME}/profiles/new", {"name": "Made", "roles": "user"}),
    ("profile.delete", f"{HOME}/profiles/pf-screen/delete", {}),
    ("key.create", f"{ADMIN}/keys/-/new", {"name": "MADE", "type": "secret", "value": "hush"}),
    ("key.change", f"{ADMIN}/keys/CHANNELS", {"type": "json", "value": "[]"}),
    ("key.delete", f"{ADMIN}/keys/SECTIONS/delete", {}),
    ("plugin.uninstall", f"{NOTES}/uninstall", {}),
)


@pytest.fixture
def unit(folders):
    demo.fill("a long demo password")
    return Unit.get(Unit.slug == "harbour-daily")


@pytest.mark.slow
def test_one_import_undoes_every_kind_of_edit(unit, folders, client, login, tmp_path):
    engine = backup.Context(folders, "Dashboard test", KdfCost(1, 8 << 20), 4)
    maja = User.get(User.email == "maja.lind@harbour.example")
    login(client, maja)
    before, file = content_digest(unit), tmp_path / "daily.dbk"
    backup.export_to_file(unit, file, PASSWORD, "test", engine)
    digests = [before]
    for action, address, fields in EDITS:
        revision = Unit.get_by_id(unit.id).revision
        sent = {"revision": str(revision)} | fields
        answer = client.post(f"{address}?seen={revision}", data=sent)
        assert answer.status_code == 303, (action, answer.status_code, answer.text[-3000:])
        newest = AuditEvent.select().order_by(AuditEvent.id.desc()).first()
        assert newest.action == action
        assert Unit.get_by_id(unit.id).revision == revision + 1
        digests.append(content_digest(unit))
        assert digests[-1] not in digests[:-1], f"{action} changed nothing"

    uid = backup.keep_upload(unit, maja, io.BytesIO(file.read_bytes()), engine)
    token, _ = backup.validate_upload(unit, maja, uid, PASSWORD, engine)
    backup.import_ticket(unit, maja, token, engine)
    assert content_digest(unit) == before
