"""The table of checks: each one's function and the checks that it needs.

Clause VF-11 of specs/verification.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from weid.verification.checks_form import (
    check_disclosure_integrity,
    check_format,
    check_validity_period,
)
from weid.verification.checks_holder import (
    check_key_binding,
    check_request_binding,
    check_requested_claims,
)
from weid.verification.checks_issuer import (
    check_issuer_key,
    check_issuer_recognition,
    check_issuer_signature,
)
from weid.verification.checks_status import check_status
from weid.verification.checks_template import check_template_conformance
from weid.verification.context import Context, Subject
from weid.verification.finding import Finding

CheckFunction: TypeAlias = Callable[[Subject, Context], Finding]


@dataclass(frozen=True, slots=True)
class Row:
    """A check and the earlier ones without whose passing it would say nothing."""

    run: CheckFunction
    needs: tuple[str, ...] = ()


_SIGNED: Final = ("issuer_signature",)

TABLE: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "format": Row(check_format),
        "issuer_key": Row(check_issuer_key, ("format",)),
        "issuer_signature": Row(check_issuer_signature, ("issuer_key",)),
        "issuer_recognition": Row(check_issuer_recognition, _SIGNED),
        "disclosure_integrity": Row(check_disclosure_integrity, _SIGNED),
        "template_conformance": Row(check_template_conformance, ("disclosure_integrity",)),
        "validity_period": Row(check_validity_period, _SIGNED),
        "status": Row(check_status, _SIGNED),
        "key_binding": Row(check_key_binding, _SIGNED),
        "request_binding": Row(check_request_binding, ("key_binding",)),
        "requested_claims": Row(check_requested_claims, ("disclosure_integrity",)),
    }
)
"""Name → row, in the order of a report."""
