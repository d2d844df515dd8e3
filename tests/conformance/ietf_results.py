"""What becomes of each published vector of SD-JWT, SD-JWT VC and Token Status List.

The same rows as those of w3c_results.py: the set, the id, the outcome and why.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.conformance.w3c_results import (
    NOT_DONE,
    PASSES,
    WRONG,
    VectorSet,
    expected_success,
    vectors_of,
)
from weid.credential.key_binding import check_key_binding, verify_key_binding
from weid.credential.sd_jwt import SdJwt, reconstruct
from weid.credential.sd_jwt_json import parse_sd_jwt_json
from weid.credential.status_list import StatusList, parse_status_token
from weid.crypto.jws import verify_jws
from weid.crypto.keys import PublicKey
from weid.encoding import JsonObject
from weid.errors import WeidError

HASHES_THE_JSON = (
    "its key binding hashes the JSON text (the file calls that optional); RFC 9901 section 8.1 has "
    "the compact form hashed"
)
"""Why a presentation in JSON serialization is not done: issuer's signature and claims are."""


def parse(vector: Any) -> tuple[SdJwt, JsonObject]:
    """Return the SD-JWT of a vector with the issuer's signature verified, and its claims."""
    if vector["format"] == "json":
        sd_jwt = parse_sd_jwt_json(json.dumps(vector["sd_jwt"]))
    else:
        sd_jwt = SdJwt.parse(vector["sd_jwt"])
    verify_jws(sd_jwt.issuer_jws, PublicKey.from_jwk(vector["issuer_jwk"]))
    return sd_jwt, reconstruct(sd_jwt).claims


def bind(vector: Any, sd_jwt: SdJwt, claims: Any) -> bool:
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
        return True
    binding = verify_key_binding(sd_jwt, holder_key)
    return (binding.audience, binding.nonce) == (expected["aud"], expected["nonce"])


def hashes_the_json(vector: Any) -> bool:
    """Return whether a vector is a presentation whose key binding hashes its JSON text."""
    return vector["format"] == "json" and bool(vector["key_binding"]["required"])


def run_sd_jwt(vector: Any) -> bool:
    """Verify signature, claims and key binding."""
    sd_jwt, claims = parse(vector)
    if claims != vector["expected"]["claims"]:
        return False
    if vector["key_binding"]["required"]:
        return bind(vector, sd_jwt, claims)
    return sd_jwt.key_binding is None


def run_status_list(vector: Any) -> bool:
    """Decode a list or a token; have the statuses that are given, and no others."""
    if "jwt" in vector:
        token = parse_status_token(vector["jwt"])
        return token.uri == "https://example.com/statuslists/1" and token.ttl == 43200
    statuses = StatusList.decode(vector["json"])
    if "expected" in vector:
        statuses.get(vector["index"])
        return True
    if "bytes_hex" in vector:
        values = [statuses.get(index) for index in range(statuses.size)]
        return bool(statuses.raw.hex() == vector["bytes_hex"] and values == vector["values"])
    wanted = {int(index): status for index, status in vector["statuses"].items()}
    others = set(range(0, statuses.size, 997)) - set(wanted)
    return (
        (statuses.bits, statuses.size) == (vector["bits"], vector["size"])
        and all(statuses.get(index) == status for index, status in wanted.items())
        and all(statuses.get(index) == vector["others"] for index in others)
    )


_SD_JWT_TEST = (
    "tests/conformance/test_sd_jwt_vectors.py::test_a_published_sd_jwt_is_accepted_with_its_claims"
)


def _named(*beginnings: str) -> Any:
    return lambda vector: vector["id"].partition("/")[0] in beginnings


SD_JWT_SETS = (
    VectorSet(
        "RFC 9901 SD-JWT, the text and its examples",
        "sd-jwt.json",
        _SD_JWT_TEST,
        run_sd_jwt,
        _named("rfc", "rfc9901"),
    ),
    VectorSet(
        "SD-JWT, test cases of sd-jwt-python",
        "sd-jwt.json",
        _SD_JWT_TEST,
        run_sd_jwt,
        _named("tc"),
    ),
    VectorSet(
        "SD-JWT VC, examples",
        "sd-jwt.json",
        _SD_JWT_TEST,
        run_sd_jwt,
        _named("vc"),
    ),
)
SETS = (
    *SD_JWT_SETS,
    VectorSet(
        "Token Status List",
        "status-lists.json",
        "tests/conformance/test_status_list_vectors.py",
        run_status_list,
        lambda vector: vector["kind"] != "bitstring",
    ),
)


def outcome(one: VectorSet, vector: Any) -> str:
    """Run a vector and return what came of it."""
    try:
        succeeded = one.run(vector)
    except WeidError:
        succeeded = False
    if succeeded == expected_success(vector):
        return PASSES
    return NOT_DONE if reason(one, vector) and not succeeded else WRONG


def reason(one: VectorSet, vector: Any) -> str:
    """Return why a vector is not done; empty where nothing stands in its way."""
    return HASHES_THE_JSON if one in SD_JWT_SETS and hashes_the_json(vector) else ""


def results() -> Iterator[tuple[str, str, str, str]]:
    """Give (set, id, outcome, reason) of every vector."""
    for one in SETS:
        for vector in vectors_of(one):
            found = outcome(one, vector)
            told = reason(one, vector) if found == NOT_DONE else ""
            yield one.name, vector["id"], found, told
