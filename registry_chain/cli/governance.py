"""`registry-chain governance …`: proposals of the consortium, made and approved one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from registry_chain.cli.arguments import DID, PROPOSAL, TEMPLATE
from registry_chain.cli.command import ChainGroup, versioned
from registry_chain.cli.node_proposals import NODE_PROPOSALS
from registry_chain.cli.proposing import (
    as_governor,
    described,
    is_open,
    no_proposal,
    on_node,
    proposing,
    require_own_key,
    show,
    tell,
)
from registry_chain.state_machine.parameters import PARAMETERS, RULES_VERSION, in_range
from weid.cli.output import Console, pass_console
from weid.clock import SystemClock

if TYPE_CHECKING:
    from weid.registry.author import Author
    from weid.registry.http_client import HttpRegistry
    from weid.registry.operations import GovernedAction

ROLE = click.Choice(["governor", "registrar", "issuer"])
_LAST_TIME: Final = 2**63 - 1
"""The last time that an operation can name, in seconds since 1970."""


@click.group(cls=ChainGroup)
@versioned
def governance() -> None:
    """Propose, approve and list what the governors decide together.

    A proposal does nothing until as many governors as the threshold says have approved it.
    """


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
        found = [one for one in registry.proposals() if is_open(one, now)]
    for identifier, record in zip(proposal_ids, found, strict=False):
        if record is None:
            raise no_proposal(identifier)
    show(console, [described(one) for one in found if one is not None])


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

    require_own_key(registry, governor)
    if registry.proposal(proposal_id) is None:
        raise no_proposal(proposal_id)
    governor.submit(Approve(proposal_id))
    tell(console, registry.proposal(proposal_id))


@governance.group()
@versioned
def propose() -> None:
    """Propose an action; your own approval counts.

    What an action names is looked up first, so that a typing error is found before the vote.
    """


@propose.command()
@click.argument("did", type=DID)
@click.argument("cpt_id", metavar="TEMPLATE", type=TEMPLATE)
@click.option("--until", type=int, help="End of the recognition, seconds since 1970.")
@proposing
def recognize(*, did: str, cpt_id: str, until: int | None) -> GovernedAction:
    """Recognize an issuer for a template."""
    from weid.registry.operations import RecognizeIssuer  # noqa: PLC0415 - imported when used

    now = SystemClock().now()
    # The chain would refuse it only when the last governor approves.
    if until is not None and not now < until <= _LAST_TIME:
        raise click.UsageError(
            f"--until {until} is no time to come, in seconds since 1970 (now: {now})"
        )
    return RecognizeIssuer(did=did, cpt_id=cpt_id, valid_from=now, valid_until=until)


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

    if name == RULES_VERSION:
        raise click.UsageError(
            f"{name} is not set but scheduled: registry-chain governance propose schedule-rules"
        )
    if not in_range(name, value):
        known = PARAMETERS[name]
        raise click.UsageError(f"{name} is a number from {known.least} to {known.most}")
    return SetParameter(name=name, value=value)


for _command in NODE_PROPOSALS:
    propose.add_command(_command)
