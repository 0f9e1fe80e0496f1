import threading

import pytest

from dashboard.models import (
    AuditEvent,
    Invite,
    Membership,
    Role,
    Session,
    Unit,
    Workspace,
)
from dashboard.models.invites import invite
from dashboard.models.people import role_of, set_role
from dashboard.web.forms_people import RemoveMemberForm, RoleForm
from tests.web.unit_state import revision, state_of

MEMBERS = "/u/daily/admin/members"


@pytest.fixture
def alice(client, cast, login):
    return login(client, cast.alice)


def roles():
    return sorted(Membership.select(Membership.user, Membership.unit, Membership.role).tuples())


def last_event():
    event = AuditEvent.select().order_by(AuditEvent.id.desc()).first()
    return event.action, event.subject, event.user_email, event.outcome


def test_people_are_listed_by_role(alice):
    page = alice.get(MEMBERS).text
    order = [
        page.index(f"{name}@harbour.example</td>") for name in ("alice", "bob", "ursula", "rita")
    ]
    assert order == sorted(order)
    assert "mallory@" not in page


def test_somebody_who_cannot_log_in_is_marked(alice, cast):
    cast.rita.is_active = False
    cast.rita.save()
    assert "cannot log in" in alice.get(MEMBERS).text


def test_last_seen_is_what_a_session_knows(app, alice, cast, login):
    login(app.test_client(), cast.bob)
    Session.update(seen_at=1_790_000_000).where(Session.user == cast.bob).execute()
    page = alice.get(MEMBERS).text
    assert "2026-09-21 14:13" in page  # bob
    assert page.count("logged out") == 2  # ursula and rita


def test_the_list_asks_as_much_for_many_members_as_for_few(alice, query_count):
    with query_count() as queries:
        alice.get(MEMBERS)
    assert len(queries) <= 9, queries


def test_a_role_is_changed_and_counts_at_once(app, alice, cast, login):
    bob = login(app.test_client(), cast.bob)
    assert bob.get("/u/daily/profiles").status_code == 200
    before = revision(cast.daily)
    answer = alice.post(f"{MEMBERS}/{cast.bob.id}", data={"seen": "power_user", "role": "readonly"})
    assert (answer.status_code, answer.location) == (303, MEMBERS)
    assert role_of(cast.bob, cast.daily) is Role.READONLY
    assert bob.get("/u/daily/profiles").status_code == 403
    assert last_event() == ("member.role", cast.bob.email, cast.alice.email, "done")
    assert revision(cast.daily) == before  # who may come in is no state of the unit


def test_a_removed_member_is_out_at_once_and_the_private_workspaces_stay(app, alice, cast, login):
    bob = login(app.test_client(), cast.bob)
    page = alice.get(f"{MEMBERS}/{cast.bob.id}/remove").text
    assert "A private workspace stays" in page
    before = state_of(cast.daily)
    answer = alice.post(f"{MEMBERS}/{cast.bob.id}/remove", data={"seen": "power_user"})
    assert (answer.status_code, answer.location) == (303, MEMBERS)
    assert bob.get("/u/daily/").status_code == 404
    assert Workspace.of(cast.daily).where(Workspace.owner_email == cast.bob.email).exists()
    assert state_of(cast.daily) == before
    assert last_event() == ("member.remove", cast.bob.email, cast.alice.email, "done")


@pytest.mark.parametrize(
    ("address", "data"),
    [("", {"seen": "admin", "role": "user"}), ("/remove", {"seen": "admin"})],
)
def test_the_last_admin_can_neither_be_demoted_nor_removed(alice, cast, address, data):
    before = roles()
    answer = alice.post(f"{MEMBERS}/{cast.alice.id}{address}", data=data)
    assert answer.status_code == 422
    assert "A unit needs an admin. Make somebody else admin first." in answer.text
    assert roles() == before


@pytest.mark.parametrize(
    ("address", "data", "place"),
    [
        ("", {"seen": "admin", "role": "user"}, "/u/daily/"),
        ("/remove", {"seen": "admin"}, "/"),
    ],
)
def test_one_of_two_admins_may_go(alice, cast, address, data, place):
    set_role(cast.bob, cast.daily, Role.ADMIN)
    answer = alice.post(f"{MEMBERS}/{cast.alice.id}{address}", data=data)
    assert (answer.status_code, answer.location) == (303, place)
    assert alice.get(MEMBERS).status_code in (403, 404)


@pytest.mark.parametrize("address", ["", "/remove"])
def test_what_changed_meanwhile_is_said_and_the_choice_is_kept(alice, cast, address):
    set_role(cast.ursula, cast.daily, Role.POWER_USER)
    before = roles()
    data = {"seen": "user", "role": "readonly"}
    answer = alice.post(f"{MEMBERS}/{cast.ursula.id}{address}", data=data)
    assert answer.status_code == 409
    assert "Ursula is Power user by now" in answer.text
    assert roles() == before
    # The page has seen it now: sent again, it is done.
    assert 'name="seen" type="hidden" value="power_user"' in answer.text
    if not address:
        assert 'checked id="role-3"' in answer.text
    data["seen"] = "power_user"
    assert alice.post(f"{MEMBERS}/{cast.ursula.id}{address}", data=data).status_code == 303


