"""Which application, with which token: options, or what `weid issuer login` remembered."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weid.cli.command import SharedCommand
from weid.cli.home import read_private, write_private
from weid.cli.output import Session, pass_session
from weid.cli.registry_options import loopback_option
from weid.cli.trust_settings import host_of
from weid.encoding import json_dumps, json_loads_object
from weid.errors import MalformedError, NotFoundError

if TYPE_CHECKING:
    from weid.cli.issuer_api import IssuerApi

FILE = "issuer.json"
TOKEN_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Access:
    """An application's address, the token for it, and whether http to this machine is allowed."""

    app: str
    token: str
    unsafe_loopback_http: bool = False

    def open(self) -> IssuerApi:
        """Return the application's API; its host may be an inner one, as the operator set it."""
        from weid.cli.issuer_api import IssuerApi  # noqa: PLC0415 - imported when used
        from weid.transport import GuardedTransport  # noqa: PLC0415 - imported when used

        transport = GuardedTransport(
            private_hosts=(host_of(self.app),), allow_loopback_http=self.unsafe_loopback_http
        )
        return IssuerApi(self.app, self.token, transport)


def issuer_options(command: Callable[..., object]) -> Callable[..., object]:
    """Add the options that say which application; pass it on as `api`."""

    @click.option("--app", metavar="URL", envvar="WEID_ISSUER_APP", help="The application.")
    @click.option(
        "--token-file",
        type=TOKEN_FILE,
        envvar="WEID_ISSUER_TOKEN_FILE",
        help="File with the API token, mode 0600.",
    )
    @loopback_option
    @functools.wraps(command)
    def with_api(
        session: Session,
        *,
        app: str | None,
        token_file: Path | None,
        unsafe_loopback_http: bool,
        **given: object,
    ) -> object:
        api = find_access(session, app, token_file, loopback=unsafe_loopback_http).open()
        return command(session, api=api, **given)

    return with_api


def find_access(
    session: Session, app: str | None, token_file: Path | None, *, loopback: bool
) -> Access:
    """Return what the options say, or what was remembered.

    Raises:
        click.UsageError: only one of address and token was given.
        NotFoundError: neither, and nothing was remembered.
    """
    if (app is None) != (token_file is None):
        raise click.UsageError("--app and --token-file go together")
    if app is not None and token_file is not None:
        return Access(app, read_private(token_file, what="the API token"), loopback)
    path = session.home / FILE
    if not path.exists():
        raise NotFoundError(
            "no issuer application is known yet",
            hint="weid issuer login --app https://… --token-file FILE",
        )
    members = json_loads_object(read_private(path, what="the API token"), what=str(path))
    known, token = members.get("app"), members.get("token")
    if not isinstance(known, str) or not isinstance(token, str):
        raise MalformedError(f"{path} has no app or no token", hint="weid issuer login writes it.")
    return Access(known, token, loopback or members.get("unsafe_loopback_http") is True)


@click.command(cls=SharedCommand)
@click.option("--app", required=True, metavar="URL", help="The application, such as https://….")
@click.option(
    "--token-file", required=True, type=TOKEN_FILE, help="File with the API token, mode 0600."
)
@loopback_option
@pass_session
def login(session: Session, *, app: str, token_file: Path, unsafe_loopback_http: bool) -> None:
    """Try an API token, and remember it with its application.

    Both are kept in issuer.json of the home folder, which only you can read; the token's file is
    not needed after that.
    """
    access = Access(app, read_private(token_file, what="the API token"), unsafe_loopback_http)
    me = access.open().get("me")
    value = {"app": app, "token": access.token, "unsafe_loopback_http": unsafe_loopback_http}
    write_private(session.home / FILE, json_dumps(value).decode() + "\n")
    roles = me.get("roles")
    listed = ", ".join(str(role) for role in roles) if isinstance(roles, list) else ""
    session.show(f"{me.get('name')} of {me.get('organisation')}: {listed}", me)


@click.command(cls=SharedCommand)
@pass_session
def logout(session: Session) -> None:
    """Forget the application and the token; the token itself stays alive where it was made."""
    (session.home / FILE).unlink(missing_ok=True)
    session.say("Forgotten. `issuer-app revoke-token` ends the token itself.")
