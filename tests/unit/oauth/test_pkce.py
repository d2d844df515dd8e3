from __future__ import annotations

import pytest

from tests.support.clauses import clause
from weid.errors import ProtocolError
from weid.oauth.pkce import challenge_of, require_challenge, require_verifier

# RFC 7636 appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@clause("IP-40")
def test_the_published_example_holds():
    assert challenge_of(VERIFIER) == CHALLENGE
    assert require_challenge(CHALLENGE, "S256") == CHALLENGE
    require_verifier(VERIFIER, CHALLENGE)


@clause("I16", "IP-40")
@pytest.mark.parametrize(
    ("challenge", "method"),
    [
        (None, "S256"),
        (CHALLENGE, None),
        (CHALLENGE, "plain"),
        (CHALLENGE, "s256"),
        (CHALLENGE, "S512"),
        (CHALLENGE[:-1], "S256"),
        (CHALLENGE + "=", "S256"),
        (VERIFIER + "x" * 20, "S256"),
    ],
)
def test_no_other_challenge_is_taken(challenge, method):
    with pytest.raises(ProtocolError, match="code_challenge") as refused:
        require_challenge(challenge, method)
    assert refused.value.code == "invalid_request"


@clause("I16", "IP-42")
@pytest.mark.parametrize(
    ("verifier", "code"),
    [
        (None, "invalid_request"),
        ("x" * 43, "invalid_grant"),
        (VERIFIER[:-1], "invalid_grant"),
        (CHALLENGE, "invalid_grant"),
        (VERIFIER + "\u00e9", "invalid_grant"),
        ("x" * 129, "invalid_grant"),
    ],
)
def test_only_the_verifier_of_the_challenge_fits(verifier, code):
    with pytest.raises(ProtocolError) as refused:
        require_verifier(verifier, CHALLENGE)
    assert refused.value.code == code
