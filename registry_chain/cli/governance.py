"""`registry-chain governance …`: proposals of the consortium, made and approved one by one."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weid.cli.passphrases import passphrase_option, read_passphrase
from weid.clock import SystemClock, format_time
from weid.errors import NotFoundError
from weid.registry.text import CPT_ID

if TYPE_CHECKING:
    from weid.registry.author import Author
    from weid.registry.http_client import HttpRegistry
    from weid.registry.operations import GovernedAction
    from weid.registry.records import ProposalRecord

DAY = 86_400
HASH_BYTES = 32


class HexHash(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions only
    """64 hexadecimal digits, as bytes: a genesis hash or the id of a proposal."""

    name = "hash"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        """Return the bytes; anything else is told as a wrong call."""
        if isinstance(value, bytes):
            return value
        try:
            found = bytes.fromhex(str(value))
        except ValueError:
            found = b""
        if len(found) != HASH_BYTES:
            self.fail(f"{value} is not 64 hexadecimal digits", param, ctx)
        return found


class TemplateId(click.ParamType):  # type: ignore[type-arg]  # same
    """The id of a template, without its version: recognition is for every version."""

    name = "template"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return the id; a name with a version is told as a wrong call."""
        text = str(value)
        if not CPT_ID.fullmatch(text):
            self.fail(f"{text} is not a template id such as diploma (no version)", param, ctx)
        return text


HASH = HexHash()
TEMPLATE = TemplateId()


@click.group()
def governance() -> None:
    """Propose, approve and list what the governors decide together.

    A proposal does nothing until as many governors as the threshold says have approved it.
    """


def on_node(command: Callable[..., object]) -> Callable[..., object]:
    """Add the options that say which registry, and pass it on as `registry`."""

    @click.option("--node", required=True, metavar="URL", help="A node of the registry.")
    @click.option("--genesis", required=True, type=HASH, help="Its genesis hash.")
    @click.option("--unsafe-loopback-http", is_flag=True, help="Allow http to this machine.")
    @functools.wraps(command)
    def with_registry(
        *, node: str, genesis: bytes, unsafe_loopback_http: bool, **given: object
    ) -> object:
        from weid.registry.http_client import HttpRegistry  # noqa: PLC0415 - imported when used
        from weid.transport import GuardedTransport  # noqa: PLC0415 - imported when used

        registry = HttpRegistry(
            node,
            genesis_hash=genesis,
            transport=GuardedTransport(allow_loopback_http=unsafe_loopback_http),
            clock=SystemClock(),
        )
        return command(registry=registry, **given)

    return with_registry


def as_governor(command: Callable[..., object]) -> Callable[..., object]:
    """Add the options that say which governor acts, and pass it on as `governor`."""

    @click.option("--as", "acting", required=True, metavar="DID", help="The governor's DID.")
    @click.option(
        "--key",
        "key_file",
        required=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="The governor's key file.",
    )
    @click.option("--key-id", default="control-1", show_default=True, help="Which key of the DID.")
    @passphrase_option
    @functools.wraps(command)
    def with_governor(
        *,
        registry: HttpRegistry,
        acting: str,
        key_file: Path,
        key_id: str,
        passphrase_file: Path | None,
        **given: object,
    ) -> object:
        from weid.crypto.key_file import load_key_file  # noqa: PLC0415 - imported when used
        from weid.crypto.signer import InMemorySigner  # noqa: PLC0415 - imported when used
        from weid.registry.author import Author  # noqa: PLC0415 - imported when used

        signer = InMemorySigner(load_key_file(key_file, read_passphrase(passphrase_file)))
        governor = Author(acting, {key_id: signer}, registry, SystemClock())
        return command(registry=registry, governor=governor, **given)

    return with_governor


@governance.command(name="list")
@click.argument("proposal_ids", nargs=-1, type=HASH, metavar="[ID]…")
@on_node
def list_proposals(*, registry: HttpRegistry, proposal_ids: tuple[bytes, ...]) -> None:
    """Show proposals, as the registry proves them: those with these ids, else all open ones."""
    now = SystemClock().now()
    if proposal_ids:
        found = [registry.proposal(one) for one in proposal_ids]
    else:
        found = [
            one for one in registry.proposals() if one.executed_at is None and one.expires >= now
        ]
    for identifier, record in zip(proposal_ids, found, strict=False):
        if record is None:
            raise NotFoundError(
                f"the registry has no proposal {identifier.hex()}",
                hint="registry-chain governance list shows the open ones.",
            )
    click.echo(json.dumps([_described(one) for one in found if one is not None], indent=1))


@governance.command()
@click.argument("proposal_id", type=HASH, metavar="ID")
@on_node
@as_governor
def approve(*, registry: HttpRegistry, governor: Author, proposal_id: bytes) -> None:
    """Approve the proposal with this id; a governor has one vote."""
    from weid.registry.operations import Approve  # noqa: PLC0415 - imported when used

    governor.submit(Approve(proposal_id))
    _tell(registry.proposal(proposal_id))


