"""`weid completion SHELL`: the script that completes the command in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from weid.cli.command import SharedCommand

SHELLS = ("bash", "zsh", "fish")


@click.command(cls=SharedCommand)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the completion of SHELL.

    \b
    bash   eval "$(weid completion bash)"
    zsh    eval "$(weid completion zsh)"
    fish   weid completion fish | source
    """  # noqa: D301 - click's mark for text that keeps its lines
    from weid.cli.main import weid  # noqa: PLC0415 - main imports this module by name

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(found(weid, {}, "weid", "_WEID_COMPLETE").source())
