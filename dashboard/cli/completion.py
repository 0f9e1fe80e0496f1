"""The command that lets a shell complete the others."""

import click
from click.shell_completion import get_completion_class

from .common import refuse

SHELLS = ("bash", "zsh", "fish")
PROGRAM, VARIABLE = "dashboard", "_DASHBOARD_COMPLETE"  # click's name for it


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete commands and options of the single file `dashboard`.

    Put it where the shell looks, for bash into
    ~/.local/share/bash-completion/completions/dashboard.

    Example: dashboard completion bash
    """
    found = get_completion_class(shell)
    if found is None:
        refuse("no_such_shell", f"Nothing is known of {shell}.")
    root = context.find_root().command
    click.echo(found(root, {}, PROGRAM, VARIABLE).source())
