"""What happens to an issuance, by name: for the issuer's audit log, without secrets and claims."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

EventName: TypeAlias = Literal[
    "offered",
    "tx_code_wrong",
    "offer_dead",
    "token_issued",
    "code_used_again",
    "key_accepted",
    "key_refused",
    "credential_issued",
    "credential_repeated",
]
Observe: TypeAlias = Callable[[EventName, str], None]
"""Told what happened to which issuance id."""
