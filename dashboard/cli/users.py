"""Commands about users."""

from pathlib import Path
from typing import Any

import click

from ..config import Settings
from ..db import write_transaction
from ..models import Membership, Role, Unit, User, audit
from ..models.people import create_user, set_role
from .common import (
    COMMAND_LINE,
    ask_password,
    json_option,
    opened,
    password_option,
    refuse,
    refusing,
    show,
    unit_or_refuse,
)


@click.group()
def user() -> None:
    """List and create users, and take them out of units."""


@user.command("list")
@json_option
@click.pass_obj
@refusing
def list_users(settings: Settings, *, as_json: bool) -> None:
    """List the users and their role in each unit.

    Example: dashboard user list
    """
    with opened(settings):
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
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@click.option("--name", help="The person's name; without it, the part of the address before the @.")
@password_option
@click.pass_obj
@refusing
def create(
    settings: Settings,
    email: str,
    slug: str,
    role: str,
    name: str | None,
    password_file: Path | None,
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
    click.echo(f"{person.email} is {role} in {slug}.", err=True)


@user.command("remove")
@click.argument("email")
@click.option("--unit", "slug", required=True, metavar="SLUG", help="The unit to leave.")
@click.pass_obj
@refusing
def remove(settings: Settings, email: str, slug: str) -> None:
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
    click.echo(f"{person.email} is no member of {slug} any more.", err=True)
