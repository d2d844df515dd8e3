"""DPoP: a token that works only beside a fresh signature of the key it was given to (RFC 9449)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from weid import limits
from weid.clock import Clock
from weid.crypto.jws import create_jws, verify_jws
from weid.crypto.keys import PublicKey
from weid.crypto.signer import Signer
from weid.encoding import JsonObject, base64url_encode, json_dumps
from weid.errors import CryptoError, MalformedError, ProtocolError
from weid.oauth.signed_claims import JTI_CHARACTERS, SignedClaims, read_key, read_signed_claims
from weid.oauth.timed_nonce import TimedNonces
from weid.sessions import SessionStore

TYPE: Final = "dpop+jwt"
ALGORITHMS: Final = ("ES256", "EdDSA")
PROOF_SECONDS: Final = 300
"""Oldest proof that is taken; so long a `jti` is remembered."""
INVALID: Final = "invalid_dpop_proof"
NEEDS_NONCE: Final = "use_dpop_nonce"

_PORTS: Final = {"https": 443, "http": 80}


def access_token_hash(token: str) -> str:
    """Return the `ath` of an access token (section 4.2)."""
    return base64url_encode(hashlib.sha256(token.encode("utf-8")).digest())


def create_dpop_proof(  # noqa: PLR0913 - the members of a proof
    signer: Signer,
    clock: Clock,
    *,
    method: str,
    url: str,
    jti: str,
    nonce: str | None = None,
    access_token: str | None = None,
) -> str:
    """Sign a proof for one request; `jti` is 128 random bits in text, never used before."""
    claims: JsonObject = {"jti": jti, "htm": method, "htu": url, "iat": clock.now()}
    if nonce is not None:
        claims["nonce"] = nonce
    if access_token is not None:
        claims["ath"] = access_token_hash(access_token)
    header: JsonObject = {"typ": TYPE, "jwk": signer.public_key.to_jwk()}
    return create_jws(header, json_dumps(claims), signer)


@dataclass(frozen=True, slots=True)
class DpopProofs:
    """Checks the proofs that reach one server; each is good for one request.

    `nonce_required` false takes proofs without a nonce too; a nonce that is there must be ours.
    """

    sessions: SessionStore
    clock: Clock
    nonces: TimedNonces
    nonce_required: bool = True

    def check(
        self, proof: str, *, method: str, url: str, access_token: str | None = None
    ) -> PublicKey:
        """Check a proof for one request (section 4.3) and return the key that it proves.

        Raises:
            ProtocolError: invalid_dpop_proof, or use_dpop_nonce where a (fresh) nonce is needed.
        """
        try:
            signed = read_signed_claims(proof, typ=TYPE, what="the DPoP proof")
            key = read_key(signed.header.get("jwk"))
            verify_jws(signed.jws, key)
            self._check_request(signed, method, url)
            _check_token(signed, access_token)
            jti = signed.text("jti", most=JTI_CHARACTERS)
        except (MalformedError, CryptoError) as error:
            raise ProtocolError(INVALID, error.message) from None
        self._check_nonce(signed)
        self._use(key, jti)
        return key

    def _check_request(self, signed: SignedClaims, method: str, url: str) -> None:
        if signed.claims.get("htm") != method:
            raise MalformedError("htm of the DPoP proof is not this request's method")
        if _plain_url(signed.text("htu")) != _plain_url(url):
            raise MalformedError("htu of the DPoP proof is not this endpoint")
        now, issued = self.clock.now(), signed.seconds("iat")
        if not now - PROOF_SECONDS <= issued <= now + limits.LEEWAY:
            raise MalformedError("iat of the DPoP proof is too old or in the future")

    def _check_nonce(self, signed: SignedClaims) -> None:
        if not signed.has("nonce") and not self.nonce_required:
            return
        if not self.nonces.accepts(signed.claims.get("nonce")):
            raise ProtocolError(NEEDS_NONCE, "the DPoP proof needs the nonce of this answer")

    def _use(self, key: PublicKey, jti: str) -> None:
        until = self.clock.now() + PROOF_SECONDS + limits.LEEWAY + 1
        if not self.sessions.create(f"dpop:{key.thumbprint()}:{jti}", b"", expires_at=until):
            raise ProtocolError(INVALID, "the DPoP proof was used before")


def _check_token(signed: SignedClaims, access_token: str | None) -> None:
    if access_token is None:
        return
    expected = access_token_hash(access_token).encode("ascii")
    if not hmac.compare_digest(signed.text("ath", most=64).encode("utf-8"), expected):
        raise MalformedError("ath of the DPoP proof is not of this access token")


def _plain_url(url: str) -> tuple[str, str, int | None, str]:
    """Return a URL as it is compared, without query and fragment (section 4.3).

    RFC 3986 leaves out the case of scheme and host (6.2.2) and the default port (6.2.3).
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise MalformedError("htu of the DPoP proof is not a URL") from None
    scheme = parts.scheme.lower()
    if "@" in parts.netloc or not parts.hostname:
        raise MalformedError("htu of the DPoP proof is not a URL of an endpoint")
    return scheme, parts.hostname, port or _PORTS.get(scheme), parts.path or "/"
