"""Is a received credential one that verifiers can accept from its holder?

For who is about to keep it: whether the issuer signed it and may, whether its claims are whole and
conform. Not here: validity and status, which change while it is kept, and the holder's key, which
the wallet checks. No claims come from here; a `VerifiedPresentation` is made elsewhere.
Clause IP-35 of specs/issuance-profile.md.
"""

from __future__ import annotations

from typing import Final

from weid.credential.credential_type import CredentialType
from weid.credential.issuance_anchor import IssuanceAnchor
from weid.errors import (
    MalformedError,
    NotFoundError,
    RegistryUnavailableError,
    WalletError,
)
from weid.registry.authority import issuer_authority
from weid.registry.registry import RegistryReader
from weid.verification.context import Context, Subject
from weid.verification.examine import registry_state, run_checks
from weid.verification.issuer_keys import age_text
from weid.verification.known import Known
from weid.verification.policy import Mode, TrustPolicy
from weid.verification.replay import MemoryReplayMemory
from weid.verification.report import Verdict, VerificationReport, verdict_of

ISSUED: Final = (
    "format",
    "issuer_key",
    "issuer_signature",
    "issuer_recognition",
    "disclosure_integrity",
    "template_conformance",
)
"""The checks on what the issuer made."""


def require_issued(
    text: str, policy: TrustPolicy, *, now: int, anchor: IssuanceAnchor | None = None
) -> None:
    """Require that an issuer of the policy issued a credential; `now` in seconds.

    Raises:
        RejectedError: it did not, or may not; carries the report.
        UndeterminedError: that cannot be known now; carries the report.
    """
    context = Context(
        policy=policy,
        mode=Mode.REQUESTED,
        now=now,
        request=None,
        query=None,
        anchor=anchor,
        replay=MemoryReplayMemory(),
        known=Known(),
    )
    subject = Subject(text)
    checks = tuple(run_checks(ISSUED, subject, context).values())
    if verdict_of(checks, ISSUED) is not Verdict.ACCEPTED:
        VerificationReport(
            checks=checks,
            expected=ISSUED,
            verified_at=now,
            registry=registry_state(subject, context),
        ).require()


def require_verifiable(vct: str, policy: TrustPolicy, *, now: int) -> None:
    """Require that credentials of a type can be verified at this moment, before one is asked for.

    Whatever verification asks of a registry is asked here already, as far as it is known.

    Raises:
        WalletError: the policy trusts nobody for that type, or its registry does not have it.
        RegistryUnavailableError, ProofError: its registry cannot be asked now.
    """
    if any(vct in listed.types for listed in policy.issuers):
        return
    try:
        named = CredentialType.parse(vct)
    except MalformedError:
        named = None
    network = None if named is None else policy.networks.get(named.network)
    if named is None or network is None:
        raise WalletError(
            f"no trusted registry knows the type {vct}",
            hint="Trust the registry network of its issuer, and then take the offer again.",
        )
    age = now - network.reader.head().time
    if age > network.refuse_after:
        raise RegistryUnavailableError(
            f"the newest known state of the registry {named.network} is {age_text(age)} old",
            hint="Import a newer trust bundle, or go online.",
        )
    _ask_ahead(named, network.reader, now)


def _ask_ahead(named: CredentialType, reader: RegistryReader, now: int) -> None:
    """Ask what verification will ask: a bundle may not cover it, or a node may have gone away."""
    reader.parameter("max_time_lag")
    record = reader.template(named.cpt_id, named.version)
    if record is None:
        raise WalletError(
            f"the registry {named.network} does not have the type {named.cpt_id}:{named.version}",
            hint="Take the offer again when it does, or ask the issuer.",
        )
    try:
        reader.template_document(record)
    except NotFoundError as error:
        raise RegistryUnavailableError(
            f"the template of {named.cpt_id}:{named.version} cannot be read now",
            hint=error.hint,
        ) from None
    # No offer names its issuer's DID: the first of those who may issue stands in for it.
    for listed in reader.recognized_issuers(named.cpt_id)[:1]:
        reader.did(listed.issuer)
        issuer_authority(reader, listed.issuer, named.cpt_id, now, lag=0)
