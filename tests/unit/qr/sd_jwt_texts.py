"""Texts in the form of SD-JWTs for envelope tests: the form is right, nothing is signed."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Sequence

from weid.encoding import base58_encode, base64url_encode, json_dumps

CLAIMS = {
    "certificate_no": "DIP-2026-00004",
    "name": "歐陽美玲",
    "name_latin": "AO IEONG, MEI LENG",
    "birthdate": "1990-02-20",
    "degree": "翻譯學碩士(中葡)",
    "degree_foreign": "Mestrado em Tradução (Chinês-Português)",
}


def part(value: object) -> str:
    return base64url_encode(json_dumps(value))


def sd_jwt(
    claims: dict[str, object] = CLAIMS,
    shown: Sequence[str] = ("name", "degree", "degree_foreign"),
    *,
    key_binding: bool = True,
    cnf: bool = True,
    audience: str = "https://counter.verifier.example",
    seed: int = 7,
) -> str:
    """A certificate with six withholdable claims, three of them shown, as the issuer writes it."""
    draw = random.Random(seed).randbytes
    did = "did:weid:macau:" + base58_encode(b"\x01" + draw(20))
    disclosures = {
        name: part([base64url_encode(draw(16)), name, value]) for name, value in claims.items()
    }
    digests = sorted(
        base64url_encode(hashlib.sha256(text.encode()).digest()) for text in disclosures.values()
    )
    payload: dict[str, object] = {
        "iss": did,
        "iat": 1_790_000_000,
        "exp": 1_821_536_000,
        "vct": "urn:weid:macau:cpt:university-diploma:1",
        "vct#integrity": "sha256-" + base64.b64encode(draw(32)).decode(),
    }
    if cnf:
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url_encode(draw(32))}
        payload["cnf"] = {"jwk": jwk}
    uri = "https://issuer.gov.example/status/3"
    payload["status"] = {"status_list": {"idx": 93_121, "uri": uri}}
    if digests:
        payload |= {"_sd": digests, "_sd_alg": "sha-256"}
    header = {"alg": "EdDSA", "typ": "dc+sd-jwt", "kid": f"{did}#assertion-1"}
    text = f"{part(header)}.{part(payload)}.{base64url_encode(draw(64))}~"
    text += "".join(disclosures[name] + "~" for name in shown)
    if key_binding:
        bound = {
            "iat": 1_790_001_234,
            "aud": audience,
            "nonce": base64url_encode(draw(16)),
            "sd_hash": base64url_encode(hashlib.sha256(text.encode()).digest()),
        }
        text += (
            f"{part({'alg': 'EdDSA', 'typ': 'kb+jwt'})}.{part(bound)}.{base64url_encode(draw(64))}"
        )
    return text
