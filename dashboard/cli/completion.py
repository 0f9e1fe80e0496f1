"""The command that lets a shell complete the others."""

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
PROGRAM, VARIABLE = "dashboard", "_DASHBOARD_COMPLETE"  # click's name for it


@click.command()
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete commands and options of the single file `dashboard`.

    Put it where the shell looks, for bash into
    ~/.local/share/bash-completion/completions/dashboard.

    Example: dashboard completion bash
    """
    click.echo(SHELLS[shell](context.find_root().command, {}, PROGRAM, VARIABLE).source())
