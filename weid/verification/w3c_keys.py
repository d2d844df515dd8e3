"""Keys that sign W3C credentials beside the issuer's own: found in their DID documents.

Clauses WC-52 and WC-56 of specs/w3c-profile.md.
"""

from __future__ import annotations

from typing import Final

from weid.crypto.keys import PublicKey
from weid.did.document import Relationship
from weid.did.methods import local_methods
from weid.did.resolver import DidResolver, UniversalResolver
from weid.did.syntax import DidUrl
from weid.errors import MalformedError
from weid.verification.context import Context
from weid.verification.finding import failed
from weid.verification.issuer_keys import find_trust

_WEID: Final = "did:weid:"
_LOCAL: Final = (_WEID, "did:key:", "did:jwk:")


def did_of(key_id: str) -> str:
    """Return the DID of a verification method's id: whose document it must stand in."""
    return key_id.partition("#")[0]


def resolve_key(key_id: str, relationship: Relationship, context: Context) -> PublicKey:
    """Return a key that its DID's document, as it is now, has for a purpose.

    did:weid is asked of the trusted networks, did:key and did:jwk say it themselves, any other
    method is for the policy's resolver.
    """
    try:
        url = DidUrl.parse(key_id)
    except MalformedError:
        raise failed("key_id_malformed") from None
    did = str(url.did)
    if not url.fragment or url.query:
        raise failed("key_id_malformed")
    if did.startswith(_WEID):
        find_trust(did, context)  # a trusted network, whose state is young enough
    resolver = _resolver_of(did, context)
    document = None if resolver is None else resolver.resolve(did).document
    if document is None or document.id != did:
        raise failed("key_unknown")
    found = document.method(key_id)
    if found is None or found.controller != did:
        raise failed("key_unknown")
    method = document.method_for(key_id, relationship)
    if method is None:
        raise failed("key_purpose_wrong")
    return method.key


def _resolver_of(did: str, context: Context) -> DidResolver | None:
    if not did.startswith(_LOCAL):
        return context.policy.resolver
    readers = [network.reader for network in context.policy.networks.values()]
    return UniversalResolver(local_methods(readers))
