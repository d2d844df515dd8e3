"""From an error to an exit code and two lines on stderr: what is wrong, and what to do next.

| code | means |
|---|---|
| 0 | accepted, or done |
| 1 | any other failure |
| 2 | the command was called wrongly |
| 4 | the registry refused |
| 10 | the signature or a disclosed claim is not what was signed |
| 11 | revoked, suspended, or the status list does not hold |
| 12 | outside its validity period |
| 13 | the issuer's key or recognition |
| 14 | the holder's key, or not an answer to this request |
| 20 | could not be checked now, or did not end in the time given |
"""

from __future__ import annotations

from collections.abc import Callable

import click

from weid.cli.output import Console, visible
from weid.cli.patience import StillWaitingError
from weid.errors import (
    MalformedError,
    ProtocolError,
    RegistryUnavailableError,
    TransactionRejectedError,
    TransportError,
    VerificationError,
    WeidError,
)

OTHER = 1
USAGE = 2
REFUSED = 4
UNDETERMINED = 20
NEXT_STEP = "run the command with --help to see what it takes, or `weid doctor` to look around."


def exit_code_of(error: Exception) -> int:
    """Return the exit code of an error."""
    if isinstance(error, click.UsageError):
        return USAGE
    if isinstance(error, VerificationError):
        return error.report.exit_code
    if isinstance(error, TransactionRejectedError):
        return REFUSED
    if isinstance(error, RegistryUnavailableError | StillWaitingError):
        return UNDETERMINED
    return OTHER


def tell(
    error: Exception,
    console: Console,
    *,
    program: str = "weid",
    hint_of: Callable[[WeidError], str] | None = None,
) -> int:
    """Print an error with what to do next; return its exit code.

    `hint_of` says what to do about an error of ours that brings no hint.
    """
    if console.debug:
        import traceback  # noqa: PLC0415 - only when asked for

        click.echo("".join(traceback.format_exception(error)), err=True)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return USAGE
    what, next_step = _words(error, program, hint_of or _general_hint)
    click.echo(f"{program}: {visible(what)}", err=True)
    click.echo(f"Try: {next_step}", err=True)
    return exit_code_of(error)


def _words(error: Exception, program: str, hint_of: Callable[[WeidError], str]) -> tuple[str, str]:
    if isinstance(error, ProtocolError):
        # The code is for programs; people get the words where there are any.
        return error.description or error.message, error.hint or hint_of(error)
    if isinstance(error, WeidError):
        return error.message, error.hint or hint_of(error)
    if isinstance(error, click.Abort):
        return "stopped; nothing more was done", "run it again when you have decided."
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else program
        # click lists the choices of an argument on lines of their own.
        return " ".join(error.format_message().split()), f"{command} --help"
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}", "look at the path, its permissions and the free space."
    return str(error), NEXT_STEP


def _general_hint(error: WeidError) -> str:
    if isinstance(error, MalformedError):
        return "look at the named place; `weid inspect FILE` shows what a file holds."
    if isinstance(error, RegistryUnavailableError):
        return "run `weid trust show` to see which nodes are asked, and again when one answers."
    if isinstance(error, TransactionRejectedError):
        return _hint_of_refusal(error.code)
    if isinstance(error, TransportError):
        return (
            "look at the address: it must be https, and an inner one must stand in your settings."
            if error.refused
            else "look at the network, then run it again."
        )
    if isinstance(error, ProtocolError):
        return "ask the other side what its answer means, or for a new offer."
    return NEXT_STEP


def _hint_of_refusal(code: int) -> str:
    from weid.registry.codes import ResultCode  # noqa: PLC0415 - only of a refusal

    if code == ResultCode.ENDORSEMENT_REQUIRED:
        return (
            "have a registrar or governor co-sign: --endorser DID --endorser-key FILE; or ask "
            "governance for a role. Nothing was changed."
        )
    if code == ResultCode.ENDORSER_NOT_AUTHORISED:
        return "name a registrar or governor: --endorser DID --endorser-key FILE."
    return "look at `weid did show` and ask governance about roles; nothing was changed."
