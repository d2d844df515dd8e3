"""Whether a credential comes from an authority that a query names (OpenID4VP section 6.1.1).

Only `aki` is known: an Authority Key Identifier in the certificate chain that the issuer put into
the signed header. Everything else, `etsi_tl` and `openid_federation` too, matches nothing: we have
no such lists. A match is no trust: whether the issuer may issue is checked by itself.
Clause PP-33 of specs/presentation-profile.md.
"""

from __future__ import annotations

from typing import Final

from weid.encoding import JsonObject, base64url_encode
from weid.errors import MalformedError
from weid.verification.dcql import CredentialQuery

AKI: Final = "aki"


def comes_from_authority(header: JsonObject, query: CredentialQuery) -> bool:
    """Return whether the issuer's signed header fits the query; True where it names nobody."""
    if not query.trusted_authorities:
        return True
    wanted = {
        value
        for authority in query.trusted_authorities
        if authority.type == AKI
        for value in authority.values
    }
    if not wanted or "x5c" not in header:
        return False
    # Imported with the first such query: reading X.509 costs the start of everything else time.
    from weid.crypto.certificates import CertificateChain  # noqa: PLC0415

    try:
        chain = CertificateChain.parse(header["x5c"])
        found = {base64url_encode(identifier) for identifier in chain.authority_key_ids}
    except MalformedError:
        return False
    return not wanted.isdisjoint(found)
