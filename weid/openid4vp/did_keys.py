"""The keys of verifiers who are known by a DID, through a resolver (OpenID4VP section 5.9.3).

Clause PP-35 of specs/presentation-profile.md.
"""

from __future__ import annotations

from typing import Final

from weid.crypto.keys import PublicKey
from weid.did.document import Relationship
from weid.did.resolver import DidResolver
from weid.openid4vp.request_object import ResolveKey

_MAY_SIGN: Final = (Relationship.AUTHENTICATION, Relationship.ASSERTION)


def keys_by(resolver: DidResolver) -> ResolveKey:
    """Return how a wallet finds the key that a DID URL names, in force now.

    Only a key with which the DID authenticates or asserts signs requests. What is returned raises
    what the resolver does: RegistryUnavailableError or ProofError where nothing can be known now.
    """

    def resolve(key_url: str) -> PublicKey | None:
        document = resolver.resolve(key_url.partition("#")[0]).document
        if document is None:
            return None
        for relationship in _MAY_SIGN:
            found = document.method_for(key_url, relationship)
            if found is not None:
                return found.key
        return None

    return resolve
