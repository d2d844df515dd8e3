"""How a W3C document is secured, whoever issued it: what the VC-API routes answer.

Nothing here makes a `VerifiedPresentation`: that a credential is well signed says nothing about
whether its issuer counts. Clauses WC-60 … WC-63 of specs/w3c-profile.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, cast

from weid.clock import Clock, SystemClock, format_time
from weid.encoding import JsonObject, json_dumps
from weid.errors import CryptoError, MalformedError
from weid.verification.checks import Row
from weid.verification.context import Context, Subject
from weid.verification.examine import run_checks
from weid.verification.finding import Finding, failed, good
from weid.verification.known import Known
from weid.verification.policy import Mode, TrustPolicy
from weid.verification.replay import MemoryReplayMemory
from weid.verification.report import Check, Verdict, verdict_of
from weid.verification.w3c_checks import check_presentation_proof
from weid.verification.w3c_subject import W3cSubject
from weid.verification.w3c_table import SECURING, SECURING_TABLE
from weid.w3c.data_model import W3cPresentation
from weid.w3c.secured import read_presentation
from weid.w3c.terms import Contexts
from weid.w3c.vocabulary import SUITE_CONTEXTS

_PRESENTED: Final = ("format", "key_binding", "request_binding")


@dataclass(frozen=True, slots=True)
class SecuringReport:
    """The checks of one document, and the reports on the credentials within it."""

    checks: tuple[Check, ...]
    expected: tuple[str, ...]
    credentials: tuple[SecuringReport, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether every check of the document and of all that it holds passed."""
        own = verdict_of(self.checks, self.expected) is Verdict.ACCEPTED
        return own and all(each.verified for each in self.credentials)

    def problems(self) -> tuple[Check, ...]:
        """Return every check that did not pass, those of the credentials within last."""
        own = tuple(check for check in self.checks if not check.passed)
        return own + tuple(check for each in self.credentials for check in each.problems())


class SecuringVerifier:
    """Verifies signatures, terms, times and status lists; keys come out of DID documents.

    `policy` names the networks whose did:weid are resolved and where status lists come from; whom
    it trusts is not asked.
    """

    def __init__(
        self,
        policy: TrustPolicy,
        *,
        contexts: Contexts | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._policy = replace(policy, accept_without_expiry=True)
        self._contexts = contexts or Contexts(SUITE_CONTEXTS)
        self._clock: Clock = clock or SystemClock()

    def verify_credential(self, value: str | JsonObject) -> SecuringReport:
        """Return the report on a signed credential; whatever it is, nothing is raised."""
        subject = W3cSubject(_text(value))
        made = run_checks(SECURING, subject, self._context(), table=SECURING_TABLE)
        return SecuringReport(tuple(made.values()), SECURING)

    def verify_presentation(
        self,
        value: str | JsonObject,
        *,
        challenge: str | None = None,
        domain: str | None = None,
    ) -> SecuringReport:
        """Return the report on a signed presentation and on every credential in it.

        `challenge` and `domain` are what its proof must name; None leaves that out.
        """
        subject = W3cSubject(_text(value))
        table = {
            "format": Row(_check_format),
            "key_binding": Row(_check_proof, ("format",)),
            "request_binding": Row(
                lambda seen, context: _check_binding(seen, context, challenge, domain),
                ("key_binding",),
            ),
        }
        made = run_checks(_PRESENTED, subject, self._context(), table=table)
        checks = tuple(made.values())
        if not made["format"].passed or subject.presentation is None:
            return SecuringReport(checks, _PRESENTED)
        within = tuple(self.verify_credential(each) for each in subject.presentation.credentials)
        return SecuringReport(checks, _PRESENTED, within)

    def _context(self) -> Context:
        return Context(
            policy=self._policy,
            mode=Mode.UNBOUND,
            now=self._clock.now(),
            request=None,
            query=None,
            anchor=None,
            replay=MemoryReplayMemory(),
            known=Known(),
            contexts=self._contexts,
        )


def _text(value: str | JsonObject) -> str:
    return value if isinstance(value, str) else json_dumps(value).decode("utf-8")


def _check_format(subject: Subject, context: Context) -> Finding:
    found = cast("W3cSubject", subject)
    try:
        found.presented = read_presentation(found.text, context.contexts)
        found.presentation = W3cPresentation.parse(found.presented.document, context.contexts)
    except (MalformedError, CryptoError) as error:
        raise failed("malformed", problem=error.message) from None
    return good("w3c_format_good")


def _check_proof(subject: Subject, context: Context) -> Finding:
    found = cast("W3cSubject", subject)
    found.proof = check_presentation_proof(found, context)
    return good("key_binding_good")


def _check_binding(
    subject: Subject, context: Context, challenge: str | None, domain: str | None
) -> Finding:
    proof = cast("W3cSubject", subject).proof
    if challenge is not None and proof.challenge != challenge:
        raise failed("nonce_wrong")
    if domain is not None and proof.domains != (domain,):
        raise failed("audience_wrong")
    leeway = context.policy.leeway
    if proof.created is not None and proof.created > context.now + leeway:
        raise failed("made_in_future")
    if proof.expires is not None and proof.expires <= context.now - leeway:
        raise failed("request_expired", time=format_time(proof.expires))
    return good("request_binding_good")
