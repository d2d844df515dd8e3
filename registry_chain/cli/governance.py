"""`registry-chain governance …`: proposals of the consortium, made and approved one by one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_chain.cli.arguments import DID, HASH, PROPOSAL, TEMPLATE
from registry_chain.cli.command import ChainGroup, versioned
from registry_chain.state_machine.parameters import PARAMETERS, in_range
from weid import limits
from weid.cli.output import Console, json_text, pass_console
from weid.cli.passphrases import passphrase_option, read_passphrase
from weid.cli.registry_options import loopback_option
from weid.cli.trust_settings import host_of
from weid.clock import SystemClock, format_time
from weid.errors import NotFoundError, RegistryUnavailableError

if TYPE_CHECKING:
    from weid.registry.author import Author
    from weid.registry.http_client import HttpRegistry
    from weid.registry.operations import GovernedAction
    from weid.registry.records import ProposalRecord

DAY = 86_400
MOST_DAYS = limits.PROPOSAL_LIFETIME // DAY - 1
"""One less than the rules allow: the block's time may lag behind this machine's clock."""
ROLE = click.Choice(["governor", "registrar", "issuer"])


@click.group(cls=ChainGroup)
@versioned
def governance() -> None:
    """Propose, approve and list what the governors decide together.

    A proposal does nothing until as many governors as the threshold says have approved it.
    """


def on_node(command: Callable[..., object]) -> Callable[..., object]:
    """Add the options that say which registry, and pass it on as `registry`."""

    @click.option("--node", required=True, metavar="URL", help="A node of the registry.")
    @click.option("--genesis", required=True, type=HASH, help="Its genesis hash.")
    @loopback_option
    @functools.wraps(command)
    def with_registry(
        *args: object, node: str, genesis: bytes, unsafe_loopback_http: bool, **given: object
    ) -> object:
        from weid.registry.http_client import HttpRegistry  # noqa: PLC0415 - imported when used
        from weid.transport import GuardedTransport  # noqa: PLC0415 - imported when used

        registry = HttpRegistry(
            node,
            genesis_hash=genesis,
            # Who names a node may mean one of the inner network.
            transport=GuardedTransport(
                private_hosts=(host_of(node),), allow_loopback_http=unsafe_loopback_http
            ),
            clock=SystemClock(),
        )
        return command(*args, registry=registry, **given)

    return with_registry


def as_governor(command: Callable[..., object]) -> Callable[..., object]:
    """Add the options that say which governor acts, and pass it on as `governor`."""

    @click.option(
        "--as", "acting", required=True, type=DID, metavar="DID", help="The governor's DID."
    )
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
        *args: object,
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
        return command(*args, registry=registry, governor=governor, **given)

    return with_governor


@governance.command(name="list")
@click.argument("proposal_ids", nargs=-1, type=PROPOSAL, metavar="[ID]…")
@pass_console
@on_node
def list_proposals(
    console: Console, *, registry: HttpRegistry, proposal_ids: tuple[bytes, ...]
) -> None:
    """Show proposals as the registry proves them: those with these ids, else all open ones.

    They are printed as JSON.
    """
    now = SystemClock().now()
    if proposal_ids:
        found = [registry.proposal(one) for one in proposal_ids]
    else:
        found = [
            one for one in registry.proposals() if one.executed_at is None and one.expires >= now
        ]
    for identifier, record in zip(proposal_ids, found, strict=False):
        if record is None:
            raise _no_proposal(identifier)
    _print(console, [_described(one) for one in found if one is not None])


@governance.command()
@click.argument("proposal_id", type=PROPOSAL, metavar="ID")
@pass_console
@on_node
@as_governor
def approve(
    console: Console, *, registry: HttpRegistry, governor: Author, proposal_id: bytes
) -> None:
    """Approve the proposal with this id; a governor has one vote."""
    from weid.registry.operations import Approve  # noqa: PLC0415 - imported when used

    if registry.proposal(proposal_id) is None:
        raise _no_proposal(proposal_id)
    governor.submit(Approve(proposal_id))
    _tell(console, registry.proposal(proposal_id))


@governance.group()
@versioned
def propose() -> None:
    """Propose an action; your own approval counts.

    What an action names is looked up first, so that a typing error is found before the vote.
    """


def proposing(command: Callable[..., object]) -> Callable[..., object]:
    """Turn a command that returns an action into one that proposes it."""

    @pass_console
    @on_node
    @as_governor
    @click.option(
        "--allow-unknown",
        is_flag=True,
        help="Propose it even where the registry does not have what it names (yet).",
    )
    @click.option("--reason", default="", help="Why, for the other governors.")
    @click.option(
        "--days",
        default=14,
        show_default=True,
        type=click.IntRange(1, MOST_DAYS),
        help="How long it stays open.",
    )
    @functools.wraps(command)
    def with_proposal(
        console: Console,
        *,
        registry: HttpRegistry,
        governor: Author,
        allow_unknown: bool,
        reason: str,
        days: int,
        **given: object,
    ) -> None:
        from weid.registry.operations import Propose  # noqa: PLC0415 - imported when used
        from weid.registry.transaction import proposal_id  # noqa: PLC0415 - imported when used

        action: GovernedAction = command(**given)  # type: ignore[assignment]  # each returns one
        if not allow_unknown:
            _require_known(registry, action)
        expires = SystemClock().now() + days * DAY
        receipt = governor.submit(Propose(action=action, expires=expires, reason=reason))
        _tell(console, registry.proposal(proposal_id(receipt.transaction_id, 0)))

    return with_proposal


def _require_known(registry: HttpRegistry, action: GovernedAction) -> None:
    from registry_chain.cli.lookups import what_is_unknown  # noqa: PLC0415 - imported when used

    unknown = what_is_unknown(registry, action)
    if unknown:
        raise NotFoundError(
            "; ".join(unknown),
            hint="look at the spelling; --allow-unknown proposes it all the same, where it is "
            "still to come",
        )


@propose.command()
@click.argument("did", type=DID)
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
@click.argument("did", type=DID)
@click.argument("cpt_id", metavar="TEMPLATE", type=TEMPLATE)
@click.option("--compromised-since", type=int, help="Refuse what was signed since then.")
@proposing
def derecognize(*, did: str, cpt_id: str, compromised_since: int | None) -> GovernedAction:
    """End an issuer's recognition for a template."""
    from weid.registry.operations import DerecognizeIssuer  # noqa: PLC0415 - imported when used

    return DerecognizeIssuer(did=did, cpt_id=cpt_id, compromised_since=compromised_since)


