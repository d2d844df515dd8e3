"""What the governance commands share: which registry, who acts, and an action as a proposal."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_chain.cli.arguments import DID, HASH
from registry_chain.cli.asking import loopback_option, open_registry
from weid import limits
from weid.cli.output import Console, json_text, pass_console
from weid.cli.passphrases import passphrase_option, read_passphrase
from weid.clock import SystemClock, format_time
from weid.errors import KeyFileError, MalformedError, NotFoundError, RegistryUnavailableError

if TYPE_CHECKING:
    from weid.registry.author import Author
    from weid.registry.http_client import HttpRegistry
    from weid.registry.operations import GovernedAction
    from weid.registry.records import ProposalRecord

DAY = 86_400
MOST_DAYS = limits.PROPOSAL_LIFETIME // DAY - 1
"""One less than the rules allow: the block's time may lag behind this machine's clock."""


def on_node(command: Callable[..., object]) -> Callable[..., object]:
    """Add the options that say which registry, and pass it on as `registry`."""

    @click.option("--node", required=True, metavar="URL", help="A node of the registry.")
    @click.option("--genesis", required=True, type=HASH, help="Its genesis hash.")
    @loopback_option
    @functools.wraps(command)
    def with_registry(
        *args: object, node: str, genesis: bytes, unsafe_loopback_http: bool, **given: object
    ) -> object:
        registry = open_registry(
            node, genesis_hash=genesis, unsafe_loopback_http=unsafe_loopback_http
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
        governor = author_of(registry, acting, key_file, key_id, passphrase_file)
        return command(*args, registry=registry, governor=governor, **given)

    return with_governor


def author_of(
    registry: HttpRegistry, acting: str, key_file: Path, key_id: str, passphrase_file: Path | None
) -> Author:
    """Return who acts by the options --as, --key and --key-id."""
    from weid.crypto.key_file import load_key_file  # noqa: PLC0415 - imported when used
    from weid.crypto.signer import InMemorySigner  # noqa: PLC0415 - imported when used
    from weid.registry.author import Author  # noqa: PLC0415 - imported when used

    signer = InMemorySigner(load_key_file(key_file, read_passphrase(passphrase_file)))
    return Author(acting, {key_id: signer}, registry, SystemClock())


def require_own_key(registry: HttpRegistry, author: Author) -> None:
    """Require that who acts has the key that was given: of another the registry says too little.

    Raises:
        NotFoundError: the registry has no such DID.
        KeyFileError: the key is not that one of the DID.
    """
    record = registry.did(author.did)
    if record is None:
        raise NotFoundError(f"the registry has no DID {author.did}", hint="look at --as")
    known = {key.id: key.multikey for key in record.keys}
    for key_id, signer in author.signers.items():
        multikey = signer.public_key.to_multicodec()
        if known.get(key_id) != multikey:
            others = [each for each, value in known.items() if value == multikey]
            raise KeyFileError(
                f"the key of --key is not the key {key_id} of {author.did}",
                hint="--as, --key and --key-id belong together: "
                + (f"it is --key-id {others[0]}" if others else "it is of another DID"),
            )


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
    @click.option(
        "--again", is_flag=True, help="Propose it even where the same proposal is open already."
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
    def with_proposal(  # noqa: PLR0913 - the options of the command
        console: Console,
        *,
        registry: HttpRegistry,
        governor: Author,
        allow_unknown: bool,
        again: bool,
        reason: str,
        days: int,
        **given: object,
    ) -> None:
        from weid.registry.operations import Propose  # noqa: PLC0415 - imported when used
        from weid.registry.transaction import proposal_id  # noqa: PLC0415 - imported when used

        action: GovernedAction = command(**given)  # type: ignore[assignment]  # each returns one
        require_own_key(registry, governor)
        _require_notice(registry, action)
        if not allow_unknown:
            _require_known(registry, action)
        if not again:
            _require_new(registry, action)
        expires = SystemClock().now() + days * DAY
        receipt = governor.submit(Propose(action=action, expires=expires, reason=reason))
        tell(console, registry.proposal(proposal_id(receipt.transaction_id, 0)))

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


def _require_new(registry: HttpRegistry, action: GovernedAction) -> None:
    """Refuse an action that an open proposal has: votes for two of them are not counted together.

    Actions that begin when they were proposed are the same whenever that was.
    """
    now = SystemClock().now()
    for record in registry.proposals():
        if is_open(record, now) and _timeless(record.action) == _timeless(action):
            raise MalformedError(
                f"the same is proposed already: {record.proposal_id.hex()}, with "
                f"{len(record.approvals)} of {record.threshold} approvals, by {record.proposer}",
                hint=f"registry-chain governance approve {record.proposal_id.hex()}; --again makes "
                "another proposal",
            )


def _timeless(action: GovernedAction) -> GovernedAction:
    """Return an action without the time from which it counts."""
    from weid.registry.operations import Accredit, RecognizeIssuer  # noqa: PLC0415 - when used

    if isinstance(action, Accredit | RecognizeIssuer):
        return replace(action, valid_from=0)
    return action


def is_open(record: ProposalRecord, now: int) -> bool:
    """Return whether a proposal can still be approved."""
    return record.executed_at is None and record.expires >= now


def _require_notice(registry: HttpRegistry, action: GovernedAction) -> None:
    """Refuse rules from a height that has come, or will have before the notice is over."""
    from weid.registry.node_operations import ScheduleRules  # noqa: PLC0415 - imported when used

    if not isinstance(action, ScheduleRules) or action.height == 0:
        return
    newest = registry.head().height
    earliest = newest + 1 + limits.RULES_NOTICE
    if action.height < earliest:
        raise MalformedError(
            f"rules cannot come into force at height {action.height}: the newest block has the "
            f"height {newest}, and {limits.RULES_NOTICE} blocks' notice must be left",
            hint=f"name a height from {earliest} on, with room for the other approvals",
        )


def described(record: ProposalRecord) -> dict[str, object]:
    """Return a proposal as JSON."""
    return {
        "id": record.proposal_id.hex(),
        "action": {"kind": type(record.action).__name__, **_members(record.action)},
        "proposer": record.proposer,
        "approvals": list(record.approvals),
        "threshold": record.threshold,
        "expires": format_time(record.expires),
        "executed": format_time(record.executed_at) if record.executed_at else None,
        "reason": record.reason,
    }


def _members(action: GovernedAction) -> dict[str, object]:
    """Return an action's fields, keys and ids in hexadecimal."""
    return {field.name: _shown(getattr(action, field.name)) for field in fields(action)}


def _shown(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return [_shown(one) for one in value] if isinstance(value, tuple) else value


def no_proposal(proposal_id: bytes) -> NotFoundError:
    """Return the error that tells of a proposal that is not there."""
    return NotFoundError(
        f"the registry has no proposal {proposal_id.hex()}",
        hint="registry-chain governance list shows the open ones.",
    )


def tell(console: Console, record: ProposalRecord | None) -> None:
    """Say how a proposal stands after the command."""
    if record is None:
        raise RegistryUnavailableError(
            "the registry does not show the proposal yet", hint="registry-chain governance list"
        )
    noun = "approval" if record.threshold == 1 else "approvals"
    state = "done" if record.executed_at is not None else "waiting for more approvals"
    console.say(f"{len(record.approvals)} of {record.threshold} {noun}: {state}")
    show(console, described(record))


def show(console: Console, value: object) -> None:
    """Print a value as JSON."""
    # Programs have read this as JSON from the first: with --json it is the same.
    console.show(json_text(value), value)
