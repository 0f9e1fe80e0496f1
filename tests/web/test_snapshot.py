"""A page is of one revision, whatever others commit meanwhile; a form of another one is stale."""

import re
import threading
from importlib import import_module

import pytest

from dashboard import db
from dashboard.models import ConfigKey, ImportTicket, Membership, Unit, Workspace, changing

# By name: the package itself has the blueprints under these names.
KEYSTORE, SHELL, WORKSPACES = (
    import_module(f"dashboard.web.{name}") for name in ("keystore", "shell", "workspaces")
)


@pytest.fixture
def admin(client, login, cast):
    return login(client, cast.alice)


def rename_all(unit, name: str) -> None:
    """Change the unit as somebody else does, in another thread with a connection of its own."""

    def change():
        with db.database.connection_context(), changing(unit, "test", by="test"):
            Workspace.update(name=name).where(Workspace.unit == unit).execute()

    thread = threading.Thread(target=change)
    thread.start()
    thread.join()


@pytest.fixture
def between(monkeypatch):
    """`between(module, name, act)`: do *act* once, when a page has got its answer from there."""

    def put_in(module, name, act):
        honest, left = getattr(module, name), [act]

        def called(*args, **kwargs):
            found = honest(*args, **kwargs)
            if left:
                left.pop()()
            return found

        monkeypatch.setattr(module, name, called)
        return left

    return put_in


def test_a_page_shows_one_state_in_all_its_parts(admin, cast, between):
    left = between(WORKSPACES, "workspace_or_404", lambda: rename_all(cast.daily, "Later"))
    page = admin.get("/u/daily/w/ws-one?plain=1").text
    assert left == []
    assert "Later" not in page
    assert "Later" in admin.get("/u/daily/w/ws-one?plain=1").text


def test_a_form_carries_the_revision_of_what_it_shows(admin, cast, between):
    before = Unit.get_by_id(cast.daily.id).revision
    left = between(KEYSTORE, "key_or_404", lambda: rename_all(cast.daily, "Later"))
    page = admin.get("/u/daily/admin/keys/K0000").text
    assert left == []
    assert re.search(r'name="revision"[^>]* value="(\d+)"', page)[1] == str(before)
    assert "Later" not in page


def test_what_a_page_writes_is_written_although_somebody_wrote_meanwhile(admin, cast, between):
    left = between(WORKSPACES, "workspace_or_404", lambda: rename_all(cast.daily, "Later"))
    assert admin.get("/u/daily/w/ws-one").status_code == 200
    assert left == []
    own = Membership.get(Membership.user == cast.alice, Membership.unit == cast.daily)
    assert own.workspace_uid == "ws-one"


def test_the_backup_page_sweeps_although_somebody_wrote_meanwhile(admin, cast, between):
    ImportTicket.create(
        token_hash="0" * 64,
        upload="0" * 32,
        unit=cast.daily,
        user=cast.alice,
        kind="import",
        file_sha256="0" * 64,
        unit_revision=0,
        same_unit=True,
        sealed_key=b"",
        summary="{}",
        expires_at=1,
    )
    left = between(SHELL, "visible_workspaces", lambda: rename_all(cast.daily, "Later"))
    page = admin.get("/u/daily/admin/backup")
    assert page.status_code == 200
    assert "Later" not in page.text
    assert left == []
    assert ImportTicket.select().count() == 0


def test_a_form_of_an_older_page_is_stale_even_where_its_row_is_gone(admin, cast):
    revision = Unit.get_by_id(cast.daily.id).revision
    with changing(cast.daily, "test", by="test"):
        ConfigKey.delete().where(ConfigKey.name == "K0000").execute()
    for way in ("", "/delete"):
        answer = admin.post(f"/u/daily/admin/keys/K0000{way}", data={"revision": revision})
        assert answer.status_code == 409
        assert "older than the unit" in answer.text
    assert Unit.get_by_id(cast.daily.id).revision == revision + 1
