import logging
import re
import sys
from dataclasses import replace

import pytest

from dashboard.models import AuditEvent, Invite, Membership, Role, Session, User
from dashboard.models import invites as rules
from dashboard.models.people import is_password, role_of, set_role
from dashboard.web import build_app
from tests import factories, sqlite
from tests.web.unit_state import state_of

MEMBERS, NEW = "/u/daily/admin/members", "/u/daily/admin/invite"
PASSWORD = "a long first password"
PERSON = {"name": "Nora New", "password": PASSWORD, "again": PASSWORD}
GONE = "This link does not work"


@pytest.fixture
def alice(client, cast, login):
    return login(client, cast.alice)


@pytest.fixture
def visitor(app):
    """Another browser, of somebody who is not logged in."""
    return app.test_client()


def make(alice, email="nora@harbour.example", role="user"):
    """Make an invite as the admin does, and return the path of its link."""
    answer = alice.post(NEW, data={"email": email, "role": role})
    assert answer.status_code == 200, answer.text
    return re.search(r'value="http://localhost(/invite/[^"]+)"', answer.text)[1]


def rows():
    return [sorted(map(repr, table.select().tuples())) for table in (User, Membership, Invite)]


def events():
    return [
        (event.action, event.subject, event.user_email, event.outcome)
        for event in AuditEvent.select().order_by(AuditEvent.id)
    ]


def test_the_link_is_shown_once_and_kept_only_as_a_hash(alice, cast, folders):
    link = make(alice)
    token = link.rpartition("/")[2]
    assert len(token) >= 43  # 256 bits
    assert token not in alice.get(MEMBERS).text
    assert "nora@harbour.example" in alice.get(MEMBERS).text
    assert token not in repr(sqlite.everything(folders.data))
    assert events()[-1] == ("invite.create", "nora@harbour.example", cast.alice.email, "done")


def test_a_reload_of_the_link_makes_no_other_one(alice):
    """The browser sends the form again; the link that was copied meanwhile has to work."""
    number = re.search(r'name="once" value="([^"]+)"', alice.get(NEW).text)[1]
    sent = {"email": "nora@harbour.example", "role": "user", "once": number}
    link = re.search(r'value="http://localhost(/invite/[^"]+)"', alice.post(NEW, data=sent).text)[1]
    before = rows()
    again = alice.post(NEW, data=sent)
    assert (again.status_code, again.location) == (303, MEMBERS)
    assert "Its link was shown once" in alice.get(MEMBERS).text
    assert rows() == before
    assert alice.get(link).status_code == 200
    number = re.search(r'name="once" value="([^"]+)"', alice.get(NEW).text)[1]
    assert alice.post(NEW, data=sent | {"once": number}).status_code == 200
    assert rows() != before


def test_a_new_person_sees_who_invites_to_what_and_joins(alice, cast, visitor):
    before = state_of(cast.daily)
    link = make(alice)
    page = visitor.get(link).text
    for words in ("Harbour Media Group", "Harbour Daily", "User", "Alice", "nora@harbour.example"):
        assert words in page
    answer = visitor.post(link, data=PERSON)
    assert (answer.status_code, answer.location) == (303, "/u/daily/")
    nora = User.get(User.email == "nora@harbour.example")
    assert (nora.name, role_of(nora, cast.daily)) == ("Nora New", Role.USER)
    assert is_password(nora, PASSWORD)
    assert visitor.get("/u/daily/w/ws-one").status_code == 200  # logged in
    assert Invite.select().count() == 0
    assert [event[:3] for event in events()[-2:]] == [
        ("user.create", nora.email, nora.email),
        ("member.join", nora.email, nora.email),
    ]
    assert state_of(cast.daily) == before


def test_a_link_works_once(alice, app, visitor):
    link = make(alice)
    visitor.post(link, data=PERSON)
    before = rows()
    for client in (visitor, app.test_client()):
        assert GONE in client.get(link).text
        answer = client.post(link, data=PERSON)
        assert answer.status_code == 404
        assert GONE in answer.text
    assert rows() == before


def wrong(alice, link):
    return link[:-1] + ("A" if link[-1] != "A" else "B")


