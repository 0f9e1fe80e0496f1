"""Crafted backups as people meet them: what they give is said, and nobody gets further by it."""

import re

import pytest

from dashboard.models import Session, Workspace
from tests.archive.cases.state import full
from tests.archive.second_writer import PASSWORD
from tests.backup.conftest import state
from tests.backup.test_rights import SAYS, every_role, owned_by, sealed
from tests.web.conftest import COOKIE
from tests.web.test_backups import PAGE, admin, import_, ticket_in, validate

__all__ = ["admin"]
PEOPLE = ("alice", "bob", "ursula", "rita", "mallory", "olga")
ADDRESSES = (
    "/u/daily/profile", "/u/daily/workspaces", "/u/daily/workspaces/new", "/u/daily/profiles",
    "/u/daily/admin/members", "/u/daily/admin/keys", "/u/daily/admin/audit", PAGE,
    "/u/weekly/", "/u/weekly/admin/members", "/u/weekly/admin/keys", "/units/new",
)  # fmt: skip


@pytest.fixture
def doors(app, cast, login):
    """`doors()`: what each person gets at each address, with the session of before."""
    browsers = {name: login(app.test_client(), getattr(cast, name)) for name in PEOPLE}

    def look():
        return {
            (name, address): browser.get(address).status_code
            for name, browser in browsers.items()
            for address in ADDRESSES
        }

    look.browsers = browsers
    return look


def bring(admin, cast, change):
    rows = full()
    change(rows, cast)
    preview = validate(admin, sealed(rows, cast.daily), PASSWORD)
    assert preview.status_code == 200
    return preview


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nothing at all", "claims", "every role", "circles"])
def test_nobody_gets_further_or_is_locked_out(admin, cast, doors, name):
    before, daily, weekly = doors(), state(cast.daily), state(cast.weekly)
    sessions = {row.token_hash for row in Session.select()}
    assert import_(admin, ticket_in(bring(admin, cast, SAYS[name]))).status_code == 303
    assert state(cast.daily) != daily
    assert {key: status for key, status in doors().items() if status != before[key]} == {}
    # Whoever did it is still there to undo it.
    assert import_(admin, ticket_in(admin.post(f"{PAGE}/undo"))).status_code == 303
    assert (state(cast.daily), state(cast.weekly)) == (daily, weekly)
    assert sessions <= {row.token_hash for row in Session.select()}


def test_every_gain_of_a_role_is_named_in_the_preview(admin, cast):
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", bring(admin, cast, every_role).text))
    for role in ("admin", "power_user", "user", "readonly"):
        assert f"example.desk.alpha: EVERYTHING for {role}" in words
        assert f"News for {role}" in words


def test_a_readonly_member_with_every_permission_changes_nothing(admin, cast, doors):
    import_(admin, ticket_in(bring(admin, cast, every_role)))
    before = state(cast.daily)
    rita = doors.browsers["rita"]
    for act in ("append-note", "EVERYTHING", "announce"):
        assert rita.post(f"/u/daily/w/ws-a/a/app-1/act/{act}").status_code == 403
    assert state(cast.daily) == before


@pytest.mark.parametrize("owner", ["mallory", "olga", "bob", "alice"])
def test_a_private_workspace_is_its_owners_if_he_is_a_member(admin, cast, doors, owner):
    """Nobody of another unit gets in by it, and the importer does not look into others'."""
    email = getattr(cast, owner).email
    import_(admin, ticket_in(bring(admin, cast, owned_by(email))))
    got = {name: b.get("/u/daily/w/ws-a").status_code for name, b in doors.browsers.items()}
    assert got == {
        name: 200 if name == owner and name in ("alice", "bob") else 404 for name in PEOPLE
    }
    manage = doors.browsers["alice"].get("/u/daily/admin/workspaces").text
    assert email in manage


def test_what_was_private_stays_unseen_behind_a_shared_one_of_its_name(admin, cast, doors):
    """The rows of the file take its place: what stood there cannot be reached by them."""
    private = Workspace.of(cast.daily).where(Workspace.uid == "ws-two").get()
    assert (private.shared, private.owner_email) == (False, cast.bob.email)

    def share(rows, _cast):
        rows["workspaces"] = [["ws-two", "Mine now", "1", "M", "#000000", None, True, None, 0]]
        rows["applications"] = rows["profile_workspaces"] = []

    import_(admin, ticket_in(bring(admin, cast, share)))
    page = doors.browsers["alice"].get("/u/daily/w/ws-two?plain=1").text
    assert "Mine now" in page
    assert "Hello" not in page
    assert admin.get_cookie(COOKIE)
