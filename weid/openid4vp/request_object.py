"""The signed request (RFC 9101, OpenID4VP sections 5.8 to 5.10): made, and checked by a wallet.

What a wallet learns of the verifier comes from the signature alone: a certificate that leads to an
authority it trusts, or a DID that it can resolve. Whatever else a request says of the verifier is
the verifier's own word.
Clauses PP-34 … PP-40 and PP-63 of specs/presentation-profile.md.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from weid import limits
from weid.addresses import is_loopback_address
from weid.crypto.certificates import Certificate, CertificateChain
from weid.crypto.jws import ParsedJws, parse_jws, verify_jws
from weid.crypto.keys import PublicKey
from weid.did.syntax import DidUrl
from weid.encoding import JsonObject, json_loads_object
from weid.errors import CryptoError, MalformedError, ProtocolError
from weid.openid4vp.client_id import SIGNED, ClientId, Prefix
from weid.openid4vp.verifier_identity import TYP, VerifierIdentity
from weid.verification.request import PresentationRequest

AUDIENCE: Final = "https://self-issued.me/v2"
"""Who a request object is for when the verifier does not know the wallet (section 5.8)."""
CONTENT_TYPE: Final = "application/oauth-authz-req+jwt"
MAX_BYTES: Final = 2 * limits.PRESENTATION_BYTES
WALLET_NONCE_CHARS: Final = 512
MAX_AGE: Final = 600
"""Seconds that a request object without an end is taken for after its `iat`."""
_WHAT: Final = "the request object"
_NEVER_INSIDE: Final = ("request", "request_uri", "scope", "presentation_definition")

ResolveKey = Callable[[str], PublicKey | None]
"""DID URL of a key → the key as the DID's document has it now, None where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTrust:
    """Whom a wallet believes about who asks.

    `anchors` are certificates of authorities. `resolve_key` finds the keys of DIDs; without it
    none is believed. `did_methods` are those whose registries say who a DID is. Whoever is known
    to none of these is refused, unless `accept_unconfirmed`: a certificate then vouches for the
    host in it alone, did:web for its host, and other DIDs for nothing but themselves.
    `allow_loopback_http` lets an answer go to this machine by plain http, for development.
    `accept_own_audience` takes a request object whose audience is the address that it was fetched
    from, as some verifiers of early releases write it.
    """

    anchors: tuple[Certificate, ...] = ()
    resolve_key: ResolveKey | None = None
    did_methods: frozenset[str] = frozenset({"weid"})
    accept_unconfirmed: bool = False
    allow_loopback_http: bool = False
    accept_own_audience: bool = False


@dataclass(frozen=True, slots=True)
class _Sender:
    """The key that must have signed, and whether somebody trusted vouches for it.

    `hosts` are those that the answer may go to, None for any.
    """

    key: PublicKey
    confirmed: bool
    hosts: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class AuthenticRequest:
    """A request whose sender is who its `client_id` says.

    `confirmed` tells whether somebody whom the wallet trusts vouches for that identity (an
    authority's certificate, a DID in a registry); if not, it is only the place of the answer.
    """

    request: PresentationRequest
    client_id: ClientId
    confirmed: bool

    @property
    def place(self) -> str:
        """Where the answer is posted."""
        return self.request.response_uri or ""


def create_request_object(
    request: PresentationRequest, identity: VerifierIdentity, *, wallet_nonce: str | None = None
) -> str:
    """Return a request, signed; `wallet_nonce` as the wallet sent it.

    Raises:
        MalformedError: the request names another verifier, or does not say when it ends.
    """
    place = request.response_uri
    if place is None or identity.client_id(place).text != request.audience:
        raise MalformedError("the request is not one of this verifier's")
    if request.created_at is None or request.expires_at is None:
        raise MalformedError("a signed request says when it was made and until when it lasts")
    payload: JsonObject = {**request.to_json(), "aud": AUDIENCE}
    if wallet_nonce is not None:
        payload["wallet_nonce"] = wallet_nonce
    return identity.sign(payload)


def check_request_object(
    text: str,
    *,
    client_id: str,
    trust: RequestTrust,
    now: int,
    wallet_nonce: str | None = None,
    fetched_from: str | None = None,
) -> AuthenticRequest:
    """Return the request in a request object, once its sender is who `client_id` says.

    `client_id` is the one of the link; `wallet_nonce` the one that the wallet sent, if it did;
    `fetched_from` the address that it came from.

    Raises:
        ProtocolError: with what is wrong; a wallet shows and sends nothing then.
    """
    sender = ClientId.parse(client_id)
    if sender.prefix not in SIGNED:
        raise _refused("a verifier of this kind cannot sign its requests")
    try:
        jws = parse_jws(text, what=_WHAT, max_bytes=MAX_BYTES)
        payload = json_loads_object(jws.payload, what=_WHAT, max_bytes=MAX_BYTES)
        _check_form(jws, payload, client_id, wallet_nonce)
        _check_audience(payload, fetched_from if trust.accept_own_audience else None)
        _check_time(payload, now)
        known = _sender(sender, jws, trust, now)
        verify_jws(jws, known.key)
        request = PresentationRequest.from_json(payload)
    except (MalformedError, CryptoError) as error:
        raise _refused(error.message) from None
    _check_place(request, known.hosts, trust)
    return AuthenticRequest(request, sender, known.confirmed)


