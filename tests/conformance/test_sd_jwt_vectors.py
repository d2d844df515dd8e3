"""The vectors of RFC 9901, of SD-JWT VC and of their authors' test cases."""

from __future__ import annotations

import pytest

from tests.conformance.ietf_results import bind, hashes_the_json, parse
from tests.conformance.published import needs_vectors, vectors
from tests.support.clauses import clause
from weid.errors import MalformedError

pytestmark = needs_vectors


@clause("CP-01", "CP-03", "CP-10", "CP-20")
@pytest.mark.parametrize("vector", vectors("sd-jwt.json"))
def test_a_published_sd_jwt_is_accepted_with_its_claims(vector):
    assert vector["expected"]["valid"] is True, "the file has no refusals; this test would need one"
    sd_jwt, claims = parse(vector)
    assert claims == vector["expected"]["claims"]
    if not vector["key_binding"]["required"]:
        assert sd_jwt.key_binding is None
    elif vector["format"] == "compact":
        assert bind(vector, sd_jwt, claims)
    else:
        assert hashes_the_json(vector)
        # These four (level "may") hash the JSON text; section 8.1 has the compact form hashed.
        assert vector["level"] == "may"
        with pytest.raises(MalformedError, match="sd_hash"):
            bind(vector, sd_jwt, claims)
