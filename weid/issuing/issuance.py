"""One issuing run: rows checked whole, then signed, then anchored together.

Clauses VF-52 and VF-53 of specs/verification.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta, tzinfo
from typing import TYPE_CHECKING, Final

from weid.credential.credential import Credential, create_credential
from weid.credential.duration import Duration
from weid.credential.issuance_anchor import anchor_batch
from weid.credential.status_list import StatusReference
from weid.credential.template import CredentialTemplate
from weid.crypto.keys import PublicKey, RandomBytes
from weid.crypto.signer import Signer
from weid.encoding import JsonObject
from weid.errors import CryptoError, MalformedError, RowsRefusedError

if TYPE_CHECKING:
    from weid.crypto.certificates import CertificateChain

_FAULTS_TOLD: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueRow:
    """One credential to issue.

    `holder_key` is the holder's public key, None for a credential that anyone may hold (paper);
    `valid_for` None takes the template's default.
    """

    claims: JsonObject = field(repr=False)
    holder_key: PublicKey | None
    valid_for: timedelta | Duration | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What is the same for every credential of a run.

    `issued_at` in seconds; `zone` is the issuer's, for claims that depend on the day. With a
    `chain` they carry it in the place of `kid` and `iss`.
    """

    template: CredentialTemplate
    issuer: str
    kid: str
    signer: Signer
    issued_at: int
    random: RandomBytes
    chain: CertificateChain | None = None
    zone: tzinfo = UTC


def check_rows(
    template: CredentialTemplate,
    rows: Sequence[IssueRow],
    *,
    issued_at: int,
    zone: tzinfo = UTC,
) -> None:
    """Require that every row can be issued, without signing anything.

    Raises:
        RowsRefusedError: which rows cannot, and why.
    """
    faults: dict[int, tuple[str, ...]] = {}
    for number, row in enumerate(rows):
        if told := tuple(_row_faults(template, row, issued_at, zone)):
            faults[number] = told
    if not faults:
        return
    every = [f"row {number}: {fault}" for number, told in faults.items() for fault in told]
    more = len(every) - _FAULTS_TOLD
    raise RowsRefusedError(
        "nothing was issued: "
        + "; ".join(every[:_FAULTS_TOLD])
        + (f"; and {more} more" if more > 0 else ""),
        faults=faults,
        hint="Correct the rows that are named and issue the whole again.",
    )


def _row_faults(
    template: CredentialTemplate, row: IssueRow, issued_at: int, zone: tzinfo
) -> Iterator[str]:
    faults = template.check_claims(row.claims)
    yield from map(str, faults)
    try:
        if not faults:
            template.derive(row.claims, issued_at=issued_at, zone=zone)
    except MalformedError as error:
        yield error.message
    try:
        template.expires_at(issued_at, row.valid_for)
    except MalformedError as error:
        yield error.message
    if row.holder_key is None:
        return
    try:
        _ = row.holder_key.algorithm  # a key that cannot sign binds nobody
        row.holder_key.check_subgroup()
    except (MalformedError, CryptoError) as error:
        yield error.message


def sign_rows(
    run: Run, rows: Sequence[IssueRow], references: Sequence[StatusReference]
) -> tuple[bytes, tuple[Credential, ...]]:
    """Sign rows that have no faults; return the root of the run and the credentials.

    Each credential comes with its anchor, which counts once that root is on the registry.
    """
    signed = [
        create_credential(
            run.template,
            row.claims,
            issuer=run.issuer,
            kid=run.kid,
            signer=run.signer,
            issued_at=run.issued_at,
            expires_at=run.template.expires_at(run.issued_at, row.valid_for),
            holder_key=row.holder_key,
            status=reference,
            chain=run.chain,
            zone=run.zone,
            random=run.random,
        )
        for row, reference in zip(rows, references, strict=True)
    ]
    inputs = [credential.sd_jwt.issuer_jws.signing_input for credential in signed]
    anchors = anchor_batch(inputs, random=run.random)
    return anchors[0].root, tuple(
        replace(credential, anchor=anchor)
        for credential, anchor in zip(signed, anchors, strict=True)
    )
