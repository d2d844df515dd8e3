"""SD-JWTs that no issuer of ours would make: any header, any payload, any disclosure, signed well."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from weid.crypto.keys import KeyKind, PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import base64url_encode

ISSUER_KEY = PrivateKey.from_seed(b"\x11" * 32)
HOLDER_KEY = PrivateKey.from_seed(b"\x22" * 32)
STRANGER_KEY = PrivateKey.from_seed(b"\x33" * 32)
P256_KEY = PrivateKey.from_seed(b"\x44" * 32, KeyKind.P256)
ISSUER = InMemorySigner(ISSUER_KEY)
HOLDER = InMemorySigner(HOLDER_KEY)

ISSUER_DID = "did:weid:test:" + "1" * 28
KID = ISSUER_DID + "#assert-1"
NOW = 1_780_000_000


def encode(value: Any) -> str:
    """Return base64url of bytes, of text, or of the JSON of anything else."""
    if not isinstance(value, bytes):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        value = text.encode("utf-8", "surrogatepass")
    return base64url_encode(value)


def disclosure(*parts: Any) -> str:
    """Return the text of a disclosure with these parts, whatever they are."""
    return encode(list(parts))


def digest(text: str) -> str:
    """Return the digest of a disclosure's text."""
    return base64url_encode(hashlib.sha256(text.encode()).digest())


def jws(payload: Any, *, header: Any = None, key: PrivateKey = ISSUER_KEY) -> str:
    """Return a JWS over any header and payload (a value, or its bytes)."""
    if header is None:
        header = {"alg": key.public.algorithm, "typ": "dc+sd-jwt", "kid": KID}
    signing_input = f"{encode(header)}.{encode(payload)}"
    return f"{signing_input}.{base64url_encode(key.sign(signing_input.encode()))}"


def sd_jwt(payload: Any, *disclosures: str, header: Any = None) -> str:
    """Return an SD-JWT in compact form, without key binding."""
    return "~".join([jws(payload, header=header), *disclosures, ""])


def claims(**members: Any) -> dict[str, Any]:
    """Return the payload of a credential with the registered claims; None takes one away."""
    payload: dict[str, Any] = {
        "iss": ISSUER_DID,
        "iat": NOW,
        "exp": NOW + 86_400,
        "vct": "urn:weid:test:cpt:diploma:1",
        "cnf": {"jwk": HOLDER_KEY.public.to_jwk()},
        **members,
    }
    return {name: value for name, value in payload.items() if value is not None}
