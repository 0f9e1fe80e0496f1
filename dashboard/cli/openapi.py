"""The command that prints the description of the HTTP API."""

import json

import click

from .. import api_description


@click.command()
def openapi() -> None:
    """Print the description of the HTTP API, as an OpenAPI 3.1 document in JSON.

    Example: dashboard openapi > openapi.json
    """
    click.echo(json.dumps(api_description(), indent=2))