@pytest.mark.parametrize("address", ["", "/remove"])
def test_who_is_no_member_is_not_there(alice, cast, address):
    for number in (cast.olga.id, cast.mallory.id, 0, 2**63 - 1, 2**70):
        assert alice.get(f"{MEMBERS}/{number}{address}").status_code == 404


@pytest.mark.parametrize(
    "data", [{}, {"seen": "admin"}, {"seen": "x", "role": "user"}, {"seen": "user", "role": "god"}]
)
def test_a_form_that_makes_no_sense_changes_nothing(alice, cast, data):
    before = roles()
    assert alice.post(f"{MEMBERS}/{cast.ursula.id}", data=data).status_code == 422
    assert roles() == before


@pytest.mark.parametrize("address", ["", "/remove"])
def test_an_old_login_is_confirmed_first(app, cast, login, address):
    client = login(app.test_client(), cast.alice, fresh=False)
    before = roles()
    data = {"seen": "user", "role": "readonly"}
    answer = client.post(f"{MEMBERS}/{cast.ursula.id}{address}", data=data)
    assert answer.location.startswith("/confirm")
    assert roles() == before


def at_the_same_moment(app, monkeypatch, form, posts):
    """Send *posts* (client, address, data) so that the guard has let all in before any acts."""
    together, honest, statuses = threading.Barrier(len(posts)), form.validate_on_submit, {}

    def wait(self):
        together.wait(20)
        return honest(self)

    monkeypatch.setattr(form, "validate_on_submit", wait)
    # The tokens first: a page more would come in between.
    tokens = [client.csrf_token() for client, _, _ in posts]

    def send(number):
        client, address, data = posts[number]
        answer = client.post(
            address, data=data, csrf=False, headers={"X-CSRFToken": tokens[number]}
        )
        statuses[number] = answer.status_code

    threads = [threading.Thread(target=send, args=[number]) for number in range(len(posts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return sorted(statuses.values())


@pytest.mark.parametrize("address", ["", "/remove"])
def test_two_admins_who_demote_each_other_leave_one(app, alice, cast, login, monkeypatch, address):
    set_role(cast.bob, cast.daily, Role.ADMIN)
    bob = login(app.test_client(), cast.bob)
    form, data = (RemoveMemberForm if address else RoleForm), {"seen": "admin", "role": "user"}
    posts = [
        (alice, f"{MEMBERS}/{cast.bob.id}{address}", data),
        (bob, f"{MEMBERS}/{cast.alice.id}{address}", data),
    ]
    assert at_the_same_moment(app, monkeypatch, form, posts) == [303, 403]
    admins = [role_of(user, cast.daily) is Role.ADMIN for user in (cast.alice, cast.bob)]
    assert sorted(admins) == [False, True]


def test_two_admins_who_leave_at_once_leave_one(app, alice, cast, login, monkeypatch):
    set_role(cast.bob, cast.daily, Role.ADMIN)
    bob = login(app.test_client(), cast.bob)
    posts = [
        (alice, f"{MEMBERS}/{cast.alice.id}/remove", {"seen": "admin"}),
        (bob, f"{MEMBERS}/{cast.bob.id}/remove", {"seen": "admin"}),
    ]
    assert at_the_same_moment(app, monkeypatch, RemoveMemberForm, posts) == [303, 422]


def test_the_invites_of_an_admin_end_with_the_role_and_the_page_says_so(alice, cast):
    set_role(cast.bob, cast.daily, Role.ADMIN)
    invite(cast.daily, "new@harbour.example", Role.USER, by=cast.bob)
    invite(cast.daily, "other@harbour.example", Role.USER, by=cast.alice)
    assert "An open invite that Bob made ends: new@harbour.example" in alice.get(
        f"{MEMBERS}/{cast.bob.id}/remove"
    ).text.replace("\n", "")
    alice.post(f"{MEMBERS}/{cast.bob.id}", data={"seen": "admin", "role": "user"})
    assert [row.email for row in Invite.select()] == ["other@harbour.example"]


def test_a_unit_is_renamed_by_its_admin(alice, cast):
    before = revision(cast.daily)
    page = alice.get("/u/daily/admin/name").text
    assert 'value="Harbour Daily"' in page
    data = {"seen": "Harbour Daily", "name": "Harbour Weekly"}
    assert alice.post("/u/daily/admin/name", data=data).status_code == 303
    assert Unit.get_by_id(cast.daily.id).name == "Harbour Weekly"
    assert last_event() == ("unit.rename", "Harbour Weekly", cast.alice.email, "done")
    assert revision(cast.daily) == before


def test_a_unit_that_was_renamed_meanwhile_keeps_that_name(alice, cast):
    Unit.update(name="Other").where(Unit.id == cast.daily.id).execute()
    data = {"seen": "Harbour Daily", "name": "Harbour Weekly"}
    answer = alice.post("/u/daily/admin/name", data=data)
    assert answer.status_code == 409
    assert "The unit is called Other by now." in answer.text
    assert 'value="Harbour Weekly"' in answer.text
    assert Unit.get_by_id(cast.daily.id).name == "Other"


@pytest.mark.parametrize("name", ["", " ", "x" * 121, "a\nb"])
def test_a_bad_name_renames_nothing(alice, cast, name):
    answer = alice.post("/u/daily/admin/name", data={"seen": "Harbour Daily", "name": name})
    assert answer.status_code == 422
    assert Unit.get_by_id(cast.daily.id).name == "Harbour Daily"
