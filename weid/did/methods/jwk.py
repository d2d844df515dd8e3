"""did:jwk: the identifier is a public JWK, as base64url of its JSON."""

from __future__ import annotations

from typing import Final

from weid import limits
from weid.crypto.keys import KeyKind, PublicKey
from weid.did.methods.key import single_key_document
from weid.did.resolver import (
    DidResolution,
    ResolutionFault,
    ResolutionOptions,
    resolved,
    unresolved,
)
from weid.did.syntax import Did
from weid.encoding import base64url_decode, base64url_encode, json_dumps, json_loads_object

_DEPTH: Final = 4
"""Nesting of a JWK: an object with a list; an x5c chain has no business in an identifier."""


def jwk_did(key: PublicKey) -> str:
    """Return the did:jwk of a public key, from its required members in the order of RFC 7638."""
    return f"did:jwk:{base64url_encode(json_dumps(key.to_jwk()))}"


class JwkMethod:
    """Resolves did:jwk for Ed25519, P-256 and X25519."""

    def resolve(self, did: Did, options: ResolutionOptions) -> DidResolution:
        """Resolve a did:jwk; see `DidMethod`. There is one version of it, for ever."""
        if options != ResolutionOptions():
            return unresolved(ResolutionFault.FEATURE_NOT_SUPPORTED, "did:jwk has no versions")
        members = json_loads_object(
            base64url_decode(did.id, what="the identifier of the did:jwk"),
            what="the JWK of the did:jwk",
            max_bytes=limits.DID_CHARS,
            max_depth=_DEPTH,
        )
        key = PublicKey.from_jwk(members)
        key.check_subgroup()
        agrees = key.kind is KeyKind.P256 and members.get("use") != "sig"
        return resolved(single_key_document(did, key, f"{did}#0", as_jwk=True, also_agrees=agrees))
