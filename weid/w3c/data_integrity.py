"""Data Integrity proofs: eddsa-jcs-2022 made and verified, eddsa-rdfc-2022 verified.

W3C vc-data-integrity 1.0 clauses 2.1 and 4, vc-di-eddsa 1.0 clauses 3.2 and 3.3. The members of a
proof are a closed list: every one of them is signed. Clauses WC-10 … WC-17 of
specs/w3c-profile.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from weid.clock import format_time
from weid.crypto.keys import KeyKind, PublicKey
from weid.crypto.signer import Signer
from weid.encoding import JsonObject, JsonValue, base58_decode, base58_encode, json_canonical
from weid.errors import InvalidSignatureError, MalformedError, UnsupportedAlgorithmError
from weid.w3c.rdf import canonical_rdf
from weid.w3c.terms import ABSOLUTE, Contexts
from weid.w3c.times import parse_stamp

JCS: Final = "eddsa-jcs-2022"
RDFC: Final = "eddsa-rdfc-2022"
ASSERTION: Final = "assertionMethod"
AUTHENTICATION: Final = "authentication"
TYPE: Final = "DataIntegrityProof"
_WHAT: Final = "the proof"
_MEMBERS: Final = frozenset(
    {
        "@context", "type", "id", "cryptosuite", "created", "expires", "verificationMethod",
        "proofPurpose", "challenge", "domain", "nonce", "previousProof", "proofValue",
    }
)  # fmt: skip
_MOST_PROOFS: Final = 8
_SIGNATURE_BYTES: Final = 64
_SIGNATURE_CHARS: Final = 88


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A proof whose form is right; nothing is verified. Times in seconds.

    `members` is the proof as it came; `previous` the ids of the proofs that it covers.
    """

    members: JsonObject
    cryptosuite: str
    key_id: str
    purpose: str
    created: int | None
    expires: int | None
    challenge: str | None
    domains: tuple[str, ...]
    id: str | None
    previous: tuple[str, ...]
    signature: bytes

    @classmethod
    def parse(cls, value: JsonValue) -> Proof:
        """Read one proof.

        Raises:
            MalformedError: a member missing, of another form, or not of a proof.
            UnsupportedAlgorithmError: another type of proof or cryptosuite.
        """
        if not isinstance(value, dict):
            raise MalformedError(f"{_WHAT} is not an object")
        suite = value.get("cryptosuite")
        if value.get("type") != TYPE or suite not in (JCS, RDFC):
            raise UnsupportedAlgorithmError(
                f"{_WHAT} is not a {TYPE} of the cryptosuite {JCS} or {RDFC}"
            )
        if not _MEMBERS.issuperset(value):
            raise MalformedError(f"{_WHAT} has a member that is not of a proof")
        if suite == RDFC and "@context" in value:
            raise MalformedError(f"{_WHAT} has a context, which {RDFC} takes from the document")
        return cls(
            members=value,
            cryptosuite=str(suite),
            key_id=_url(value, "verificationMethod"),
            purpose=_text(value, "proofPurpose"),
            created=_time(value, "created"),
            expires=_time(value, "expires"),
            challenge=_text(value, "challenge") if "challenge" in value else None,
            domains=_texts(value, "domain"),
            id=_url(value, "id") if "id" in value else None,
            previous=_texts(value, "previousProof"),
            signature=_signature(_text(value, "proofValue")),
        )


def split_proofs(secured: JsonObject) -> tuple[JsonObject, tuple[Proof, ...]]:
    """Return a secured document without its proofs, and the proofs.

    The document's context is the one that the proofs sign (vc-di-eddsa 1.0 clause 3.3.2): contexts
    that somebody put behind it are dropped, since nobody signed them.

    Raises:
        MalformedError: no proof, too many, one with a wrong form, an id twice, a `previousProof`
            that is not there, or contexts that the proofs do not sign alike.
        UnsupportedAlgorithmError: a proof of another type or cryptosuite.
    """
    unsecured = {name: value for name, value in secured.items() if name != "proof"}
    value = secured.get("proof")
    listed = value if isinstance(value, list) else [value]
    if value is None or not 0 < len(listed) <= _MOST_PROOFS:
        raise MalformedError(f"the document has no proof, or more than {_MOST_PROOFS}")
    proofs = tuple(Proof.parse(each) for each in listed)
    ids = [proof.id for proof in proofs if proof.id is not None]
    if len(set(ids)) != len(ids):
        raise MalformedError("two proofs have the same id")
    for proof in proofs:
        if proof.id in proof.previous or not set(proof.previous) <= set(ids):
            raise MalformedError("a proof is based on one that is not there")
    return _signed_context(unsecured, proofs), proofs


def _signed_context(unsecured: JsonObject, proofs: tuple[Proof, ...]) -> JsonObject:
    own = _listed(unsecured.get("@context"))
    signed = [
        _listed(proof.members["@context"]) if "@context" in proof.members else own
        for proof in proofs
    ]
    first = signed[0]
    if any(each != first for each in signed):
        raise MalformedError("the proofs do not sign the same contexts")
    if own[: len(first)] != first:
        raise MalformedError("@context of the document does not begin with what the proof signs")
    if own == first:
        return unsecured
    stated = next(p.members["@context"] for p in proofs if "@context" in p.members)
    return unsecured | {"@context": stated}


