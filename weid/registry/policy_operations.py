"""Publishing and withdrawing presentation policies, as frozen values.

Kinds of operation like those in `weid.registry.operations`, whose table gives them their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PublishPolicy:
    """Publish one immutable version of a presentation policy.

    `document` is the policy's JSON, byte for byte, and stands in the record. Versions count from 1
    without a gap; the first publisher of a `policy_id` owns it.
    """

    policy_id: str
    version: int
    document: bytes


@dataclass(frozen=True, slots=True)
class WithdrawPolicy:
    """Withdraw a policy version: nobody asks by it any more, and what was published stays."""

    policy_id: str
    version: int
