"""Which verifier application, with which token: the API of verifier_app as a client sees it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weid.cli.home import read_private
from weid.cli.trust_settings import host_of

if TYPE_CHECKING:
    from weid.cli.issuer_api import IssuerApi

HINTS = {
    401: "look at the token: the application reads the file that its setting api_token_file names.",
    404: "an id is of `weid verifier request --dcql`, and ends some time after the answer;"
    " an application without [wallets] and api_token_file has none.",
    422: "correct the query, then run it again.",
    429: "wait a minute, then run it again.",
}


def app_options(command: Callable[..., object]) -> Callable[..., object]:
    """Add the options that say which application; passed on as `app` and `token_file`."""

    @click.option(
        "--app", metavar="URL", envvar="WEID_VERIFIER_APP", help="The verifier application."
    )
    @click.option(
        "--token-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        envvar="WEID_VERIFIER_TOKEN_FILE",
        help="File with its API token, mode 0600.",
    )
    @functools.wraps(command)
    def with_app(*args: object, **given: object) -> object:
        return command(*args, **given)

    return with_app


def open_api(app: str | None, token_file: Path | None, *, loopback: bool) -> IssuerApi:
    """Return the application's API; its host may be an inner one, as the operator set it.

    Raises:
        click.UsageError: address or token is missing.
        WeidError: the file is not private.
    """
    from weid.cli.issuer_api import IssuerApi  # noqa: PLC0415 - imported when used
    from weid.transport import GuardedTransport  # noqa: PLC0415 - imported when used

    if app is None or token_file is None:
        raise click.UsageError(
            "which verifier application? Give --app and --token-file"
            " (or WEID_VERIFIER_APP and WEID_VERIFIER_TOKEN_FILE)"
        )
    transport = GuardedTransport(private_hosts=(host_of(app),), allow_loopback_http=loopback)
    api = IssuerApi(app, read_private(token_file, what="the API token"), transport)
    api.hints, api.kind = HINTS, "a verifier application"
    return api
