"""The corpus typed into forms, named by plugins and files, and written into a spreadsheet."""

import csv
import io
import socket
import sys
from urllib.parse import quote

import pytest

from dashboard.backup.export import content_digest
from dashboard.models import Role, Unit, audit
from dashboard.models.invites import invite
from dashboard.plugins import install, registry
from tests.archive.second_writer import PASSWORD, empty_rows
from tests.backup.test_rights import sealed
from tests.hostile.corpus import CORPUS, LONG, POSSIBLE, of
from tests.hostile.pages import Read
from tests.web.test_backups import admin, import_, ticket_in, validate

__all__ = ["admin"]
HOME, ADMIN = "/u/daily", "/u/daily/admin"
LOOK = {
    "layout": "2-equal",
    "icon_text": "X",
    "icon_color": "#123456",
    "shared": "y",
    "position": "1",
}
ANNOUNCEMENTS = f"{ADMIN}/plugins/dashboard.core.announcements"
# (address, the field that gets the string, the other fields)
FORMS = (
    ("/login", "email", {"password": "x"}),
    ("/login", "password", {"email": "x@y.example"}),
    ("/account/password", "password", {}),
    ("/units/new", "name", {"slug": "made"}),
    ("/units/new", "slug", {"name": "Made"}),
    (f"{ADMIN}/name", "name", {}),
    (f"{ADMIN}/invite", "email", {"role": "user"}),
    (f"{HOME}/workspaces/new", "name", {"layout": "1", "shared": "y"}),
    (f"{HOME}/w/ws-one/settings", "name", LOOK),
    (f"{HOME}/w/ws-one/settings", "icon_text", LOOK | {"name": "One"}),
    (f"{HOME}/w/ws-one/settings", "icon_color", LOOK | {"name": "One"}),
    (f"{HOME}/w/ws-one/applications", "bundle", {"column": "0"}),
    (f"{HOME}/w/ws-one/applications/app-1/settings", "title", {"config-text": "x"}),
    (f"{HOME}/w/ws-one/applications/app-1/settings", "config-text", {"title": "x"}),
    (f"{HOME}/profiles/new", "name", {"roles": "user"}),
    (f"{HOME}/profile", "profile", {}),
    (f"{ADMIN}/keys/-/new", "name", {"type": "string", "value": "x"}),
    (f"{ADMIN}/keys/-/new", "value", {"type": "json", "name": "MADE"}),
    (f"{ADMIN}/keys/K0000", "value", {"type": "string"}),
    (f"{ADMIN}/keys/K0000", "description", {"type": "string", "value": "x"}),
    (f"{ANNOUNCEMENTS}/config", "config-messages", {}),
    (f"{ANNOUNCEMENTS}/config", "config-timezone", {}),
    (f"{ANNOUNCEMENTS}/mappings", "portal.BESIDE", {}),
    (f"{ADMIN}/backup/export", "password", {}),
    (f"{ADMIN}/backup/import", "ticket", {}),
    (f"{ADMIN}/backup/fields", "key", {"ticket": "x", "section": "plugins"}),
)
SHOWN_AT = ("/units", f"{HOME}/w/ws-one?plain=1", f"{ADMIN}/workspaces", f"{ADMIN}/profiles",
            f"{ADMIN}/keys/K0000", f"{ADMIN}/members", f"{ADMIN}/audit", ANNOUNCEMENTS)  # fmt: skip
STRINGS = CORPUS if LONG else CORPUS[::15]  # some of every group
# Taken or shown again, or refused. 409 is the answer to a ticket of nothing alone.
ANSWERS = (200, 303, 400, 404, 409, 410, 422, 429)


