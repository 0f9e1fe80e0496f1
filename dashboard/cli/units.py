"""Commands about units."""

import click

from ..config import Settings
from ..db import write_transaction
from ..models import Membership, Unit, audit
from ..models.people import create_unit
from .common import COMMAND_LINE, json_option, opened, refusing, show, tell


@click.group()
def unit() -> None:
    """List and create units."""


@unit.command("list")
@json_option
@click.pass_obj
@refusing
def list_units(settings: Settings, *, as_json: bool) -> None:
    """List the units of this server.

    Example: dashboard unit list --json
    """
    with opened(settings):
        units = [
            {
                "slug": found.slug,
                "name": found.name,
                "uid": found.uid,
                "revision": found.revision,
                "members": Membership.select().where(Membership.unit == found).count(),
            }
            for found in Unit.select().order_by(Unit.slug)
        ]
    show(units, [f"{item['slug']}\t{item['name']}" for item in units], as_json=as_json)


@unit.command("create")
@click.argument("slug")
@click.option("--name", required=True, metavar="NAME", help="The unit's name, as people read it.")
@json_option
@click.pass_obj
@refusing
def create(settings: Settings, slug: str, name: str, *, as_json: bool) -> None:
    """Create an empty unit.

    Example: dashboard unit create coast-weekly --name "Coast Weekly"
    """
    with opened(settings), write_transaction():
        made = create_unit(slug, name)
        audit("unit.create", by=COMMAND_LINE, unit=made, subject=made.name)
    data = {"slug": made.slug, "name": made.name, "uid": made.uid}
    tell(data, f"Unit {made.slug} created.", as_json=as_json)