def withdrawn(alice, link):
    uid = re.search(r"/invites/(\w+)/withdraw", alice.get(MEMBERS).text)[1]
    assert alice.post(f"/u/daily/admin/invites/{uid}/withdraw").location == MEMBERS
    assert alice.post(f"/u/daily/admin/invites/{uid}/withdraw").location == MEMBERS
    assert [event[0] for event in events()].count("invite.withdraw") == 1
    return link


def too_old(alice, link):
    Invite.update(expires_at=Invite.expires_at - rules.VALID_SECONDS - 1).execute()
    assert "No invite is open" in alice.get(MEMBERS).text
    return link


def replaced(alice, link):
    assert make(alice) != link
    return link


def of_a_former_admin(alice, link):
    set_role(User.get(User.name == "Bob"), Invite.get().unit, Role.ADMIN)
    set_role(User.get(User.name == "Alice"), Invite.get().unit, Role.USER)
    return link


def of_somebody_locked_out(alice, link):
    User.update(is_active=False).where(User.name == "Alice").execute()
    return link


def made_up(alice, link):
    return "/invite/%00%22%3E%3Cscript%3E" + "x" * 2000


DEAD = [wrong, withdrawn, too_old, replaced, of_a_former_admin, of_somebody_locked_out, made_up]


@pytest.mark.parametrize("change", DEAD, ids=lambda change: change.__name__)
def test_a_link_that_does_not_work_is_one_plain_page(alice, visitor, change):
    link = change(alice, make(alice))
    before = rows()
    shown = visitor.get(link)
    answer = visitor.post(link, data=PERSON)
    for page in (shown, answer):
        assert page.status_code == 404
        assert GONE in page.text
        assert "Harbour" not in page.text
    assert rows() == before


def test_an_admin_again_does_not_bring_the_link_back(alice, cast, visitor):
    link = of_a_former_admin(alice, make(alice))
    set_role(cast.alice, cast.daily, Role.ADMIN)
    assert visitor.get(link).status_code == 404


def test_an_existing_user_logs_in_and_joins(alice, cast, visitor, login):
    link = make(alice, "Olga@Harbour.example", "admin")
    page = visitor.get(link).text
    assert "Log in as olga@harbour.example" in page
    assert 'name="password"' not in page
    before = rows()
    assert visitor.post(link, data=PERSON).status_code == 422  # without the log-in
    assert rows() == before
    data = {"email": cast.olga.email, "password": factories.PASSWORD}
    answer = visitor.post("/login", query_string={"next": link}, data=data)
    assert answer.location == link
    assert "Join Harbour Daily</button>" in visitor.get(link).text
    assert visitor.post(link).location == "/u/daily/"
    assert role_of(cast.olga, cast.daily) is Role.ADMIN
    assert is_password(User.get_by_id(cast.olga.id), factories.PASSWORD)


@pytest.mark.parametrize("email", ["olga@harbour.example", "nora@harbour.example"])
def test_somebody_else_cannot_use_it(alice, cast, visitor, login, email):
    link = make(alice, email)
    login(visitor, cast.mallory)
    before = rows()
    assert "You are logged in as mallory@harbour.example" in visitor.get(link).text
    assert visitor.post(link, data=PERSON).status_code == 422
    assert rows() == before


def test_who_became_a_member_meanwhile_keeps_the_role(alice, cast, visitor, login):
    link = make(alice, cast.olga.email, "readonly")
    set_role(cast.olga, cast.daily, Role.ADMIN)
    login(visitor, cast.olga)
    assert visitor.post(link).location == "/u/daily/"
    assert role_of(cast.olga, cast.daily) is Role.ADMIN
    assert visitor.get(link).status_code == 404


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"name": ""}, "Type a name."),
        ({"name": "a\nb"}, "line breaks"),
        ({"password": "short", "again": "short"}, "Use at least 8 characters."),
        ({"password": "x" * 1025, "again": "x" * 1025}, "Use at most 1024 characters."),
        ({"again": "another long one"}, "Type the same password twice."),
    ],
)
def test_a_bad_form_makes_nobody(alice, visitor, bad, words):
    link = make(alice)
    before = rows()
    answer = visitor.post(link, data=PERSON | bad)
    assert answer.status_code == 422
    assert words in answer.text
    assert PASSWORD not in answer.text
    assert rows() == before


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"email": "", "role": "user"}, "Type an e-mail address."),
        ({"email": "nobody", "role": "user"}, "Type a whole e-mail address."),
        ({"email": "a@b\n.example", "role": "user"}, "Type a whole e-mail address."),
        ({"email": "x" * 300 + "@b.example", "role": "user"}, "Type a whole e-mail address."),
        ({"email": "a@b.example", "role": "owner"}, None),
        ({"email": "BOB@harbour.example", "role": "user"}, "is a member of this unit already"),
    ],
)
def test_a_bad_invite_is_refused(alice, data, words):
    before = rows()
    answer = alice.post(NEW, data=data)
    assert answer.status_code == 422
    assert words is None or words in answer.text
    assert rows() == before