@propose.command()
@click.argument("did", type=DID)
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
@click.argument("did", type=DID)
@click.argument("role", type=ROLE)
@proposing
def grant(*, did: str, role: str) -> GovernedAction:
    """Give a DID a role."""
    from weid.registry.operations import GrantRole, Role  # noqa: PLC0415 - imported when used

    return GrantRole(did=did, role=Role(role))


@propose.command()
@click.argument("did", type=DID)
@click.argument("role", type=ROLE)
@proposing
def revoke(*, did: str, role: str) -> GovernedAction:
    """Take a role from a DID."""
    from weid.registry.operations import RevokeRole, Role  # noqa: PLC0415 - imported when used

    return RevokeRole(did=did, role=Role(role))


def _parameter_help() -> str:
    names = (f"  {name:<24} {known.meaning}" for name, known in PARAMETERS.items())
    return "\n".join(["Set the parameter NAME of the chain to VALUE.", "", "\b", *names])


@propose.command(help=_parameter_help())
@click.argument("name", type=click.Choice(sorted(PARAMETERS)), metavar="NAME")
@click.argument("value", type=int)
@proposing
def parameter(*, name: str, value: int) -> GovernedAction:
    """Return the action; the help of the command is made from the table of parameters."""
    from weid.registry.operations import SetParameter  # noqa: PLC0415 - imported when used

    if not in_range(name, value):
        known = PARAMETERS[name]
        raise click.UsageError(f"{name} is a number from {known.least} to {known.most}")
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


def _no_proposal(proposal_id: bytes) -> NotFoundError:
    return NotFoundError(
        f"the registry has no proposal {proposal_id.hex()}",
        hint="registry-chain governance list shows the open ones.",
    )


def _tell(console: Console, record: ProposalRecord | None) -> None:
    if record is None:
        raise RegistryUnavailableError(
            "the registry does not show the proposal yet", hint="registry-chain governance list"
        )
    noun = "approval" if record.threshold == 1 else "approvals"
    state = "done" if record.executed_at is not None else "waiting for more approvals"
    console.say(f"{len(record.approvals)} of {record.threshold} {noun}: {state}")
    _print(console, _described(record))


def _print(console: Console, value: object) -> None:
    # Programs have read this as JSON from the first: with --json it is the same.
    console.show(json_text(value), value)