@governance.group()
def propose() -> None:
    """Propose an action; your own approval counts."""


def proposing(command: Callable[..., object]) -> Callable[..., object]:
    """Turn a command that returns an action into one that proposes it."""

    @on_node
    @as_governor
    @click.option("--reason", default="", help="Why, for the other governors.")
    @click.option("--days", default=14, show_default=True, type=click.IntRange(1, 365))
    @functools.wraps(command)
    def with_proposal(
        *, registry: HttpRegistry, governor: Author, reason: str, days: int, **given: object
    ) -> None:
        from weid.registry.operations import Propose  # noqa: PLC0415 - imported when used
        from weid.registry.transaction import proposal_id  # noqa: PLC0415 - imported when used

        action: GovernedAction = command(**given)  # type: ignore[assignment]  # each returns one
        expires = SystemClock().now() + days * DAY
        receipt = governor.submit(Propose(action=action, expires=expires, reason=reason))
        _tell(registry.proposal(proposal_id(receipt.transaction_id, 0)))

    return with_proposal


@propose.command()
@click.argument("did")
@click.argument("cpt_id", metavar="TEMPLATE", type=TEMPLATE)
@click.option("--until", type=int, help="End of the recognition, seconds since 1970.")
@proposing
def recognize(*, did: str, cpt_id: str, until: int | None) -> GovernedAction:
    """Recognize an issuer for a template."""
    from weid.registry.operations import RecognizeIssuer  # noqa: PLC0415 - imported when used

    return RecognizeIssuer(
        did=did, cpt_id=cpt_id, valid_from=SystemClock().now(), valid_until=until
    )


@propose.command()
@click.argument("did")
@click.argument("cpt_id", metavar="TEMPLATE", type=TEMPLATE)
@click.option("--compromised-since", type=int, help="Refuse what was signed since then.")
@proposing
def derecognize(*, did: str, cpt_id: str, compromised_since: int | None) -> GovernedAction:
    """End an issuer's recognition for a template."""
    from weid.registry.operations import DerecognizeIssuer  # noqa: PLC0415 - imported when used

    return DerecognizeIssuer(did=did, cpt_id=cpt_id, compromised_since=compromised_since)


@propose.command()
@click.argument("did")
@click.argument("cpt_id", metavar="TEMPLATE", type=TEMPLATE)
@click.option("--may-accredit", is_flag=True, help="Let it accredit others below itself.")
@proposing
def accredit(*, did: str, cpt_id: str, may_accredit: bool) -> GovernedAction:
    """Let a DID recognize issuers of a template."""
    from weid.registry.operations import Accredit  # noqa: PLC0415 - imported when used

    return Accredit(
        did=did, cpt_id=cpt_id, valid_from=SystemClock().now(), may_accredit=may_accredit
    )


@propose.command()
@click.argument("did")
@click.argument("role", type=click.Choice(["governor", "registrar", "issuer"]))
@proposing
def grant(*, did: str, role: str) -> GovernedAction:
    """Give a DID a role."""
    from weid.registry.operations import GrantRole, Role  # noqa: PLC0415 - imported when used

    return GrantRole(did=did, role=Role(role))


@propose.command()
@click.argument("did")
@click.argument("role", type=click.Choice(["governor", "registrar", "issuer"]))
@proposing
def revoke(*, did: str, role: str) -> GovernedAction:
    """Take a role from a DID."""
    from weid.registry.operations import RevokeRole, Role  # noqa: PLC0415 - imported when used

    return RevokeRole(did=did, role=Role(role))


@propose.command()
@click.argument("name")
@click.argument("value", type=int)
@proposing
def parameter(*, name: str, value: int) -> GovernedAction:
    """Set a parameter of the chain."""
    from weid.registry.operations import SetParameter  # noqa: PLC0415 - imported when used

    return SetParameter(name=name, value=value)


def _described(record: ProposalRecord) -> dict[str, object]:
    return {
        "id": record.proposal_id.hex(),
        "action": {"kind": type(record.action).__name__, **asdict(record.action)},
        "proposer": record.proposer,
        "approvals": list(record.approvals),
        "threshold": record.threshold,
        "expires": format_time(record.expires),
        "executed": format_time(record.executed_at) if record.executed_at else None,
        "reason": record.reason,
    }


def _tell(record: ProposalRecord | None) -> None:
    if record is None:
        raise click.ClickException("the registry does not show the proposal yet; list it again")
    votes = f"{len(record.approvals)} of {record.threshold} approvals"
    state = "done" if record.executed_at is not None else "waiting for more approvals"
    click.echo(f"{votes}: {state}", err=True)
    click.echo(json.dumps(_described(record), indent=1))
