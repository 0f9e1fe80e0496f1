"""Which login passwords are taken."""

import pytest

from dashboard.models import Organisation, User, people
from dashboard.models.passwords import COMMON, MAX_LENGTH, weakness
from tests.factories import make_user

ABOUT = ("maja.lind@harbour.example", "Maja Lind")


@pytest.mark.parametrize(
    "password",
    [
        "xk8#Lq2v",  # 8
        "kartoffelpuffer",
        "correct horse battery staple",
        "        x        ",
        "пароль-длинный",
        "🦑🦑🦑🦑🦑🦑🦑🦐",
        "x" * 63 + "y",
        "ab" * (MAX_LENGTH // 2),
    ],
)
def test_what_is_long_enough_and_unknown_is_taken(password):
    assert weakness(password, *ABOUT) is None


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("", "at least 8"),
        ("xk8#Lq2", "at least 8"),
        ("🦑" * 7, "at least 8"),
        ("x" * (MAX_LENGTH + 1), "at most 1024"),
        ("password", "Many people"),
        ("12345678", "Many people"),
        ("QWERTYUIOP", "Many people"),
        ("Password1", "Many people"),
        ("zzzzzzzzzz", "Many people"),
        ("maja.lind@harbour.example", "can be guessed"),
        ("Maja.Lind", "can be guessed"),
        ("maja lind", "can be guessed"),
        ("majalind", "can be guessed"),
        ("MajaLind1", "can be guessed"),
        ("dashboard", "can be guessed"),
        ("Dashboard123", "can be guessed"),
    ],
)
def test_what_is_guessed_first_is_refused_with_a_sentence(password, words):
    assert words in weakness(password, *ABOUT)


def test_the_list_is_of_more_than_3000_that_are_long_enough():
    listed = COMMON.read_text().split()
    assert len(set(listed)) > 3_000
    assert min(map(len, listed)) >= 8
    assert all(weakness(password) for password in listed[:: len(listed) // 200])


def test_every_character_counts():
    """No cut after 72 bytes, or anywhere."""
    long = "x" * 500 + "y"
    user = make_user_with(long)
    assert people.is_password(user, long)
    assert not people.is_password(user, long[:-1] + "z")
    assert not people.is_password(user, long[:-1])


def make_user_with(password):
    return User(password_hash=people.hash_password(password), is_active=True)


def test_a_weak_password_changes_nothing(folders):
    user = make_user("alice")
    before = user.password_hash
    for password in ("password", "short", "alice@harbour.example"):
        with pytest.raises(people.PeopleError):
            people.set_password(user, password)
        with pytest.raises(people.PeopleError):
            people.create_user("new@harbour.example", "New", "password")
    assert User.get_by_id(user.id).password_hash == before
    assert User.select().count() == 1


@pytest.mark.parametrize("password", ["Harbour Works", "harbourworks12", "HARBOUR WORKS"])
def test_the_name_of_the_organisation_is_no_password(cast, password):
    Organisation.update(name="Harbour Works").execute()
    before = User.get_by_id(cast.alice.id).password_hash
    with pytest.raises(people.PeopleError, match="can be guessed by who knows whose it is"):
        people.set_password(cast.alice, password)
    assert User.get_by_id(cast.alice.id).password_hash == before
