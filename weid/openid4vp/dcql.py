"""The query language of requests under the name that the protocol gives it (section 6).

Its values stand lower, in `weid.verification`, because the checks themselves ask with them.
"""

from __future__ import annotations

from weid.verification.dcql import (
    ClaimQuery,
    CredentialQuery,
    CredentialSetQuery,
    DcqlQuery,
)
from weid.verification.selection import Selection, select_claims

__all__ = [
    "ClaimQuery",
    "CredentialQuery",
    "CredentialSetQuery",
    "DcqlQuery",
    "Selection",
    "select_claims",
]