def check_unsigned_request(request: PresentationRequest, trust: RequestTrust) -> AuthenticRequest:
    """Return an unsigned request, once its answer goes to the one that it names.

    Raises:
        ProtocolError: a verifier that ought to have signed it, or another place.
    """
    sender = ClientId.parse(request.audience)
    if sender.prefix in SIGNED:
        raise _refused("the request is not signed, as one of this verifier would be")
    if request.response_uri != sender.name:
        raise _refused("the answer would go elsewhere than to the verifier who is named")
    _require_https(request.response_uri, trust)
    return AuthenticRequest(request, sender, confirmed=False)


def _refused(description: str) -> ProtocolError:
    return ProtocolError("invalid_request", description, hint="Do not answer this request.")


def _check_form(
    jws: ParsedJws, payload: JsonObject, client_id: str, wallet_nonce: str | None
) -> None:
    if jws.header["typ"] != TYP:
        raise MalformedError(f"typ of {_WHAT} is not {TYP}")
    if payload.get("client_id") != client_id:
        raise MalformedError(f"{_WHAT} names another verifier than the link")
    for name in _NEVER_INSIDE:
        if name in payload:
            raise MalformedError(f"{_WHAT} has {name}, which is not taken")
    if wallet_nonce is not None:
        echoed = payload.get("wallet_nonce")
        if not isinstance(echoed, str) or not hmac.compare_digest(
            echoed.encode(), wallet_nonce.encode()
        ):
            raise MalformedError(f"{_WHAT} was not made for this wallet: wallet_nonce differs")


def _check_audience(payload: JsonObject, further: str | None) -> None:
    audience = payload.get("aud")
    if not isinstance(audience, str) or audience not in (AUDIENCE, further):
        raise MalformedError(f"{_WHAT} is for another audience")


def _check_time(payload: JsonObject, now: int) -> None:
    times: dict[str, int] = {}
    for name in ("iat", "nbf", "exp"):
        if name in payload:
            value = payload[name]
            if isinstance(value, bool) or not isinstance(value, int):
                raise MalformedError(f"{name} of {_WHAT} is not a time in seconds")
            times[name] = value
    if max(times.get("iat", 0), times.get("nbf", 0)) > now + limits.LEEWAY:
        raise MalformedError(f"{_WHAT} is dated in the future")
    if "iat" not in times and "exp" not in times:
        raise MalformedError(f"{_WHAT} does not say until when it lasts")
    if times.get("exp", times.get("iat", 0) + MAX_AGE) <= now - limits.LEEWAY:
        raise MalformedError(f"{_WHAT} has expired")


def _sender(sender: ClientId, jws: ParsedJws, trust: RequestTrust, now: int) -> _Sender:
    if sender.prefix is Prefix.DECENTRALIZED_IDENTIFIER:
        return _sender_by_did(sender, jws, trust)
    chain = CertificateChain.parse(jws.header.get("x5c"))
    leaf = chain.leaf
    if sender.prefix is Prefix.X509_HASH:
        named = hmac.compare_digest(leaf.thumbprint.encode(), sender.name.encode())
    else:
        named = sender.name.lower() in leaf.dns_names
    if not named:
        raise CryptoError("the certificate is not the one of the verifier who is named")
    chain.check_in_force(now, leeway=limits.LEEWAY)
    confirmed = chain.leads_to(trust.anchors, now, leeway=limits.LEEWAY)
    if not confirmed and not trust.accept_unconfirmed:
        raise CryptoError("the verifier's certificate is of no authority that is trusted")
    # Section 5.9.3: a verifier known by its name gets the answer there.
    if sender.prefix is Prefix.X509_SAN_DNS:
        return _Sender(chain.public_key, confirmed, frozenset({sender.name.lower()}))
    return _Sender(chain.public_key, confirmed, None if confirmed else frozenset(leaf.dns_names))


def _sender_by_did(sender: ClientId, jws: ParsedJws, trust: RequestTrust) -> _Sender:
    kid = jws.header.get("kid")
    if not isinstance(kid, str) or not kid.startswith(sender.name + "#"):
        raise CryptoError("kid does not name a key of the verifier's DID")
    did = DidUrl.parse(kid).did
    confirmed = did.method in trust.did_methods
    if not confirmed and not trust.accept_unconfirmed:
        raise CryptoError("nobody who is trusted says who the verifier's DID is")
    key = None if trust.resolve_key is None else trust.resolve_key(kid)
    if key is None:
        raise CryptoError("the key of the verifier's DID cannot be found")
    host = did.id.partition(":")[0].partition("%3A")[0].lower()
    return _Sender(key, confirmed, frozenset({host}) if did.method == "web" else None)


def _check_place(
    request: PresentationRequest, hosts: frozenset[str] | None, trust: RequestTrust
) -> None:
    _require_https(request.response_uri, trust)
    host = (urlsplit(request.response_uri or "").hostname or "").lower()
    if hosts is not None and host not in hosts:
        raise _refused("the answer would go to another host than the verifier's")


def _require_https(place: str | None, trust: RequestTrust) -> None:
    try:
        parts = urlsplit(place or "")
        host = parts.hostname
    except ValueError:
        raise _refused("the answer does not go to a web address") from None
    local = trust.allow_loopback_http and parts.scheme == "http" and _is_loopback(host or "")
    if (parts.scheme != "https" and not local) or not host or "@" in parts.netloc:
        raise _refused("the answer does not go to an https address")


def _is_loopback(host: str) -> bool:
    return host == "localhost" or is_loopback_address(host)
