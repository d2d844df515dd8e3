"""Which registered key a certificate chain says signed: one DID URL in the leaf's URI SAN.

A chain in `x5c` takes the place of `kid`: it names the key, and like `kid` it proves nothing. Both
together, or names that disagree, are refused, so that no two readers see two issuers.
Clauses CP-53 … CP-55 of specs/credential-profile.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from weid.did.syntax import DidUrl
from weid.encoding import JsonObject, JsonValue
from weid.errors import CertificateError, MalformedError

if TYPE_CHECKING:
    from weid.crypto.certificates import CertificateChain
    from weid.crypto.keys import PublicKey

MEMBER: Final = "x5c"


@dataclass(frozen=True, slots=True)
class NamedKey:
    """The key that a chain names: `url` of an assertion key, and the chain itself."""

    url: DidUrl
    chain: CertificateChain


def read_issuer_chain(header: JsonObject, *, issuer: str | None) -> NamedKey:
    """Return the key that the `x5c` of a header names.

    `issuer` is the `iss` beside it, which must then be the DID of that key; None where there is
    none.

    Raises:
        CertificateError: its `fault` says which rule is broken.
    """
    # Imported with the first chain: reading X.509 costs the start of everything else some time.
    from weid.crypto.certificates import CertificateChain  # noqa: PLC0415

    if "kid" in header:
        raise CertificateError("the header names its key twice, by kid and x5c", "beside_key_id")
    chain = CertificateChain.parse(header[MEMBER])
    url = named_key(chain)
    if issuer is not None and issuer != str(url.did):
        raise CertificateError("the certificate names another DID than iss", "of_another")
    return NamedKey(url, chain)


def said_issuer(header: JsonObject, issuer: JsonValue) -> str:
    """Return who a header and an `iss` (None without one) say has issued, unjudged; empty: nobody.

    For showing to the holder of what was verified before, or says itself that it was not.
    """
    if issuer is None and MEMBER in header:
        try:
            return str(read_issuer_chain(header, issuer=None).url.did)
        except CertificateError:
            return ""
    return issuer if isinstance(issuer, str) else ""


@lru_cache(maxsize=128)
def named_key(chain: CertificateChain) -> DidUrl:
    """Return the DID URL of the one key that a leaf names in its URI SANs.

    Other URIs may stand beside it, and the bare DID of the key.

    Raises:
        CertificateError: none (names_no_key), or more than one key or DID (names_several).
    """
    urls = [_parse(uri) for uri in chain.leaf.uris if uri[:4].lower() == "did:"]
    keys = {url for url in urls if url.fragment}
    if len({url.did for url in urls}) > 1 or len(keys) > 1:
        raise CertificateError("the certificate names more than one DID or key", "names_several")
    if not keys:
        raise CertificateError("no URI SAN of the certificate names a key of a DID", "names_no_key")
    return keys.pop()


def _parse(uri: str) -> DidUrl:
    try:
        url = DidUrl.parse(uri)
    except MalformedError:
        url = None
    if url is None or url.query:
        raise CertificateError(
            "a URI SAN of the certificate is no DID URL of a key", "names_no_key"
        )
    return url


def require_chain_of(chain: CertificateChain, kid: str, key: PublicKey, *, now: int) -> None:
    """Require a chain that an issuer may sign with: this key, under this name, in force now.

    HAIP 1.0 section 6.1.1: neither is the leaf self-signed, nor is the trust anchor in the chain.

    Raises:
        CertificateError: what is wrong with it, with a hint.
    """
    if chain.public_key != key:
        raise CertificateError(
            f"the leaf of the certificate chain does not have the key {kid}",
            "key_other",
            hint="Ask the certificate authority with `weid key request` of the key that signs.",
        )
    if str(named_key(chain)) != kid:
        raise CertificateError(
            f"the leaf of the certificate chain names {named_key(chain)} and not {kid}",
            "of_another",
            hint=f"It must have the URI {kid} among its subject alternative names.",
        )
    if chain.ends_in_anchor:
        raise CertificateError(
            "the certificate chain holds the certificate authority's own root",
            "malformed",
            hint="Take the last certificate out of the file: wallets have their own copy.",
        )
    chain.check_in_force(now)
