"""Was this issued before a compromise? Only an issuance anchor can tell.

Clause VF-34 of specs/verification.md.
"""

from __future__ import annotations

from typing import Final

from weid.errors import ProofError
from weid.verification.context import Context, IssuerInRegistry, Subject

PURPOSE: Final = "issuance"
"""The purpose of a batch that anchors an issuing run."""


def anchored_before(
    since: int, subject: Subject, trust: IssuerInRegistry, context: Context
) -> bool:
    """Return whether an anchor of this issuer proves these signed bytes before a time.

    The batch must be one that the issuer itself anchored for issuance: another's root says nothing
    about when the issuer signed.
    """
    anchor = context.anchor
    if anchor is None:
        return False
    batch = trust.network.reader.batch(subject.issuer, anchor.root)
    if batch is None or batch.author != subject.issuer or batch.purpose != PURPOSE:
        return False
    # The block's header time lags behind the clock: the clock may already have been past `since`.
    if batch.version.time + trust.lag >= since:
        return False
    try:
        anchor.verify(subject.sd_jwt.issuer_jws.signing_input, expected_size=batch.count)
    except ProofError:
        return False
    return True
