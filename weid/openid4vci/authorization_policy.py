"""What the operator demands of wallets, and the hook that says what was approved for whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from weid.encoding import JsonObject
from weid.errors import ProtocolError
from weid.oauth.client_attestation import TrustedAttesters
from weid.oauth.clients import PublicClient


@dataclass(frozen=True, slots=True)
class AuthorizationQuestion:
    """What a wallet asks for, to be shown to the person before anything is approved.

    `configuration_ids` is empty where the wallet leaves it to the offer. `wallet_name` is what an
    attester calls the wallet, empty without an attestation. `issuer_state` is of the offer that
    the wallet was handed, if any: whoever knows it held that offer.
    """

    authorization_id: str = field(repr=False)
    client_id: str
    wallet_name: str
    configuration_ids: tuple[str, ...]
    issuer_state: str | None = field(repr=False)
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class OfferedBefore:
    """The person may have what was offered earlier, under this issuance id."""

    issuance_id: str


@dataclass(frozen=True, slots=True)
class Approved:
    """The person may have a credential of a configuration: claims, or a reference to them."""

    configuration_id: str
    approved: JsonObject = field(repr=False)


Approval: TypeAlias = OfferedBefore | Approved


class TryAgainError(ProtocolError):
    """What the person typed does not fit, and they may try again on the same page."""

    def __init__(self, description: str) -> None:
        super().__init__("access_denied", description)


class FindApproval(Protocol):
    """Says who the person is and what was approved for them; the application connects it.

    It is called when the person has answered the application's page, with what they typed or with
    what their sign-in gave (`answers`). An agency with a sign-in of its own puts the outcome of
    that sign-in into `answers`, looks up what was approved for that identity, and returns
    `Approved`. It raises `TryAgainError` to show the page again; any other `ProtocolError` sends
    the wallet away with `access_denied`.
    """

    def __call__(self, question: AuthorizationQuestion, answers: Mapping[str, str], /) -> Approval:
        """Return what was approved for this person."""
        ...


@dataclass(frozen=True, kw_only=True)
class AuthorizationPolicy:
    """What one authorization server demands.

    Without `find_approval` there is no authorization code flow. `clients` are the wallets that
    are known by their `client_id`; `attesters` vouch for others. What is required is refused
    where it is missing; what is not required is still checked where it is there.
    """

    find_approval: FindApproval | None = None
    clients: tuple[PublicClient, ...] = ()
    attesters: TrustedAttesters = field(default_factory=TrustedAttesters)
    attestation_required: bool = False
    attestation_challenge_required: bool = False
    dpop_required: bool = False
    dpop_nonce_required: bool = True
    pushed_required: bool = True