@pytest.mark.slow
@pytest.mark.parametrize(("address", "field", "others"), FORMS, ids=lambda it: str(it)[-40:])
def test_what_is_typed_is_taken_as_it_is_or_refused_with_a_sentence(
    admin, cast, address, field, others
):
    install.install(cast.daily, "dashboard.core.announcements", by=cast.alice)
    token = {"X-CSRFToken": admin.csrf_token()}
    taken = 0
    for one in STRINGS:
        text = one.text.encode("utf-8", "surrogatepass")
        seen = str(Unit.get_by_id(cast.daily.id).revision)  # each form of a fresh page
        given = others | {"revision": seen}
        body = "&".join(f"{quote(k)}={quote(v)}" for k, v in given.items()).encode()
        answer = admin.post(
            f"{address}?seen={seen}",
            data=body + f"&{quote(field)}=".encode() + quote(text).encode(),
            csrf=False,
            headers=token | {"X-Forwarded-For": "192.0.2.1"},
            content_type="application/x-www-form-urlencoded",
        )  # fmt: skip
        assert answer.status_code in ANSWERS, (one, answer.status_code)
        assert Read(answer.text).faults == [], one
        assert answer.status_code != 409 or field == "ticket", one
        taken += answer.status_code == 303
    for shown in SHOWN_AT:
        assert Read(admin.get(shown).text).faults == [], shown
    assert taken < len(STRINGS) or field not in ("email", "slug", "bundle", "ticket")


@pytest.mark.slow
def test_a_plugin_that_names_code_is_data_and_nobody_fetches_it(admin, cast, monkeypatch):
    """Stored, shown in the preview, without code; no name is looked up and nothing imported."""
    registry.catalogue()  # which imports what comes with the product
    asked = []
    for name in ("create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, lambda *args, **_: asked.append(args))
    monkeypatch.setattr(socket.socket, "connect", lambda _, place: asked.append(place))
    places = [one.text for one in (*of("code"), *of("path"))]
    entries = ("entry", "module", "path", "url", "main", "handler", "code")
    rows = empty_rows()
    rows["plugins"] = [
        [f"hostile.x{number:03}", "Code", "1.0.0", dict.fromkeys(entries, place), place, True,
         {"url": place}, {}]
        for number, place in enumerate(places)
        if place.isprintable()
    ]  # fmt: skip
    assert len(rows["plugins"]) > 50
    preview = validate(admin, sealed(rows, cast.daily), PASSWORD)
    modules = set(sys.modules)
    assert Read(preview.text).holds("Code")
    assert import_(admin, ticket_in(preview)).status_code == 303
    for row in rows["plugins"]:
        page = Read(admin.get(f"{ADMIN}/plugins/{row[0]}").text)
        assert page.holds("No code on this server")
        assert page.holds(row[4])
        assert page.faults == []
    assert asked == []
    assert set(sys.modules) == modules


@pytest.mark.slow
def test_the_name_of_an_upload_names_nothing(admin, cast, settings):
    """It is no path, and no header; the file is kept under a name of ours."""
    before = content_digest(cast.daily)
    data = sealed(empty_rows(), cast.daily)
    for one in (*of("path")[::3], *of("header")[::3]):
        answer = validate(admin, data, PASSWORD, name=one.text)
        # A line break ends the header that names the file: that part is none then.
        is_broken = set("\r\n") & set(one.text) and answer.status_code == 422
        assert is_broken or answer.status_code == 200, one
        assert one.mark not in str(answer.headers)
        assert Read(answer.text).faults == []
        names = [file.name for file in settings.data_dir.rglob("*")]
        assert not [name for name in names if one.mark in name]
        if not is_broken:
            admin.post(f"{ADMIN}/backup/discard", data={"ticket": ticket_in(answer)})
    assert content_digest(cast.daily) == before


@pytest.mark.slow
def test_a_spreadsheet_computes_nothing_of_the_audit_log(admin, cast):
    for one in POSSIBLE:
        audit("key.create", by=cast.alice, unit=cast.daily, subject=one.text[:200], reason=one.text)
    text = admin.get(f"{ADMIN}/audit.csv", buffered=True).text
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) >= len(POSSIBLE)
    for row in rows:
        for cell in row.values():
            assert not cell.lstrip().startswith(tuple("=+-@＝＋－＠")), cell
    assert Read(admin.get(f"{ADMIN}/audit").text).faults == []


def test_an_invited_person_sees_the_unit_by_its_name_as_text(client, cast):
    for one in of("script", "breaking out")[::6]:
        type(cast.daily).update(name=one.text[:120]).execute()
        _, token = invite(cast.daily, "new@harbour.example", Role.USER, by=cast.alice)
        page = Read(client.get(f"/invite/{token}").text)
        assert page.holds(one.text)
        assert page.faults == []
