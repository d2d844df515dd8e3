"""Values that carry claims do not show them to a log or a debugger."""

from __future__ import annotations

import pytest

from tests.support.clauses import clause
from tests.support.world import CLAIMS, World, seeded
from weid.issuing.issuance import IssueRow
from weid.openid4vci.credential_session import CredentialsIssued, StoredCredential
from weid.openid4vci.events import WalletNotice
from weid.openid4vci.issuance_session import Offered, Stored, TokenIssued
from weid.openid4vci.redemption import Approval, IssuanceRequest, IssuedCredential

KEY = seeded(7).public
TEXT = "eyJ.eyJ.c2ln~WyJzYWx0IiwibmFtZSIsIkFkYSBMb3ZlbGFjZSJd~"
OFFERED = Offered({"diploma": CLAIMS}, 1)
ISSUED = CredentialsIssued([KEY.to_jwk()], 1, [{"credential": TEXT, "anchor": None}], "n")
VALUES: dict[str, object] = {
    "a row to issue": IssueRow(claims=CLAIMS, holder_key=KEY),
    "what a token covers": Approval("i", "diploma", CLAIMS, 1),
    "a request for issuance": IssuanceRequest("i", "diploma", CLAIMS, (KEY,)),
    "an issued credential": IssuedCredential(TEXT),
    "an offer": OFFERED,
    "a session with a token": TokenIssued({"diploma": CLAIMS}, "hash", 1),
    "a session with its credential": ISSUED,
    "a stored session": Stored("i", OFFERED, b"Ada Lovelace"),
    "a stored credential": StoredCredential("i", "diploma", ISSUED, b"Ada Lovelace"),
    "what a wallet told": WalletNotice("i", "diploma", "credential_failure", "not Ada's"),
}


def _tells(text: str) -> bool:
    return "Ada" in text or "1815" in text or "WyJzYWx0" in text


@clause("VF-06")
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_no_claim_is_in_the_repr_of(value: object):
    assert not _tells(repr(value))


@clause("VF-06")
def test_no_claim_is_in_the_repr_of_a_credential():
    credential = World.begin().credential
    told = repr(credential)
    assert not _tells(told)
    assert not _tells(repr(credential.sd_jwt) + repr(credential.reconstruct()))
    assert credential.issuer in told
    assert not [text for text in credential.sd_jwt.disclosures if text in told]
