"""Commands about users."""

from pathlib import Path
from typing import Any

import click

from ..config import Settings
from ..db import write_transaction
from ..models import Membership, Role, SecondFactor, Unit, User, audit, second_factor
from ..models.people import create_user, set_password, set_role
from ..models.standing import disable, enable
from .common import (
    COMMAND_LINE,
    ask_password,
    json_option,
    opened,
    password_option,
    refuse,
    refusing,
    show,
    tell,
    unit_or_refuse,
)


@click.group()
def user() -> None:
    """List and create users, take them out of units, and let them in again or not."""


@user.command("list")
@json_option
@click.pass_obj
@refusing
def list_users(settings: Settings, *, as_json: bool) -> None:
    """List the users and their role in each unit.

    Example: dashboard user list
    """
    with opened(settings):
        with_factor = {row.user.id for row in SecondFactor.select(SecondFactor, User).join(User)}
        roles: dict[int, dict[str, str]] = {}
        for member in (
            Membership.select(Membership, Unit, User)
            .join(Unit)
            .switch(Membership)
            .join(User)
            .order_by(Unit.slug)
        ):
            roles.setdefault(member.user.id, {})[member.unit.slug] = member.role
        users: list[dict[str, Any]] = [
            {
                "email": found.email,
                "name": found.name,
                "active": found.is_active,
                "second_factor": found.id in with_factor,
                "roles": roles.get(found.id, {}),
            }
            for found in User.select().order_by(User.email)
        ]
    lines = [
        "\t".join([item["email"], item["name"], *(f"{u}={r}" for u, r in item["roles"].items())])
        for item in users
    ]
    show(users, lines, as_json=as_json)


@user.command("create")
@click.argument("email")
@click.option("--unit", "slug", required=True, metavar="SLUG", help="The unit to be a member of.")
@click.option(
    "--role",
    required=True,
    type=click.Choice([role.value for role in Role]),
    help="What the user may do there.",
)
@click.option(
    "--name",
    metavar="NAME",
    help="The person's name; without it, the part of the address before the @.",
)
@password_option
@json_option
@click.pass_obj
@refusing
def create(
    settings: Settings,
    email: str,
    slug: str,
    role: str,
    name: str | None,
    password_file: Path | None,
    *,
    as_json: bool,
) -> None:
    """Create a user, or add one who is there already to another unit.

    The login password comes from a prompt, --password-file or DASHBOARD_USER_PASSWORD.

    Example: dashboard user create omar@harbour.example --unit coast-weekly --role power_user
    """
    with opened(settings):
        found = unit_or_refuse(slug)
        person: User | None = User.get_or_none(User.email == email.strip().lower())
        password = ""
        if person is None:
            password = ask_password(
                password_file, "DASHBOARD_USER_PASSWORD", "Login password", confirm=True
            )
        with write_transaction():
            if person is None:
                person = create_user(email, name or email.split("@")[0], password)
                audit("user.create", by=COMMAND_LINE, unit=found, subject=person.email)
            set_role(person, found, Role(role))
            audit("member.role", by=COMMAND_LINE, unit=found, subject=person.email, role=role)
    data = {"email": person.email, "name": person.name, "unit": slug, "role": role}
    tell(data, f"{person.email} is {role} in {slug}.", as_json=as_json)


@user.command("remove")
@click.argument("email")
@click.option("--unit", "slug", required=True, metavar="SLUG", help="The unit to leave.")
@json_option
@click.pass_obj
@refusing
def remove(settings: Settings, email: str, slug: str, *, as_json: bool) -> None:
    """Take a user out of a unit; never its last admin. The user and private workspaces stay.

    Example: dashboard user remove omar@harbour.example --unit coast-weekly
    """
    with opened(settings):
        found = unit_or_refuse(slug)
        person: User | None = User.get_or_none(User.email == email.strip().lower())
        with write_transaction():
            member = (Membership.user == person) & (Membership.unit == found)
            role = Membership.select(Membership.role).where(member).scalar()
            if person is None or role is None:
                refuse("no_such_member", f"{email} is no member of {slug}.")
            set_role(person, found, None)
            audit("member.remove", by=COMMAND_LINE, unit=found, subject=person.email, was=role)
    data = {"email": person.email, "unit": slug, "was": role}
    tell(data, f"{person.email} is no member of {slug} any more.", as_json=as_json)


@user.command("password")
@click.argument("email")
@password_option
@json_option
@click.pass_obj
@refusing
def password(settings: Settings, email: str, password_file: Path | None, *, as_json: bool) -> None:
    """Give a user a new login password. Every session and access token of the user ends.

    It comes from a prompt, --password-file or DASHBOARD_USER_PASSWORD.

    Example: dashboard user password omar@harbour.example
    """
    with opened(settings):
        person = _user_or_refuse(email)
        new = ask_password(
            password_file, "DASHBOARD_USER_PASSWORD", "New login password", confirm=True
        )
        set_password(person, new, by=COMMAND_LINE)
    sentence = f"{person.email} has a new password and is logged out everywhere."
    tell({"email": person.email}, sentence, as_json=as_json)


@user.command("second-factor-off")
@click.argument("email")
@json_option
@click.pass_obj
@refusing
def second_factor_off(settings: Settings, email: str, *, as_json: bool) -> None:
    """Switch a user's second factor off: for a lost phone without recovery codes.

    Make sure first that it is the user who asks: from now on the password alone logs in.

    Example: dashboard user second-factor-off omar@harbour.example
    """
    with opened(settings):
        person = _user_or_refuse(email)
        if not second_factor.has_second_factor(person):
            refuse("no_second_factor", f"{person.email} has no second factor.")
        second_factor.turn_off(person, by=COMMAND_LINE)
    data = {"email": person.email, "second_factor": False}
    tell(data, f"{person.email} logs in with the password alone.", as_json=as_json)


@user.command("disable")
@click.argument("email")
@json_option
@click.pass_obj
@refusing
def disable_user(settings: Settings, email: str, *, as_json: bool) -> None:
    """Keep a user from logging in; never the last admin of a unit. Roles stay, all else ends.

    Example: dashboard user disable omar@harbour.example
    """
    with opened(settings):
        person = _user_or_refuse(email)
        disable(person, by=COMMAND_LINE)
    sentence = f"{person.email} cannot log in any more and is logged out everywhere."
    tell({"email": person.email, "active": False}, sentence, as_json=as_json)


@user.command("enable")
@click.argument("email")
@json_option
@click.pass_obj
@refusing
def enable_user(settings: Settings, email: str, *, as_json: bool) -> None:
    """Let a disabled user log in again, with the password and the roles of before.

    Example: dashboard user enable omar@harbour.example
    """
    with opened(settings):
        person = _user_or_refuse(email)
        enable(person, by=COMMAND_LINE)
    tell(
        {"email": person.email, "active": True},
        f"{person.email} can log in again.",
        as_json=as_json,
    )


def _user_or_refuse(email: str) -> User:
    found: User | None = User.get_or_none(User.email == email.strip().lower())
    if found is None:
        refuse(
            "no_such_user", f"There is no user {email}.", hint="`dashboard user list` lists them"
        )
    return found
