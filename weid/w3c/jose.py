"""VC-JOSE-COSE, JOSE only: a credential as `vc+jwt`, a presentation as `vp+jwt`.

The payload is the document itself (clause 3.1.1 there); registered JWT claims beside it must agree
with what it says and are no part of it. Clauses WC-20 … WC-23 of specs/w3c-profile.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weid import limits
from weid.crypto.jws import ParsedJws, create_jws, parse_jws
from weid.crypto.signer import Signer
from weid.encoding import JsonObject, JsonValue, json_dumps, json_loads_object
from weid.errors import MalformedError
from weid.w3c.data_model import ENVELOPED
from weid.w3c.times import parse_stamp
from weid.w3c.vocabulary import CREDENTIALS

CREDENTIAL_TYP: Final = "vc+jwt"
PRESENTATION_TYP: Final = "vp+jwt"
_CONTENT: Final = {CREDENTIAL_TYP: "vc", PRESENTATION_TYP: "vp"}
_REGISTERED: Final = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "nonce", "cnf"})
_DATA_URL: Final = "data:application/{typ},"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoseDocument:
    """A document in a JWS whose signature nobody has verified yet; times in seconds.

    `claims` are the registered JWT claims that came beside it.
    """

    jws: ParsedJws
    document: JsonObject
    claims: JsonObject
    issued_at: int | None
    not_before: int | None
    expires_at: int | None

    @property
    def key_id(self) -> str:
        """The header's kid, empty where there is none."""
        return str(self.jws.header.get("kid", ""))

    @property
    def nonce(self) -> str | None:
        """The nonce of a presentation."""
        value = self.claims.get("nonce")
        return value if isinstance(value, str) else None

    @property
    def audiences(self) -> tuple[str, ...]:
        """Whom a presentation is for."""
        value = self.claims.get("aud", [])
        listed = value if isinstance(value, list) else [value]
        return tuple(each for each in listed if isinstance(each, str))


def parse_jose(text: str, *, typ: str, max_bytes: int = limits.PRESENTATION_BYTES) -> JoseDocument:
    """Read a `vc+jwt` or `vp+jwt`.

    Raises:
        MalformedError: not a strict JWS of that typ, another cty, a `vc` or `vp` claim, a payload
            that is not an object, registered claims at odds with the document.
        UnsupportedAlgorithmError: its `alg` is neither EdDSA nor ES256.
    """
    what = f"the {typ}"
    jws = parse_jws(text, what=what, max_bytes=max_bytes)
    if jws.header["typ"] != typ:
        raise MalformedError(f"typ of {what} is not {typ}")
    if jws.header.get("cty", _CONTENT[typ]) != _CONTENT[typ]:
        raise MalformedError(f"cty of {what} is not {_CONTENT[typ]}")
    payload = json_loads_object(jws.payload, what=f"the payload of {what}", max_bytes=max_bytes)
    for name in ("vc", "vp"):
        if name in payload:
            raise MalformedError(f"{what} has a claim '{name}', which VC-JOSE-COSE forbids")
    claims = {name: payload.pop(name) for name in sorted(_REGISTERED & payload.keys())}
    _check_agreement(claims, payload, typ)
    return JoseDocument(
        jws=jws,
        document=payload,
        claims=claims,
        issued_at=_issued_at(claims),
        not_before=_seconds(claims, "nbf"),
        expires_at=_seconds(claims, "exp"),
    )


def create_jose(
    document: JsonObject,
    *,
    typ: str,
    key_id: str,
    signer: Signer,
    claims: JsonObject | None = None,
) -> str:
    """Sign a document as `vc+jwt` or `vp+jwt`, with registered JWT claims beside it.

    Raises:
        MalformedError: claims that are not registered ones, at odds with the document, or members
            of the document that would be read as such.
    """
    beside = claims or {}
    if not _REGISTERED.issuperset(beside) or not _REGISTERED.isdisjoint(document):
        raise MalformedError("registered JWT claims and the document do not lie apart")
    _check_agreement(beside, document, typ)
    header: JsonObject = {"typ": typ, "cty": _CONTENT[typ], "kid": key_id}
    text = create_jws(header, json_dumps({**document, **beside}), signer)
    parse_jose(text, typ=typ, max_bytes=limits.STATUS_TOKEN_BYTES)  # nothing that we would refuse
    return text


def in_envelope(text: str) -> JsonObject:
    """Return a `vc+jwt` as a credential in an envelope (VCDM 2.0 clause 4.13.1)."""
    return {
        "@context": [CREDENTIALS],
        "type": ENVELOPED,
        "id": _DATA_URL.format(typ=CREDENTIAL_TYP) + text,
    }


def open_envelope(value: JsonObject, *, typ: str = CREDENTIAL_TYP) -> str:
    """Return the `vc+jwt` or `vp+jwt` that an envelope holds.

    Raises:
        MalformedError: another kind of data, or members that an envelope does not have.
    """
    prefix = _DATA_URL.format(typ=typ)
    address = value.get("id")
    if not isinstance(address, str) or not address.startswith(prefix):
        raise MalformedError(f"the envelope is not a data URL of {typ}")
    context = value.get("@context")
    first = context[0] if isinstance(context, list) and context else context
    if first != CREDENTIALS or set(value) != {"@context", "type", "id"}:
        raise MalformedError("the envelope has a member that it cannot have")
    return address[len(prefix) :]


def _check_agreement(claims: JsonObject, document: JsonObject, typ: str) -> None:
    said = {"jti": document.get("id")}
    if typ == CREDENTIAL_TYP:
        said |= {"iss": _id_of(document.get("issuer")), "sub": _subject(document)}
    else:
        said["iss"] = _id_of(document.get("holder"))
    for name, value in said.items():
        if name in claims and claims[name] != value:
            raise MalformedError(f"the claim {name} is at odds with the document")


def _id_of(value: JsonValue) -> JsonValue:
    return value.get("id") if isinstance(value, dict) else value


def _subject(document: JsonObject) -> JsonValue:
    subject = document.get("credentialSubject")
    return subject.get("id") if isinstance(subject, dict) else None


def _issued_at(claims: JsonObject) -> int | None:
    """Return iat; the published vectors write it as a dateTimeStamp too, which says the same."""
    if isinstance(claims.get("iat"), str):
        return parse_stamp(claims["iat"], what="iat")
    return _seconds(claims, "iat")


def _seconds(claims: JsonObject, name: str) -> int | None:
    value = claims.get(name)
    if name not in claims:
        return None
    if type(value) is not int or not 0 <= value <= limits.SAFE_INTEGER:
        raise MalformedError(f"{name} is not a time in whole seconds")
    return value
