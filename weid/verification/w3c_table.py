"""The table of checks for W3C credentials: the same names, needs and order as for SD-JWT VC.

Clause WC-50 of specs/w3c-profile.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from weid.verification import w3c_checks
from weid.verification.checks import TABLE, Row
from weid.verification.w3c_status import check_resolved_status, check_status

_OWN: Final = {
    "format": w3c_checks.check_format,
    "issuer_key": w3c_checks.check_issuer_key,
    "issuer_signature": w3c_checks.check_issuer_signature,
    "disclosure_integrity": w3c_checks.check_nothing_withheld,
    "validity_period": w3c_checks.check_validity,
    "status": check_status,
    "key_binding": w3c_checks.check_key_binding,
}

W3C_TABLE: Final[Mapping[str, Row]] = MappingProxyType(
    {name: replace(row, run=_OWN[name]) if name in _OWN else row for name, row in TABLE.items()}
)
"""Name → row, in the order of a report."""

SECURING: Final = ("format", "issuer_key", "issuer_signature", "validity_period", "status")
"""What is checked of how a credential is secured, whoever issued it."""

SECURING_TABLE: Final[Mapping[str, Row]] = MappingProxyType(
    {
        **W3C_TABLE,
        "issuer_key": replace(W3C_TABLE["issuer_key"], run=w3c_checks.find_resolved_keys),
        "status": replace(W3C_TABLE["status"], run=check_resolved_status),
    }
)
"""The same with keys out of DID documents: no registry vouches for issuer and lists."""
