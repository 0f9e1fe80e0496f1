"""The command that fills an empty data directory with the demo organisation."""

from pathlib import Path

import click

from ..config import Settings
from .common import given_password, json_option, opened, password_option, refuse, refusing, show


@click.command()
@click.option(
    "--config-keys",
    type=click.IntRange(0, 5_000_000),
    default=0,
    metavar="N",
    help="Add this many made-up config keys, to try size.",
)
@password_option
@json_option
@click.pass_obj
@refusing
def demo(
    settings: Settings, *, config_keys: int, password_file: Path | None, as_json: bool
) -> None:
    """Fill an empty data directory with the demo organisation and print its logins.

    Every login gets a freshly made password, or the one of --password-file or
    DASHBOARD_DEMO_PASSWORD.

    Example: dashboard demo --config-keys 100000
    """
    from ..demo import NotEmpty, fill

    password = given_password(password_file, "DASHBOARD_DEMO_PASSWORD", new=True)
    with opened(settings):
        try:
            logins = fill(password, config_keys=config_keys)
        except NotEmpty as error:
            refuse("not_empty", str(error))
    data = [{"email": at.email, "password": at.password, "roles": at.roles} for at in logins]
    width = max(len(at.email) for at in logins)
    lines = [
        f"{at.email:<{width}}  {at.password}  {', '.join(f'{u}: {r}' for u, r in at.roles.items())}"
        for at in logins
    ]
    click.echo("The demo organisation is ready. Logins (shown only now):", err=True)
    show(data, lines, as_json=as_json)
