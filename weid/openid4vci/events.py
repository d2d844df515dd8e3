"""What happens to an issuance, by name: for the issuer's audit log, without secrets and claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

EventName: TypeAlias = Literal[
    "offered",
    "tx_code_wrong",
    "offer_dead",
    "token_issued",
    "code_used_again",
    "key_accepted",
    "key_refused",
    "approval_awaited",
    "credential_issued",
    "credential_repeated",
]
Observe: TypeAlias = Callable[[EventName, str], None]
"""Told what happened to which issuance id."""

NotifiedEvent: TypeAlias = Literal[
    "credential_accepted", "credential_failure", "credential_deleted"
]
"""What a wallet may tell of its credentials (OpenID4VCI 1.0 section 11.1)."""


@dataclass(frozen=True, slots=True)
class WalletNotice:
    """What a wallet told: of which issuance and configuration, what, and its own words.

    `description` is a stranger's text, cut.
    """

    issuance_id: str
    configuration_id: str
    event: NotifiedEvent
    description: str = field(default="", repr=False)


ObserveNotice: TypeAlias = Callable[[WalletNotice], None]
"""Told each notice of a wallet once."""