def test_a_unit_has_only_so_many_open_invites(alice, monkeypatch):
    monkeypatch.setattr(rules, "OPEN_MAX", 2)
    make(alice, "a@b.example")
    make(alice, "b@b.example")
    answer = alice.post(NEW, data={"email": "c@b.example", "role": "user"})
    assert answer.status_code == 422
    assert "2 invites are open. Withdraw some first." in answer.text
    make(alice, "b@b.example")  # again: the earlier one makes room
    Invite.update(expires_at=0).where(Invite.email == "a@b.example").execute()
    make(alice, "c@b.example")  # and so does one that is too old


def test_an_invite_of_another_unit_cannot_be_withdrawn(alice, app, cast, login):
    make(alice)
    mallory = login(app.test_client(), cast.mallory)
    before = rows()
    mallory.post(f"/u/weekly/admin/invites/{Invite.get().uid}/withdraw")
    assert rows() == before


@pytest.mark.parametrize("address", [NEW, "/u/daily/admin/invites/x/withdraw"])
def test_an_old_login_is_confirmed_first(app, cast, login, address):
    client = login(app.test_client(), cast.alice, fresh=False)
    before = rows()
    answer = client.post(address, data={"email": "a@b.example", "role": "user"})
    assert answer.location.startswith("/confirm")
    assert rows() == before


def test_who_is_no_admin_by_now_invites_nobody(alice, cast, monkeypatch):
    from dashboard.web.forms_people import InviteForm

    honest = InviteForm.validate_on_submit

    def demoted(self):
        set_role(cast.bob, cast.daily, Role.ADMIN)
        set_role(cast.alice, cast.daily, Role.USER)
        return honest(self)

    monkeypatch.setattr(InviteForm, "validate_on_submit", demoted)
    answer = alice.post(NEW, data={"email": "a@b.example", "role": "admin"})
    assert answer.status_code == 403
    assert Invite.select().count() == 0


def test_the_token_stays_out_of_logs_and_sessions(alice, app, visitor, caplog, monkeypatch):
    link = make(alice)
    token = link.rpartition("/")[2]
    caplog.set_level(logging.DEBUG)
    visitor.get(link)
    visitor.post(link, data={})
    app.testing = False
    monkeypatch.setattr(sys.modules["dashboard.web.invites"], "accept_as_new", lambda *_: 1 / 0)
    assert visitor.post(link, data=PERSON).status_code == 500
    assert "incident" in caplog.text
    # The lines of the traceback show code, no values.
    assert token not in caplog.text
    assert token not in " ".join(row.data for row in Session.select())
    assert token not in " ".join(event.detail + event.subject for event in AuditEvent.select())
    assert visitor.get(link).headers["Referrer-Policy"] == "same-origin"
    assert visitor.get(link).headers["Cache-Control"] == "no-store"


def test_the_link_is_as_people_reach_the_server(settings, folders, cast, login):
    client = build_app(replace(settings, secure_cookies=True), folders).test_client()
    login(client, cast.alice)
    client.set_cookie("__Host-dashboard_session", client.get_cookie("dashboard_session").value)
    client.application.config["WTF_CSRF_ENABLED"] = False
    page = client.post(NEW, data={"email": "a@b.example", "role": "user"}).text
    assert 'value="https://localhost/invite/' in page


def test_a_post_without_its_token_joins_nobody(alice, visitor):
    link = make(alice)
    before = rows()
    assert visitor.post(link, data=PERSON, csrf=False).status_code == 400
    assert rows() == before
