"""A second factor among the tests: an authenticator app, and the pages that ask for its codes."""

import re
import time

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboard.models import AuditEvent, RecoveryCode, SecondFactor, User, second_factor
from tests.conftest import Cast
from tests.factories import PASSWORD

PAGE = "/account/second-factor"
SECRET = re.compile(r'factor__secret">([A-Z2-7 ]+)<')
CODE = re.compile(r"\b[2-9a-km-np-z]{7}(?:-[2-9a-km-np-z]{7}){3}\b")


class Phone:
    """Shows the codes of one secret."""

    def __init__(self, secret: str) -> None:
        self._totp = pyotp.TOTP(secret)

    def code(self, steps: int = 0) -> str:
        """Return the code of now, or of so many times 30 seconds later."""
        return self._totp.at(time.time(), counter_offset=steps)

    def wrong(self) -> str:
        """Return six digits that are no code of a minute around."""
        near = {self.code(steps) for steps in range(-3, 4)}
        return next(code for code in map("{:06d}".format, range(10)) if code not in near)


def set_up(user: User) -> tuple[Phone, list[str]]:
    """Give *user* a second factor; return the phone, with no code used, and the recovery codes."""
    secret = second_factor.new_secret()
    phone = Phone(secret)
    codes = second_factor.turn_on(user, secret, phone.code(), here="")
    SecondFactor.update(last_step=0).where(SecondFactor.user == user).execute()
    return phone, codes


@pytest.fixture
def owner(app: Flask, cast: Cast, login) -> tuple[FlaskClient, Phone, list[str]]:
    """Alice, logged in, with a second factor: browser, phone and recovery codes."""
    phone, codes = set_up(cast.alice)
    return login(app.test_client(), cast.alice), phone, codes


def phone_for(page: str) -> Phone:
    """Return a phone with the secret that the set-up *page* shows."""
    return Phone(SECRET.search(page)[1].replace(" ", ""))


def rows() -> tuple[list[object], list[object]]:
    """Return all that is stored of second factors, but the secrets."""
    return (
        list(SecondFactor.select(SecondFactor.user, SecondFactor.last_step).tuples()),
        list(RecoveryCode.select(RecoveryCode.user, RecoveryCode.code_hash).tuples()),
    )


def events(action: str) -> list[tuple[str, str]]:
    """Return who did *action*, and how it ended, the oldest first."""
    found = AuditEvent.select().where(AuditEvent.action == action).order_by(AuditEvent.id)
    return [(event.user_email, event.outcome) for event in found]


def first_step(
    client: FlaskClient, user: User, password: str = PASSWORD, **query: str
) -> TestResponse:
    """Type the password."""
    data = {"email": user.email, "password": password}
    return client.post("/login", data=data, query_string=query)


def second(client: FlaskClient, code: str, **query: str) -> TestResponse:
    """Type the code."""
    return client.post("/login/code", data={"code": code}, query_string=query)


def is_in(client: FlaskClient) -> bool:
    """Return whether *client* is logged in."""
    return client.get("/units").status_code == 200
