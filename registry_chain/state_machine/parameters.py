"""The chain's parameters: names, ranges and what holds where nothing was set (clause ST-12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weid import limits


@dataclass(frozen=True, slots=True)
class Parameter:
    """A chain parameter's default, its range (both ends included) and meaning."""

    default: int
    least: int
    most: int
    meaning: str


GOVERNANCE_THRESHOLD: Final = "governance_threshold"
OPEN_DID_CREATION: Final = "open_did_creation"
OPEN_DID_PER_BLOCK: Final = "open_did_per_block"
OPEN_DID_PER_DAY: Final = "open_did_per_day"
MAX_TIME_LAG: Final = "max_time_lag"
ALLOW_LOOPBACK_HTTP: Final = "allow_loopback_http"
MAX_BLOCK_BYTES: Final = "max_block_bytes"
MAX_BLOCK_TRANSACTIONS: Final = "max_block_transactions"
MAX_AUTHOR_TRANSACTIONS: Final = "max_author_transactions"
RULES_VERSION: Final = "rules_version"

PARAMETERS: Final[dict[str, Parameter]] = {
    GOVERNANCE_THRESHOLD: Parameter(
        1, 1, limits.GOVERNORS, "governors who must approve a proposal"
    ),
    OPEN_DID_CREATION: Parameter(
        0, 0, 1, "1: a DID without role may be created and kept without an endorser"
    ),
    OPEN_DID_PER_BLOCK: Parameter(
        100, 0, 100_000, "transactions without role and endorser in one block"
    ),
    OPEN_DID_PER_DAY: Parameter(
        10_000, 0, 10_000_000, "transactions without role and endorser in one day (UTC)"
    ),
    MAX_TIME_LAG: Parameter(
        limits.MAX_TIME_LAG,
        limits.HEARTBEAT,
        3600,
        "seconds by which block time may lag behind the clock; widens key windows",
    ),
    ALLOW_LOOPBACK_HTTP: Parameter(
        0, 0, 1, "1: http://localhost URIs pass beside https, for demonstrations"
    ),
    MAX_BLOCK_BYTES: Parameter(
        8 * 2**20, limits.TRANSACTION_BYTES, 64 * 2**20, "bytes of transactions in one block"
    ),
    MAX_BLOCK_TRANSACTIONS: Parameter(10_000, 1, 100_000, "transactions in one block"),
    MAX_AUTHOR_TRANSACTIONS: Parameter(
        5_000, 1, 100_000, "transactions of one author in one block"
    ),
    RULES_VERSION: Parameter(1, 1, 1, "which version of the rules is in force"),
}
"""Name → parameter; a name that is not here does not exist."""


def in_range(name: str, value: int) -> bool:
    """Return whether a known parameter may have this value."""
    parameter = PARAMETERS[name]
    return parameter.least <= value <= parameter.most
