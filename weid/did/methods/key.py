"""did:key (method specification v0.9): the identifier is the key, as Multikey."""

from __future__ import annotations

from weid.crypto.keys import KeyKind, PublicKey
from weid.did.document import SIGNING, DidDocument, Relationship, VerificationMethod
from weid.did.resolver import (
    DidResolution,
    ResolutionFault,
    ResolutionOptions,
    resolved,
    unresolved,
)
from weid.did.syntax import Did


def key_did(key: PublicKey) -> str:
    """Return the did:key of a public key."""
    return f"did:key:{key.to_multikey()}"


class KeyMethod:
    """Resolves did:key for Ed25519, P-256 and X25519."""

    def resolve(self, did: Did, options: ResolutionOptions) -> DidResolution:
        """Resolve a did:key; see `DidMethod`. There is one version of it, for ever."""
        if options != ResolutionOptions():
            return unresolved(ResolutionFault.FEATURE_NOT_SUPPORTED, "did:key has no versions")
        key = PublicKey.from_multikey(did.id)
        key.check_subgroup()
        return resolved(single_key_document(did, key, f"{did}#{did.id}"))


def single_key_document(
    did: Did, key: PublicKey, method_id: str, *, as_jwk: bool = False, also_agrees: bool = False
) -> DidDocument:
    """Return the document of a DID that is one key.

    A signing key serves for every relationship but agreement, unless `also_agrees` (we derive no
    second key from it); X25519 serves for agreement only.
    """
    purposes = {Relationship.KEY_AGREEMENT} if key.kind is KeyKind.X25519 else set(SIGNING)
    if also_agrees:
        purposes.add(Relationship.KEY_AGREEMENT)
    return DidDocument(
        id=str(did),
        methods=(VerificationMethod(method_id, str(did), key, as_jwk=as_jwk),),
        relationships={each: (method_id,) for each in Relationship if each in purposes},
    )
