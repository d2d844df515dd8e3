"""SD-JWT in JWS JSON serialization (RFC 9901 section 8), read into the compact form.

Only reading: other systems may hand such a thing over; we write the compact form and nothing else.
Disclosures and KB-JWT stand in the unprotected header, or beside it as drafts of the RFC had them.
Clause CP-03 of specs/credential-profile.md.
"""

from __future__ import annotations

from typing import Final

from weid import limits
from weid.credential.sd_jwt import SdJwt
from weid.encoding import JsonObject, JsonValue, json_loads_object
from weid.errors import MalformedError

_WHAT: Final = "the SD-JWT as JSON"


def parse_sd_jwt_json(text: str | bytes) -> SdJwt:
    """Read flattened or general JSON serialization with one signature.

    Raises:
        MalformedError: not such an object, more than one signature, disclosures in two places, or
            anything that `SdJwt.parse` refuses in the compact form of it.
        UnsupportedAlgorithmError: its `alg` is neither EdDSA nor ES256.
    """
    members = json_loads_object(text, what=_WHAT, max_bytes=limits.PRESENTATION_BYTES)
    signed = members
    if "signatures" in members:
        signatures = members["signatures"]
        if not isinstance(signatures, list) or len(signatures) != 1:
            raise MalformedError(f"{_WHAT} does not have one signature")
        if "signature" in members or not isinstance(signatures[0], dict):
            raise MalformedError(f"{_WHAT} mixes its two forms")
        signed = signatures[0]
    header = signed.get("header", {})
    if not isinstance(header, dict):
        raise MalformedError(f"the unprotected header of {_WHAT} is not an object")
    jws = ".".join(
        [
            _segment(signed, "protected"),
            _segment(members, "payload"),
            _segment(signed, "signature"),
        ]
    )
    disclosures = _only(header, members, signed, "disclosures", [])
    if not isinstance(disclosures, list):
        raise MalformedError(f"disclosures of {_WHAT} is not an array")
    texts = [_part(item, "disclosures") for item in disclosures]
    key_binding = _part(_only(header, members, signed, "kb_jwt", ""), "kb_jwt", may_be_empty=True)
    return SdJwt.parse("~".join([jws, *texts, key_binding]))


def _only(
    header: JsonObject, members: JsonObject, signed: JsonObject, name: str, absent: JsonValue
) -> JsonValue:
    places = [header, signed] if members is signed else [header, signed, members]
    found = [place[name] for place in places if name in place]
    if len(found) > 1:
        raise MalformedError(f"{name} of {_WHAT} stands in two places")
    return found[0] if found else absent


def _segment(members: JsonObject, name: str) -> str:
    return _part(members.get(name), name)


def _part(value: JsonValue, name: str, *, may_be_empty: bool = False) -> str:
    # A tilde or a dot inside would be read as another part of the compact form.
    separators = "~" if name == "kb_jwt" else "~."
    if not isinstance(value, str) or any(mark in value for mark in separators):
        raise MalformedError(f"{name} of {_WHAT} is missing or not base64url")
    if not value and not may_be_empty:
        raise MalformedError(f"{name} of {_WHAT} is empty")
    return value
