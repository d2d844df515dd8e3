"""As whom a verifier asks, and with which key it signs its requests (OpenID4VP section 5.9.3).

Clauses PP-35 … PP-38 of specs/presentation-profile.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from weid.crypto.certificates import Certificate, CertificateChain
from weid.crypto.jws import create_jws
from weid.crypto.signer import Signer
from weid.did.syntax import DidUrl
from weid.encoding import JsonObject, json_dumps
from weid.errors import CertificateError, CryptoError, MalformedError
from weid.openid4vp.client_id import ClientId, Prefix

TYP = "oauth-authz-req+jwt"


class VerifierIdentity(Protocol):
    """What a verifier is known by to wallets."""

    @property
    def signs(self) -> bool:
        """Whether requests are signed, and so can be handed out by reference."""
        ...

    def client_id(self, response_uri: str) -> ClientId:
        """Return the identifier for requests whose answer goes to a place."""
        ...

    def sign(self, payload: JsonObject) -> str:
        """Return the signed request object."""
        ...


@dataclass(frozen=True, slots=True)
class UnsignedIdentity:
    """Known by nothing but the place that the answer goes to; requests are not signed."""

    @property
    def signs(self) -> bool:
        """False."""
        return False

    def client_id(self, response_uri: str) -> ClientId:
        """Return the place under the prefix `redirect_uri`."""
        return ClientId(Prefix.REDIRECT_URI, response_uri)

    def sign(self, payload: JsonObject) -> str:
        """Raise TypeError: there is no key."""
        del payload
        raise TypeError("an unsigned identity signs nothing")


@dataclass(frozen=True, slots=True)
class CertificateIdentity:
    """Known by an X.509 certificate: by its hash, or by a DNS name in it.

    `chain` is the leaf first, without the anchor; `dns_name` None for the prefix `x509_hash`.

    Raises:
        CertificateError: the chain ends in a root, which wallets refuse (HAIP 1.0).
        MalformedError: the certificate does not have that name, in lower case.
        CryptoError: the signer's key is not the certificate's.
    """

    chain: CertificateChain
    signer: Signer = field(repr=False)
    dns_name: str | None = None

    def __post_init__(self) -> None:
        if self.chain.public_key != self.signer.public_key:
            raise CryptoError("the verifier's key is not the one of its certificate")
        if self.chain.ends_in_anchor:
            raise CertificateError(
                "the verifier's certificate chain holds the certificate authority's own root",
                "malformed",
                hint="Take the last certificate out of the file: wallets have their own copy.",
            )
        if self.dns_name is not None and self.dns_name not in self.chain.leaf.dns_names:
            raise MalformedError(f"the verifier's certificate does not name {self.dns_name}")

    @classmethod
    def from_der(
        cls, chain: Sequence[bytes], signer: Signer, *, dns_name: str | None = None
    ) -> CertificateIdentity:
        """Return the identity of certificates as DER, the leaf first.

        Raises:
            CertificateError: no certificate, or what is wrong with the chain; a leaf that signed
                itself too, which HAIP wallets refuse.
        """
        what = "a certificate of the verifier"
        read = CertificateChain.of([Certificate.parse(der, what=what) for der in chain])
        return cls(read, signer, dns_name)

    @property
    def signs(self) -> bool:
        """True."""
        return True

    def client_id(self, response_uri: str) -> ClientId:
        """Return the certificate's hash or its DNS name.

        Raises:
            MalformedError: the answer would go to another host than the named one.
        """
        if self.dns_name is None:
            return ClientId(Prefix.X509_HASH, self.chain.leaf.thumbprint)
        if urlsplit(response_uri).hostname != self.dns_name:
            raise MalformedError(f"the answer would not go to {self.dns_name}")
        return ClientId(Prefix.X509_SAN_DNS, self.dns_name)

    def sign(self, payload: JsonObject) -> str:
        """Return the signed request object with the chain in its header."""
        header: JsonObject = {"typ": TYP, "x5c": self.chain.to_x5c()}
        return create_jws(header, json_dumps(payload), self.signer)


@dataclass(frozen=True, slots=True)
class DidIdentity:
    """Known by a DID; `key_url` names one of its keys, whose private part signs."""

    key_url: DidUrl
    signer: Signer = field(repr=False)

    def __post_init__(self) -> None:
        if not self.key_url.fragment:
            raise MalformedError("the DID URL of the verifier does not name a key")

    @property
    def signs(self) -> bool:
        """True."""
        return True

    def client_id(self, response_uri: str) -> ClientId:
        """Return the DID under its prefix."""
        del response_uri
        return ClientId(Prefix.DECENTRALIZED_IDENTIFIER, str(self.key_url.did))

    def sign(self, payload: JsonObject) -> str:
        """Return the signed request object with the DID URL of the key in its header."""
        header: JsonObject = {"typ": TYP, "kid": str(self.key_url)}
        return create_jws(header, json_dumps(payload), self.signer)
