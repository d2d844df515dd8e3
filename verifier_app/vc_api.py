"""VC-API's answers, for the W3C's test suites: how a document is secured, and nothing about trust.

Clauses WC-61 … WC-63 of specs/w3c-profile.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from weid import limits
from weid.encoding import JsonObject, JsonValue, json_dumps, json_loads_object
from weid.errors import MalformedError
from weid.verification.report import Check
from weid.verification.w3c_securing import SecuringReport, SecuringVerifier

_MODEL: Final = "https://www.w3.org/TR/vc-data-model#"
_MALFORMED: Final = f"{_MODEL}MALFORMED_VALUE_ERROR"
_TYPES: Final = {
    "format": _MALFORMED,
    "issuer_key": f"{_MODEL}CRYPTOGRAPHIC_SECURITY_ERROR",
    "issuer_signature": f"{_MODEL}CRYPTOGRAPHIC_SECURITY_ERROR",
    "key_binding": f"{_MODEL}CRYPTOGRAPHIC_SECURITY_ERROR",
    "request_binding": "https://w3id.org/security#PROOF_VERIFICATION_ERROR",
    "validity_period": f"{_MODEL}RANGE_ERROR",
    "status": "https://www.w3.org/ns/credentials/status-list#STATUS_VERIFICATION_ERROR",
}
"""Check → the type of its problem, as VCDM 2.0 and Bitstring Status List name them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: status and JSON bytes."""

    status: int
    body: bytes


class VcApi:
    """Answers requests of VC-API."""

    def __init__(self, verifier: SecuringVerifier) -> None:
        self._verifier = verifier

    def credential(self, body: bytes) -> Answer:
        """Answer /credentials/verify."""
        return _answered(body, self._credential)

    def presentation(self, body: bytes) -> Answer:
        """Answer /presentations/verify."""
        return _answered(body, self._presentation)

    def _credential(self, asked: JsonObject) -> SecuringReport:
        return self._verifier.verify_credential(_document(asked, "verifiableCredential"))

    def _presentation(self, asked: JsonObject) -> SecuringReport:
        options = asked.get("options", {})
        if not isinstance(options, dict):
            raise MalformedError("options is not an object")
        return self._verifier.verify_presentation(
            _document(asked, "verifiablePresentation"),
            challenge=_option(options, "challenge"),
            domain=_option(options, "domain"),
        )


def _answered(body: bytes, verify: Callable[[JsonObject], SecuringReport]) -> Answer:
    try:
        what = "the request's body"
        report = verify(json_loads_object(body, what=what, max_bytes=2 * limits.PRESENTATION_BYTES))
    except MalformedError as error:
        return _refused([_problem(_MALFORMED, "request", error.message)])
    if report.verified:
        return Answer(200, json_dumps({"verified": True, "problemDetails": []}))
    return _refused([_told(check) for check in report.problems()])


def _refused(problems: list[JsonValue]) -> Answer:
    return Answer(400, json_dumps({"verified": False, "problemDetails": problems}))


def _told(check: Check) -> JsonObject:
    return _problem(_TYPES[check.name], check.name, check.detail)


def _problem(kind: str, title: str, detail: str) -> JsonObject:
    return {"type": kind, "title": title, "detail": detail}


def _document(asked: JsonObject, name: str) -> str | JsonObject:
    value = asked.get(name)
    if not isinstance(value, dict | str):
        raise MalformedError(f"the request has no {name}")
    return value


def _option(options: JsonObject, name: str) -> str | None:
    value = options.get(name)
    if value is not None and not isinstance(value, str):
        raise MalformedError(f"{name} is not text")
    return value
