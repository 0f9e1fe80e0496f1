import pytest

from dashboard.installation import is_set_up, is_setup_token, new_setup_token
from dashboard.models import (
    AuditEvent,
    Installation,
    Membership,
    Organisation,
    Role,
    Session,
    Unit,
    User,
)
from dashboard.web.setup import slug_of

PASSWORD = "a long first password"
FORM = {
    "organisation": "Harbour Media Group",
    "unit": "Harbour Daily",
    "slug": "harbour-daily",
    "name": "Maja Lind",
    "email": "Maja.Lind@harbour.example",
    "password": PASSWORD,
    "again": PASSWORD,
}
TABLES = (Organisation, Unit, User, Membership, AuditEvent)


@pytest.fixture
def address(folders):
    return f"/setup/{new_setup_token()}"


def rows():
    return [table.select().count() for table in TABLES]


def test_before_the_set_up_every_way_leads_to_the_words_about_the_link(client):
    assert client.get("/login").location == "/"
    assert "one-time link" in client.get("/").text
    assert client.get("/units").location.startswith("/login")


def test_the_page_asks_for_everything_with_labels(client, address):
    page = client.get(address).text
    for name in FORM:
        assert f'<label for="{name}">' in page


def test_everything_is_created_and_the_admin_is_logged_in(client, address):
    answer = client.post(address, data=FORM)
    assert (answer.status_code, answer.location) == (303, "/u/harbour-daily/")
    assert Organisation.get().slug == "harbour-media-group"
    assert Unit.get().name == "Harbour Daily"
    assert User.get().email == "maja.lind@harbour.example"
    assert Membership.get().role == Role.ADMIN
    assert AuditEvent.get().action == "setup"
    assert client.get("/u/harbour-daily/").status_code in (200, 303)


def test_afterwards_the_page_is_gone_for_good(client, app, address):
    client.post(address, data=FORM)
    before = rows()
    stranger = app.test_client()
    assert stranger.get(address).status_code == 404
    assert stranger.post(address, data=FORM | {"email": "eve@evil.example"}).status_code == 404
    assert rows() == before
    assert not is_setup_token(new_setup_token())
    Installation.update(setup_token_hash=None).execute()
    assert stranger.get("/setup/").status_code == 404


@pytest.mark.parametrize("token", ["wrong", "x" * 5000, "%00"])
def test_a_wrong_token_opens_nothing(client, address, token):
    assert client.get(f"/setup/{token}").status_code == 404
    assert client.post(f"/setup/{token}", data=FORM).status_code == 404
    assert client.post(f"/setup/{token}", data={}).status_code == 404
    assert not is_set_up()


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("organisation", " ", "Type a name."),
        ("unit", "x" * 121, "Use 1 to 120 characters."),
        ("slug", "Harbour Daily", "lower-case letters"),
        ("slug", "x", "2 to 40"),
        ("slug", "abc\n", "Type"),
        ("email", "maja", "Type a whole e-mail address."),
        ("password", "1234567", "Use at least 8 characters."),
        ("again", "another password", "Type the same password twice."),
        ("name", "Maja\x07", "Remove the line breaks"),
    ],
)
def test_a_bad_field_says_what_to_do_and_nothing_is_created(client, address, field, value, says):
    answer = client.post(address, data=FORM | {field: value})
    if field == "slug" and value == "abc\n":
        assert answer.status_code == 303  # white space around it is not part of it
        return
    assert answer.status_code == 422
    assert says in answer.text
    assert PASSWORD not in answer.text
    assert rows() == [0, 0, 0, 0, 0]
    assert client.get(address).status_code == 200


def test_without_the_token_of_the_page_nothing_is_created(client, address):
    assert client.post(address, data=FORM, csrf=False).status_code == 400
    assert rows() == [0, 0, 0, 0, 0]


def test_the_anonymous_session_does_not_become_the_admins(client, address):
    client.get(address)
    before = client.get_cookie("dashboard_session").value
    client.post(address, data=FORM)
    assert client.get_cookie("dashboard_session").value != before
    assert Session.select().where(Session.user.is_null()).count() == 0


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Harbour Media Group", "harbour-media-group"),
        ("  Zeitung für Ärzte!  ", "zeitung-fur-arzte"),
        ("新聞", "organisation"),
        ("x", "organisation"),
        ("a" * 60, "a" * 40),
        ("a" * 39 + " b", "a" * 39),
    ],
)
def test_the_slug_of_the_organisation_comes_from_its_name(name, slug):
    assert slug_of(name) == slug
