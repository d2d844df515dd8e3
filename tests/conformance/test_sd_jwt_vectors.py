"""The vectors of RFC 9901, of SD-JWT VC and of their authors' test cases."""

from __future__ import annotations

import json

import pytest

from tests.conformance.published import needs_vectors, vectors
from tests.support.clauses import clause
from weid.credential.key_binding import check_key_binding, verify_key_binding
from weid.credential.sd_jwt import SdJwt, reconstruct
from weid.credential.sd_jwt_json import parse_sd_jwt_json
from weid.crypto.jws import verify_jws
from weid.crypto.keys import PublicKey
from weid.errors import MalformedError

pytestmark = needs_vectors


def parse(vector):
    """Return the SD-JWT of a vector with the issuer's signature verified, and its claims."""
    if vector["format"] == "json":
        sd_jwt = parse_sd_jwt_json(json.dumps(vector["sd_jwt"]))
    else:
        sd_jwt = SdJwt.parse(vector["sd_jwt"])
    verify_jws(sd_jwt.issuer_jws, PublicKey.from_jwk(vector["issuer_jwk"]))
    return sd_jwt, reconstruct(sd_jwt).claims


def bind(vector, sd_jwt, claims):
    """Verify the key binding as the vector asks."""
    expected = vector["key_binding"]
    holder_key = PublicKey.from_jwk(claims["cnf"]["jwk"])
    if expected.get("iat_check", True):
        check_key_binding(
            sd_jwt,
            holder_key,
            expected_audience=expected["aud"],
            expected_nonce=expected["nonce"],
            now=expected["now"],
            max_age=expected["max_age_seconds"],
        )
    else:
        binding = verify_key_binding(sd_jwt, holder_key)
        assert (binding.audience, binding.nonce) == (expected["aud"], expected["nonce"])


@clause("CP-01", "CP-03", "CP-10", "CP-20")
@pytest.mark.parametrize("vector", vectors("sd-jwt.json"))
def test_a_published_sd_jwt_is_accepted_with_its_claims(vector):
    assert vector["expected"]["valid"] is True, "the file has no refusals; this test would need one"
    sd_jwt, claims = parse(vector)
    assert claims == vector["expected"]["claims"]
    if not vector["key_binding"]["required"]:
        assert sd_jwt.key_binding is None
    elif vector["format"] == "compact":
        bind(vector, sd_jwt, claims)
    else:
        # These four (level "may") hash the JSON text; section 8.1 has the compact form hashed.
        assert vector["level"] == "may"
        with pytest.raises(MalformedError, match="sd_hash"):
            bind(vector, sd_jwt, claims)
