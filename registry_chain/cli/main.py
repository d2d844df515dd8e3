"""The entry point of `registry-chain`: the commands, and the last word on errors."""

from __future__ import annotations

import sys
from typing import Final

import click

from registry_chain.cli.console import Console
from weid.cli.lazy import LazyGroup
from weid.errors import RegistryUnavailableError, TransactionRejectedError, WeidError

COMMANDS: Final = {
    "init": ("registry_chain.cli.init:init", "found a registry: genesis, sealing key, governors"),
    "start": ("registry_chain.cli.start:start", "run a node: API, explorer, blocks"),
    "governance": (
        "registry_chain.cli.governance:governance",
        "propose, approve and list what the governors decide",
    ),
    "status": ("registry_chain.cli.status:status", "say where a registry stands, with proof"),
    "verify": ("registry_chain.cli.verify:verify", "look at every byte of a stopped node's chain"),
    "backup": ("registry_chain.cli.backup:backup", "copy the chain of a running or stopped node"),
    "restore": ("registry_chain.cli.backup:restore", "bring a backup back"),
    "export": ("registry_chain.cli.export:export", "write the whole chain as lines of JSON"),
}
OTHER: Final = 1
REFUSED: Final = 4
UNAVAILABLE: Final = 20


@click.group(
    cls=LazyGroup,
    commands_at=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing beside the result.")
@click.option("--debug", is_flag=True, help="Show the trace of an error.")
@click.version_option(package_name="weid", prog_name="registry-chain")
@click.pass_context
def registry_chain(ctx: click.Context, *, as_json: bool, quiet: bool, debug: bool) -> None:
    """Run a permissioned registry that proves its answers.

    Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 called
    wrongly, 4 refused by the registry, 20 cannot be known now.
    """
    ctx.obj = Console(as_json=as_json, quiet=quiet, debug=debug)


def exit_code_of(error: WeidError) -> int:
    """Return the exit code of an error."""
    if isinstance(error, TransactionRejectedError):
        return REFUSED
    return UNAVAILABLE if isinstance(error, RegistryUnavailableError) else OTHER


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit with its code."""
    given = sys.argv[1:] if arguments is None else arguments
    console = Console()
    try:
        with registry_chain.make_context("registry-chain", list(given)) as ctx:
            console = ctx.obj or console
            registry_chain.invoke(ctx)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.Abort:
        click.echo("registry-chain: stopped", err=True)
        sys.exit(OTHER)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except WeidError as error:
        console.tell(error)
        sys.exit(exit_code_of(error))
    except BrokenPipeError:
        # The reader of our output went away (`registry-chain … | head`): nobody is left to tell.
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":
    main()
