"""Keys of issuers that stand outside every registry and that the trust policy lists.

Clause VF-38 of specs/verification.md.
"""

from __future__ import annotations

from weid.crypto.keys import PublicKey
from weid.did.document import Relationship
from weid.verification.context import Context
from weid.verification.finding import failed


def find_listed_key(did: str, fragment: str, context: Context) -> PublicKey:
    """Return an assertion key of a listed issuer, as its DID document has it now.

    Such a document has no history that anyone proves: what it says now is all there is.
    """
    resolver = context.policy.resolver
    if resolver is None:
        raise failed("did_method_not_trusted")
    document = resolver.resolve(did).document
    if document is None or document.id != did:
        raise failed("issuer_unknown")
    key_id = f"{did}#{fragment}"
    if document.method(key_id) is None:
        raise failed("key_unknown")
    method = document.method_for(key_id, Relationship.ASSERTION)
    if method is None:
        raise failed("key_purpose_wrong")
    return method.key