def _listed(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else [value]


def verify_proof(
    unsecured: JsonObject,
    proof: Proof,
    key: PublicKey,
    *,
    others: tuple[Proof, ...] = (),
    contexts: Contexts,
) -> None:
    """Verify one proof of a document with a key that the caller trusts for it.

    `unsecured` and `others` are what `split_proofs` gave; a proof with `previousProof` covers
    those proofs too (vc-data-integrity 1.0 clause 4.4).

    Raises:
        InvalidSignatureError: it does not verify.
        MalformedError: the document has no canonical form.
        CanonicalizationMissingError: the library for it is not installed.
    """
    if key.kind is not KeyKind.ED25519:
        raise InvalidSignatureError(f"the key is not one of {proof.cryptosuite}")
    before: list[JsonValue] = [
        other.members for other in others if other.id is not None and other.id in proof.previous
    ]
    document = unsecured | {"proof": before} if proof.previous else unsecured
    config = {name: value for name, value in proof.members.items() if name != "proofValue"}
    if proof.cryptosuite == RDFC:
        config["@context"] = unsecured.get("@context")
    key.verify(proof.signature, hash_data(document, config, contexts=contexts))


def hash_data(document: JsonObject, config: JsonObject, *, contexts: Contexts) -> bytes:
    """Return what is signed: the hash of the proof's own configuration, then the document's.

    Raises:
        MalformedError: one of the two has no canonical form.
        CanonicalizationMissingError: the library for it is not installed.
    """
    if config.get("cryptosuite") == JCS:
        parts = [json_canonical(config), json_canonical(document)]
    else:
        parts = [canonical_rdf(config, contexts), canonical_rdf(document, contexts)]
    return b"".join(hashlib.sha256(part).digest() for part in parts)


def create_proof(  # noqa: PLR0913 - what a proof says, each named
    unsecured: JsonObject,
    *,
    signer: Signer,
    key_id: str,
    purpose: str,
    created: int,
    expires: int | None = None,
    challenge: str | None = None,
    domain: str | None = None,
) -> JsonObject:
    """Return a document with one eddsa-jcs-2022 proof; times in seconds.

    Raises:
        MalformedError: it has a proof already, or no canonical form.
        UnsupportedAlgorithmError: the signer's key is not Ed25519.
    """
    if signer.public_key.kind is not KeyKind.ED25519:
        raise UnsupportedAlgorithmError(f"{JCS} needs an Ed25519 key")
    if "proof" in unsecured:
        raise MalformedError("the document has a proof already")
    config: JsonObject = {
        "type": TYPE,
        "cryptosuite": JCS,
        "created": format_time(created),
        "verificationMethod": key_id,
        "proofPurpose": purpose,
    }
    optional: JsonObject = {
        "expires": None if expires is None else format_time(expires),
        "challenge": challenge,
        "domain": domain,
        "@context": unsecured.get("@context"),
    }
    config |= {name: value for name, value in optional.items() if value is not None}
    return unsecured | {"proof": sign_config(unsecured, config, signer=signer)}


def sign_config(unsecured: JsonObject, config: JsonObject, *, signer: Signer) -> JsonObject:
    """Return the proof of an eddsa-jcs-2022 configuration over a document.

    Raises:
        MalformedError: one of them has no canonical form.
    """
    signature = signer.sign(hash_data(unsecured, config, contexts=Contexts({})))
    return config | {"proofValue": "z" + base58_encode(signature)}


def _signature(text: str) -> bytes:
    if not text.startswith("z"):
        raise MalformedError("proofValue does not start with the base58btc prefix 'z'")
    data = base58_decode(text[1:], what="proofValue", max_chars=_SIGNATURE_CHARS)
    if len(data) != _SIGNATURE_BYTES:
        raise MalformedError(f"proofValue is not {_SIGNATURE_BYTES} bytes long")
    return data


def _text(members: JsonObject, name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedError(f"{name} of {_WHAT} is missing or not text")
    return value


def _url(members: JsonObject, name: str) -> str:
    value = _text(members, name)
    if ABSOLUTE.fullmatch(value) is None:
        raise MalformedError(f"{name} of {_WHAT} is not a URL")
    return value


def _texts(members: JsonObject, name: str) -> tuple[str, ...]:
    """Return one text or a list of texts; absent is none."""
    if name not in members:
        return ()
    value = members[name]
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not 0 < len(found) <= _MOST_PROOFS:
        raise MalformedError(f"{name} of {_WHAT} is not text, nor a list of texts")
    for each in found:
        if not isinstance(each, str) or not each:
            raise MalformedError(f"{name} of {_WHAT} is not text, nor a list of texts")
    return tuple(str(each) for each in found)


def _time(members: JsonObject, name: str) -> int | None:
    return parse_stamp(members[name], what=f"{name} of {_WHAT}") if name in members else None
