"""The metadata at `/.well-known/jwt-vc-issuer` (SD-JWT VC section 5), made from the registry.

An extra for wallets that look there: our credentials name a DID, or carry a chain, and no web
address ever vouches for a key. Clause VF-47 of specs/verification.md.
"""

from __future__ import annotations

from typing import Final

from weid.crypto.keys import PublicKey
from weid.encoding import JsonObject, JsonValue
from weid.registry.operations import KeyPurpose
from weid.registry.records import DidRecord, RegisteredKey

WELL_KNOWN: Final = "jwt-vc-issuer"


def jwt_vc_issuer_metadata(issuer: str, record: DidRecord, *, now: int) -> JsonObject:
    """Return the metadata of an issuer's web address with the keys that its DID signs with now.

    `issuer` is the https address that is asked; `now` in seconds. A deactivated DID has no key.
    """
    keys: list[JsonValue] = []
    for key in record.keys:
        if record.deactivated_at is None and _signs(key, now):
            public = PublicKey.from_multicodec(key.multikey)
            named: JsonObject = {"kid": f"{record.did}#{key.id}", "alg": public.algorithm}
            keys.append(public.to_jwk() | named | {"use": "sig"})
    return {"issuer": issuer, "jwks": {"keys": keys}}


def _signs(key: RegisteredKey, now: int) -> bool:
    retired = key.retired_at is not None and key.retired_at <= now
    return KeyPurpose.ASSERTION in key.purposes and not retired and key.compromised_since is None
