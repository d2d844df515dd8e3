"""What the operator demands of credential requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from weid.errors import MalformedError
from weid.oauth.client_attestation import TrustedAttesters
from weid.openid4vci.credential import PROOFS

BATCH_SIZE: Final = 10


@dataclass(frozen=True, kw_only=True)
class IssuancePolicy:
    """What one credential issuer demands and allows.

    At most `batch_size` copies of a credential are given at once, each to a key of its own.
    `key_attesters` vouch for keys; with `key_attestation_required` each key needs one. With
    `encryption_required` requests and responses must be encrypted; they may be in any case.

    Raises:
        MalformedError: a batch size that is none, or attestations required of nobody.
    """

    batch_size: int = BATCH_SIZE
    key_attesters: TrustedAttesters = field(default_factory=TrustedAttesters)
    key_attestation_required: bool = False
    encryption_required: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= PROOFS:
            raise MalformedError(f"a batch has from 1 to {PROOFS} copies")
        if self.key_attestation_required and not self.key_attesters:
            raise MalformedError("key attestations are required, but nobody is trusted to make one")
