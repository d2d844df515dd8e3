"""Making W3C credentials of templates."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.support.clauses import clause
from tests.support.w3c import CONTEXTS, HOLDER, OPEN_CLAIMS, STRANGER, issue, issuer_key
from tests.support.world import CLAIMS, START, World
from weid.errors import MalformedError
from weid.w3c.create import SigningKey, credential_document, sign_credential
from weid.w3c.data_model import W3cCredential


@pytest.fixture
def world():
    return World.begin()


def document(world, claims=None, **changes):
    options = {
        "issuer": world.issuer.did,
        "holder": HOLDER.did,
        "issued_at": START,
        "expires_at": START + 60,
        "status": (),
    }
    return credential_document(
        world.template, OPEN_CLAIMS if claims is None else claims, **(options | changes)
    )


@clause("WC-40")
def test_a_credential_names_its_template_and_gives_its_claims_a_meaning(world):
    made = document(world)
    found = W3cCredential.parse(made, CONTEXTS)
    assert found.vct == world.template.vct
    assert found.vct_integrity == world.template.integrity
    assert found.claims() == OPEN_CLAIMS
    assert made["@context"][1] == {"@vocab": f"{world.template.vct}#"}
    assert (found.valid_from, found.valid_until) == (START, START + 60)


@clause("WC-41")
def test_a_claim_that_is_always_withheld_cannot_stand_in_it(world):
    with pytest.raises(MalformedError, match="born"):
        document(world, CLAIMS)


@clause("WC-41")
@pytest.mark.parametrize(
    "claims", [{}, {**OPEN_CLAIMS, "rank": "Dr"}, {**OPEN_CLAIMS, "id": "did:example:eve"}]
)
def test_claims_that_do_not_conform_are_not_signed(world, claims):
    with pytest.raises(MalformedError):
        document(world, claims)


@clause("WC-40")
def test_a_validity_that_leaves_nothing_is_refused(world):
    with pytest.raises(MalformedError, match="validity"):
        document(world, expires_at=START)
    with pytest.raises(MalformedError):
        issue(world, valid_for=timedelta(days=365 * 50))


@clause("WC-40")
def test_nobody_signs_for_another(world):
    with pytest.raises(MalformedError, match="another issuer"):
        sign_credential(document(world), STRANGER, created=START)
    with pytest.raises(MalformedError, match="not one of the DID"):
        SigningKey(HOLDER.did, STRANGER.key_id, HOLDER.signer)
    text = sign_credential(document(world), issuer_key(world), created=START)
    assert json.loads(text)["proof"]["proofPurpose"] == "assertionMethod"
